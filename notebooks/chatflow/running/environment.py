"""The environment in which a stage runs: what its settings read, nothing of the user's shell."""

import json
import os
import secrets
from pathlib import Path
from urllib.parse import quote

from .options import is_url
from .servers import WSGI_SERVER

SETTINGS = "websockets_channels.settings"
WSGI, ASGI = "websockets_channels.wsgi", "websockets_channels.asgi:application"

# The same settings, with a quick hasher for the passwords of users who go with the run.
OVERLAY = Path(__file__).parent / "overlay"
QUICK_SETTINGS = "quick_settings"
# The same settings, for other people's eyes: a key of this run, and the host that they ask for.
LAN_SETTINGS = "lan_settings"
# The same settings with another channel layer.
LAYER_SETTINGS = "layer_settings"

# The same, with tracing put round them from outside.
INSIDE = Path(__file__).parents[1] / "tracing" / "inside"
TRACED_SETTINGS = "flowtrace.settings"
TRACED_WSGI, TRACED_ASGI = "flowtrace.wsgi", "flowtrace.asgi:application"

# Ours to set for a stage; whatever the user's shell has of them must not leak in.
STAGE_VARIABLES = {
    "ALLOWED_HOSTS",
    "CHAT_DATABASE",
    "CHAT_LAYER",
    "DATABASE_URL",
    "DEBUG",
    "DEVELOPMENT",
    "DJANGO_SETTINGS_MODULE",
    "GUNICORN_CMD_ARGS",
    "INSTANCE",
    "PYTHONIOENCODING",
    "PYTHONPATH",
    "PYTHONSAFEPATH",
    "PYTHONWARNINGS",
    "TRUSTED_ORIGINS",
    "WEB_CONCURRENCY",
}
# The same, by how they begin. Uvicorn reads each of its options from UVICORN_<OPTION> too.
STAGE_PREFIXES = ("FLOW_", "REDIS_", "SECRET_KEY", "UVICORN_")


def clean_environment():
    """The user's environment without what would change a stage."""
    return {
        key: value
        for key, value in os.environ.items()
        if key not in STAGE_VARIABLES and not key.startswith(STAGE_PREFIXES)
    }


def application_of(server, traced):
    """The application that a server is given: the stage's, or the one put round it."""
    wsgi, asgi = (TRACED_WSGI, TRACED_ASGI) if traced else (WSGI, ASGI)
    return wsgi if server == WSGI_SERVER else asgi


def stage_variables(run):
    """What the settings of a run's stage read."""
    facts = {"DJANGO_SETTINGS_MODULE": SETTINGS}
    if run.lan:
        facts = {"DJANGO_SETTINGS_MODULE": LAN_SETTINGS, "PYTHONPATH": str(OVERLAY)}
        facts |= {"LAN_ADDRESS": run.lan, "LAN_KEY": secrets.token_urlsafe(50)}
    elif has_own_users(run):
        facts = {"DJANGO_SETTINGS_MODULE": QUICK_SETTINGS, "PYTHONPATH": str(OVERLAY)}
    if run.layer:
        facts = {"DJANGO_SETTINGS_MODULE": LAYER_SETTINGS, "PYTHONPATH": str(OVERLAY)}
        facts["CHAT_LAYER"] = json.dumps(run.layer.settings(run.broker_url, run.site))
    facts |= run.settings
    if run.is_final:
        facts = {"DEVELOPMENT": "1", "DATABASE_URL": database_url(run.database), **facts}
    else:
        facts["CHAT_DATABASE"] = str(run.database)
    if run.tracing:
        facts["FLOW_SETTINGS"] = facts["DJANGO_SETTINGS_MODULE"]
        facts["DJANGO_SETTINGS_MODULE"] = TRACED_SETTINGS
        facts["PYTHONPATH"] = os.pathsep.join([str(INSIDE), str(OVERLAY)])
        facts["FLOW_TRACE"] = str(run.tracing.folder)
    if run.uses_redis:
        facts["REDIS_URL"] = run.redis_urls
        facts["REDIS_LAYER"] = run.redis_layer
        # Of this run alone, so that two runs on one Redis never meet; if they are not meant to.
        facts.setdefault("REDIS_PREFIX", run.site)
    return facts


def has_own_users(run):
    """Whether the stage has users, and they go with the run."""
    goes_too = run.postgres or run.files.path in Path(run.database).parents
    return run.stage.can["logout"] == "yes" and bool(goes_too)


def database_url(database):
    return database if is_url(database) else f"sqlite:///{quote(str(database))}"
