"""The stage's own settings with another channel layer: what CHAT_LAYER says, as JSON.

Some layers have tables: those stand in a database of their own, next to the stage's.
"""

import json
import os

from websockets_channels.settings import *  # noqa: F403

chosen = json.loads(os.environ["CHAT_LAYER"])

CHANNEL_LAYERS = {"default": chosen["layer"]}
DATABASES = DATABASES | chosen["databases"]  # noqa: F405
if chosen["app"]:
    INSTALLED_APPS = [*INSTALLED_APPS, chosen["app"]]  # noqa: F405
    DATABASE_ROUTERS = ["layer_router.LayerRouter"]
