"""A layer message finds its method by its type: a consumer that sends itself what you type.

By hand: `cd notebooks/labs`, then `../../.venv/bin/daphne no_handler:application`. Each text frame
becomes the type of a message to the consumer's own channel: "chat.message" has a method,
"chat.massage" has none.
"""

from channels.generic.websocket import AsyncWebsocketConsumer
from django.conf import settings

settings.configure(
    CHANNEL_LAYERS={"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}},
)


class TypingConsumer(AsyncWebsocketConsumer):
    async def receive(self, text_data=None, bytes_data=None):
        await self.channel_layer.send(self.channel_name, {"type": text_data})

    async def chat_message(self, event):
        await self.send(f"chat_message() was called for {event['type']}")


async def page(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"Connect with a WebSocket."})


consumer = TypingConsumer.as_asgi()


async def application(scope, receive, send):
    await (consumer if scope["type"] == "websocket" else page)(scope, receive, send)
