"""The stage's own settings; only the channel layer is wrapped, and our app is added."""

from websockets_channels.settings import *  # noqa: F403
from websockets_channels.settings import INSTALLED_APPS

from .recorder import PROCESS

INSTALLED_APPS = [*INSTALLED_APPS, "flowtrace"]


def traced(layer):
    config = dict(layer.get("CONFIG", {}))
    if "hosts" in config:
        # Each connection tells Redis whose it is, so that MONITOR shows who sent a command.
        config["hosts"] = [{"address": url, "client_name": PROCESS} for url in config["hosts"]]
    wrapped = {"backend": layer["BACKEND"], "config": config}
    return {"BACKEND": "flowtrace.layer.TracedLayer", "CONFIG": wrapped}


CHANNEL_LAYERS = {
    name: traced(layer) for name, layer in globals().get("CHANNEL_LAYERS", {}).items()
}
