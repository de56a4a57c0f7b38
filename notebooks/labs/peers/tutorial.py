"""The chat of Channels' tutorial, in one file: what `scripts/bench.sh` measures chat_final against.

Nothing is stored, and anyone who asks is let in. The consumer, and the middleware around it, are
what that tutorial ends with. REDIS_URL and REDIS_LAYER are read as in stage 06.
"""

import json
import os

import django
from channels.auth import AuthMiddlewareStack
from channels.generic.websocket import AsyncWebsocketConsumer
from channels.routing import ProtocolTypeRouter, URLRouter
from channels.security.websocket import AllowedHostsOriginValidator
from django.conf import settings
from django.core.asgi import get_asgi_application
from django.urls import path

LAYERS = {
    "queue": "channels_redis.core.RedisChannelLayer",
    "pubsub": "channels_redis.pubsub.RedisPubSubChannelLayer",
}

settings.configure(
    SECRET_KEY="published-with-the-walkthrough",
    ALLOWED_HOSTS=["127.0.0.1"],
    INSTALLED_APPS=[
        "django.contrib.auth",
        "django.contrib.contenttypes",
        "django.contrib.sessions",
    ],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
    CHANNEL_LAYERS={
        "default": {
            "BACKEND": LAYERS[os.environ["REDIS_LAYER"]],
            "CONFIG": {"hosts": [os.environ["REDIS_URL"]]},
        }
    },
)
django.setup()


class ChatConsumer(AsyncWebsocketConsumer):
    async def connect(self):
        self.group = f"chat_{self.scope['url_route']['kwargs']['room_name']}"
        await self.channel_layer.group_add(self.group, self.channel_name)
        await self.accept()

    async def disconnect(self, code):
        await self.channel_layer.group_discard(self.group, self.channel_name)

    async def receive(self, text_data=None, bytes_data=None):
        message = json.loads(text_data)["message"]
        event = {"type": "chat.message", "message": message}
        await self.channel_layer.group_send(self.group, event)

    async def chat_message(self, event):
        await self.send(text_data=json.dumps({"message": event["message"]}))


sockets = URLRouter([path("ws/chat/<room_name>/", ChatConsumer.as_asgi())])
application = ProtocolTypeRouter(
    {
        "http": get_asgi_application(),
        "websocket": AllowedHostsOriginValidator(AuthMiddlewareStack(sockets)),
    }
)
