"""The same chat on python-socketio, with its Redis manager: a peer for `scripts/bench.sh`."""

import os

import socketio

server = socketio.AsyncServer(
    async_mode="asgi", client_manager=socketio.AsyncRedisManager(os.environ["REDIS_URL"])
)
application = socketio.ASGIApp(server)


@server.event
async def join(sid, room_name):
    async with server.session(sid) as session:
        session["room_name"] = room_name
    await server.enter_room(sid, room_name)
    await server.emit("joined", room_name, to=sid)


@server.event
async def post(sid, text):
    session = await server.get_session(sid)
    await server.emit("message", text, room=session["room_name"])
