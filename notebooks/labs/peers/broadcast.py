"""Text out to all who are connected, and nothing else: the baseline for what a chat costs.

Takes a listening socket over, whose number is its one argument.
"""

import asyncio
import socket
import sys

import websockets


async def serve():
    connections = set()

    async def pass_on(connection):
        connections.add(connection)
        try:
            async for text in connection:
                websockets.broadcast(connections, text)
        finally:
            connections.remove(connection)

    listener = socket.socket(fileno=int(sys.argv[1]))
    async with websockets.serve(pass_on, sock=listener, compression=None) as server:
        await server.serve_forever()


asyncio.run(serve())
