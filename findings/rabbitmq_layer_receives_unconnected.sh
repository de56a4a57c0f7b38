#!/usr/bin/env bash
# channels-rabbitmq: receive() waits without a connection to RabbitMQ, until its process joins a group.
# shellcheck source=SCRIPTDIR/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
install django==5.2.19 channels==4.3.2 channels-rabbitmq==4.0.1 carehare==1.0.2
run_program <<'PYTHON'
import asyncio
import contextlib
import sys

from channels_rabbitmq.core import RabbitmqChannelLayer


async def main():
    came = []
    # In RabbitMQ's place: it counts who comes, which is all that is asked here.
    server = await asyncio.start_server(lambda *streams: came.append(streams), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    layer = RabbitmqChannelLayer(host=f"amqp://guest:guest@127.0.0.1:{port}/")
    channel = await layer.new_channel()
    print("expected: a process that waits for messages is connected to RabbitMQ, from which they come")
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(layer.receive(channel), 3)
    waiting = len(came)
    print(f"seen: after three seconds of receive(): {waiting} connections")
    joining = asyncio.create_task(layer.group_add("room", channel))
    for _ in range(50):
        await asyncio.sleep(0.1)
        if came:
            break
    print(f"seen: after group_add(): {len(came)} connection")
    joining.cancel()
    server.close()
    if waiting or not came:
        return "Changed: receive() connects, or group_add() does not."
    return None


sys.exit(asyncio.run(main()))
PYTHON
