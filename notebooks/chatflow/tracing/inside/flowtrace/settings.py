"""The settings that FLOW_SETTINGS names; only the channel layer is wrapped, our app is added."""

import os
from importlib import import_module

from .recorder import PROCESS

own = import_module(os.environ["FLOW_SETTINGS"])
globals().update({name: value for name, value in vars(own).items() if name.isupper()})
INSTALLED_APPS = [*own.INSTALLED_APPS, "flowtrace"]


def traced(layer):
    config = dict(layer.get("CONFIG", {}))
    if "hosts" in config:
        # Each connection tells Redis whose it is, so that MONITOR shows who sent a command.
        config["hosts"] = [{"address": url, "client_name": PROCESS} for url in config["hosts"]]
    wrapped = {"backend": layer["BACKEND"], "config": config}
    return {"BACKEND": "flowtrace.layer.TracedLayer", "CONFIG": wrapped}


LAYERS = getattr(own, "CHANNEL_LAYERS", {})
CHANNEL_LAYERS = {name: traced(layer) for name, layer in LAYERS.items()}
