"""One application for HTTP and WebSocket; and for a restart that nobody notices."""

import os

from channels.routing import ProtocolTypeRouter, URLRouter
from channels.sessions import CookieMiddleware
from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "websockets_channels.settings")

# Sets Django up; only then can the consumers import models.
django_application = get_asgi_application()

from chat.consumers import RefusingConsumer  # noqa: E402
from chat.routing import websocket_urlpatterns  # noqa: E402

from .drain import DrainOnTerminate  # noqa: E402
from .files import TurnAwayWhenFull  # noqa: E402
from .headers import PlainContentType  # noqa: E402
from .origins import SameOriginOnly  # noqa: E402

# From the outside in: whose page is it, which cookies come with it, and only then which consumer.
# No AuthMiddlewareStack: it wraps `send`, which each delivery pays for, and looks only once.
websocket_application = SameOriginOnly(
    CookieMiddleware(URLRouter(websocket_urlpatterns)), refusal=RefusingConsumer.as_asgi()
)

http_application = PlainContentType(django_application)

by_protocol = ProtocolTypeRouter({"http": http_application, "websocket": websocket_application})

application = DrainOnTerminate(TurnAwayWhenFull(by_protocol))
