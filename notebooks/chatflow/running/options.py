"""What may be asked of a run: everything that can be found wrong before anything is started."""

import string

from ..basics.addresses import printable
from ..basics.errors import UsageError
from .servers import ASGI_SERVERS, WSGI_SERVER

# A PostgreSQL of the run's own: no address is named.
PRIVATE_POSTGRES = "postgres://"
# The stage whose layer may be another one; and those that a flow picture can show.
LAYER_STAGE = "6"
TRACED_LAYERS = ("memory", "redis-queue", "redis-pubsub")


def is_url(database):
    return "://" in str(database)


def check_options(run):
    """Raise UsageError, with what to do instead, if a run has options that do not fit."""
    if not 1 <= run.instance_count <= len(string.ascii_uppercase):
        raise UsageError(f"Give 1 to 26 instances, not {run.instance_count}.")
    if not 0 <= run.first_port <= 65536 - run.instance_count:
        last = 65536 - run.instance_count
        raise UsageError(f"Give a port from 0 to {last}, not {run.first_port}.")
    if not 1 <= run.redis_shards <= 16:
        raise UsageError(f"Give 1 to 16 Redis shards, not {run.redis_shards}.")
    if run.layer:
        check_layer(run)
    if run.redis_layer not in ("queue", "pubsub"):
        raise UsageError(f"REDIS_LAYER is queue or pubsub, not {run.redis_layer!r}.")
    if not (run.folder / "manage.py").is_file():
        raise UsageError(f"There is no stage in {run.folder}: it has no manage.py.")
    speaks_wsgi = run.stage.server == WSGI_SERVER
    if any((server == WSGI_SERVER) != speaks_wsgi for server in run.servers):
        kind = "a WSGI stage: here it runs under gunicorn's WSGI workers"
        if not speaks_wsgi:
            kind = f"an ASGI stage: it runs under {', '.join(ASGI_SERVERS)}"
        raise UsageError(f"Stage {run.stage.number} is {kind}.")
    if run.redis_shards > 1 and not run.stage.redis:
        raise UsageError(f"Stage {run.stage.number} uses no Redis, so there is none to shard.")
    if is_url(run.database) and not run.is_final:
        raise UsageError(
            f"Stages keep their messages in SQLite, so {printable(run.database)} cannot be used."
        )
    if run.redis_shards > 1 and run.redis_url:
        raise UsageError("REDIS_URL names the Redis servers already: unset it to use shards.")


def check_layer(run):
    """Raise UsageError if a run cannot have the layer that was chosen by its name."""
    if run.stage.key != LAYER_STAGE:
        raise UsageError(
            f"--layer is for stage {LAYER_STAGE}, the first with a layer between processes: "
            f"{run.stage.called} keeps its own."
        )
    if run.redis_layer != run.stage.redis_layer:
        raise UsageError("REDIS_LAYER and --layer both choose the layer: unset REDIS_LAYER.")
    if run.redis_shards > 1:
        raise UsageError(
            f"The layer {run.layer.name} is not sharded: leave out --layer or --redis-shards."
        )
    if run.trace and run.layer.name not in TRACED_LAYERS:
        raise UsageError(
            f"What happens in the layer {run.layer.name} is not recorded: leave out --flow, "
            f"or give one of {', '.join(TRACED_LAYERS)}."
        )
