from importlib.util import find_spec

from django.apps import AppConfig
from django.conf import settings


class FlowtraceConfig(AppConfig):
    name = "flowtrace"

    def ready(self):
        from . import django_parts

        django_parts.install()
        if "channels" in settings.INSTALLED_APPS:
            from . import channels_parts

            channels_parts.install()
        if find_spec("chat.hub"):
            from . import hub_parts

            hub_parts.install()
