# %% 2
from chatflow.running.labs import LABS

HEAD = '    yield b""'
RAW = '    environ["gunicorn.socket"].sendall'
GREET = f"""{HEAD}
{RAW}(b"\\x81\\x05hello")
    yield b"\\x81\\x05again"
{RAW}(b"\\x81\\x03end")
"""
source = (LABS / "wsgi_streams.py").read_text()
assert source.count(HEAD) == 1
(LABS / "mine.py").write_text(source.replace(HEAD, GREET + "    " + HEAD.strip()))
try:
    async with (
        lab("mine", server="gunicorn") as app,
        websockets.connect(app.ws_url) as socket,
        asyncio.timeout(10),
    ):
        said = [await socket.recv(), await socket.recv()]
finally:
    (LABS / "mine.py").unlink()
# What is yielded, gunicorn drops: to it a response of status 101 has no body.
assert said == ["hello", "end"]

# %% 3
async with Visitor(chat, "bob") as bob, Visitor(chat, "carol") as carol:
    await bob.open("lobby")
    await carol.open("tea")
    await post(chat, "lobby", "alice", "only for the lobby")
    written = await chat.flow("only for the lobby")
assert written.unreached() == ["bob"], "she is in another room, and misses nothing"
