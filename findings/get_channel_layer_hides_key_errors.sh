#!/usr/bin/env bash
# channels, channels-postgres: a KeyError while a layer is made is told as "no layer is configured".
# shellcheck source=SCRIPTDIR/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
install django==5.2.19 channels==4.3.2 channels-postgres==1.1.4 psycopg==3.3.9 psycopg-binary==3.3.9
run_program <<'PYTHON'
import sys

import django
from channels.layers import channel_layers, get_channel_layer
from django.conf import settings

# As in the README of channels-postgres; nothing is connected to yet.
DATABASE = {
    "ENGINE": "django.db.backends.postgresql",
    "NAME": "postgres",
    "USER": "postgres",
    "PASSWORD": "password",
    "HOST": "127.0.0.1",
    "PORT": "5432",
}
BACKEND = "channels_postgres.core.PostgresChannelLayer"
LAYERS = {
    "default": {"BACKEND": BACKEND, "CONFIG": DATABASE},
    "told": {"BACKEND": BACKEND, "CONFIG": DATABASE | {"TIME_ZONE": None}},
}
settings.configure(INSTALLED_APPS=["channels", "channels_postgres"], CHANNEL_LAYERS=LAYERS)
django.setup()


def main():
    print("expected: get_channel_layer() gives the layer of CHANNEL_LAYERS, or says what is wrong")
    found = get_channel_layer()
    print(f"seen, with the README's CONFIG: {found!r}, as if there were no CHANNEL_LAYERS")
    try:
        channel_layers["default"]
        hidden = None
    except KeyError as error:
        hidden = error
    print(f"seen: what it hides is {hidden!r}, from Django's DatabaseWrapper")
    told = get_channel_layer("told")
    print(f'seen, with "TIME_ZONE": None as well: {type(told).__name__}')
    if found is not None or hidden is None or told is None:
        return "Changed: the layer is made, or the error is told."
    return None


sys.exit(main())
PYTHON
