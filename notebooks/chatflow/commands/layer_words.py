"""What run_step.sh says of the channel layer of a run, and of its broker."""

from ..basics.addresses import printable
from ..running.layers.environments import version_of


def describe_layer(run):
    facts = {}
    if run.layer:
        package = f"{run.layer.package} {version_of(run.layer)}"
        broker = f", broker: {printable(run.broker_url)}" if run.broker_url else ""
        facts["layer"] = f"{run.layer.name}, of {package}{broker}"
    return facts if run.layer and not run.uses_redis else facts | {"Redis": describe_redis(run)}


def describe_redis(run):
    if not run.stage.redis:
        return "none: this stage does not need one"
    if run.layer:
        return "yours" if run.redis_url else "private"
    whose = "yours" if run.redis_url else "private"
    return f"{whose}, {run.redis_layer} layer: {printable(run.redis_urls).replace(',', ' ')}"


def hints_of(run):
    """What to try: no sharding where the layer is another one."""
    return [hint for hint in run.stage.try_this if not (run.layer and "shards" in hint)]
