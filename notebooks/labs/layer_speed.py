"""How long one message takes through each channel layer, from group_send to the last receive.

By hand, from the notebooks folder: `../.venv/bin/python labs/layer_speed.py`.
"""

import asyncio
import sys
import time
from pathlib import Path

# So that this file also runs as a script: chatflow lies next to the labs folder.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from channels.layers import InMemoryChannelLayer
from channels_redis.core import RedisChannelLayer

from chatflow.running import redis_server
from chatflow.running.processes import RunFolder

MESSAGES, MEMBERS = 300, 10


async def compare():
    """Measure both layers in one process; returns µs per message by the name of the layer."""
    files = RunFolder("layer_speed")
    try:
        server = await asyncio.to_thread(redis_server.start, files)
        redis = RedisChannelLayer(hosts=[server.url])
        figures = {
            "in-memory": await microseconds_per_message(InMemoryChannelLayer()),
            "Redis": await microseconds_per_message(redis),
        }
        await redis.close_pools()
        return figures
    finally:
        await asyncio.to_thread(files.close)


async def microseconds_per_message(layer):
    """Send one message after the other to a group of ten, each received by all ten."""
    channels = [await layer.new_channel() for _ in range(MEMBERS)]
    for channel in channels:
        await layer.group_add("speed", channel)
    start = time.perf_counter()
    for number in range(MESSAGES):
        await layer.group_send("speed", {"type": "chat.message", "number": number})
        await asyncio.gather(*map(layer.receive, channels))
    return (time.perf_counter() - start) / MESSAGES * 1e6


async def main():
    figures = await compare()
    for name, microseconds in figures.items():
        print(f"{name:<10} {microseconds:6.0f} µs per message to a group of {MEMBERS}")


if __name__ == "__main__":
    try:
        asyncio.run(main())
    except KeyboardInterrupt:
        sys.exit(130)
