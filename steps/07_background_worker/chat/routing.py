from django.urls import path, re_path

from . import urls  # noqa: F401, registers the converter `room`
from .consumers import ChatConsumer, RefusingConsumer
from .workers import BotConsumer

# What urls.py is for views; asked once per connection, at the handshake.
websocket_urlpatterns = [
    path("ws/chat/<room:room_name>/", ChatConsumer.as_asgi()),
    # Without this an unknown path ends in a traceback instead of a refusal.
    re_path("", RefusingConsumer.as_asgi()),
]

# A worker has no path: the channel that a job comes over says which consumer it is for.
worker_channels = {"bot": BotConsumer.as_asgi()}
