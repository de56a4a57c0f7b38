"""The one callable that a WSGI server needs: `application(environ, start_response)`."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "websockets_channels.settings")

application = get_wsgi_application()
