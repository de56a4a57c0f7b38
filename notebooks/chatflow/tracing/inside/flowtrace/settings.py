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
        # Only here: stages without Redis need not load its client.
        from channels_redis.utils import decode_hosts

        # Each connection tells Redis whose it is, so that MONITOR shows who sent a command.
        hosts = decode_hosts(config["hosts"])
        config["hosts"] = [host | {"client_name": PROCESS} for host in hosts]
    wrapped = {"backend": layer["BACKEND"], "config": config}
    return {"BACKEND": "flowtrace.layer.TracedLayer", "CONFIG": wrapped}


LAYERS = getattr(own, "CHANNEL_LAYERS", {})
CHANNEL_LAYERS = {name: traced(layer) for name, layer in LAYERS.items()}
