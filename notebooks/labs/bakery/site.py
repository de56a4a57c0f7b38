"""What the servers and the Channels worker load: HTTP, one socket, one worker's channel."""

import os

from channels.routing import ChannelNameRouter, ProtocolTypeRouter, URLRouter
from django.core.asgi import get_asgi_application
from django.urls import path

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bakery.settings")

# Sets Django up; only then can what uses its models be imported.
django_application = get_asgi_application()

from .consumers import Baker, Customer  # noqa: E402

application = ProtocolTypeRouter(
    {
        "http": django_application,
        "websocket": URLRouter([path("ws/", Customer.as_asgi())]),
        "channel": ChannelNameRouter({"oven": Baker.as_asgi()}),
    }
)
