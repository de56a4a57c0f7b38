"""One application for servers (HTTP, WebSocket) and for workers, which bring it jobs."""

import os

from channels.routing import ChannelNameRouter, ProtocolTypeRouter, URLRouter
from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "websockets_channels.settings")

# Sets Django up; only then can the consumers import models.
django_application = get_asgi_application()

from chat.routing import websocket_urlpatterns, worker_channels  # noqa: E402

application = ProtocolTypeRouter(
    {
        "http": django_application,
        "websocket": URLRouter(websocket_urlpatterns),
        "channel": ChannelNameRouter(worker_channels),
    }
)
