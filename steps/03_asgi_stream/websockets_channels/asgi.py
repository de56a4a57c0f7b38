"""The one callable that an ASGI server needs: `await application(scope, receive, send)`."""

import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "websockets_channels.settings")

application = get_asgi_application()
