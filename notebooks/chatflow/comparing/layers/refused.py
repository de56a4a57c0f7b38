"""Layers that cannot be had today: each is installed and tried, and says why in its own words."""

import asyncio
import contextlib
import tomllib
from pathlib import Path
from types import SimpleNamespace

from ...basics.addresses import HOST
from ...basics.errors import LaunchError
from ...running.layers import Layer
from ...running.layers.environments import python_of, version_of
from ...running.ports import free_port
from ...running.processes import RunFolder
from .members import members
from .probes import Pair, crosses

TRY_SECONDS = 30


def refused():
    """{name: (Layer, why)}."""
    entries = tomllib.loads((Path(__file__).parent / "refused.toml").read_text())
    return {name: (Layer(name, **facts), why) for name, (why, facts) in apart(entries)}


def apart(entries):
    return [(name, (facts.pop("why"), facts)) for name, facts in entries.items()]


async def reasons():
    """{layer: its version, what a run has shown, and why}; a layer that works is not among them."""
    found = {}
    for name, (layer, why) in refused().items():
        said = await tried(layer)
        if said != "yes":
            found[name] = f"{layer.package} {version_of(layer)}: {said}; {why}."
    return found


async def tried(layer):
    """What two processes with this layer do: "yes" if a message comes from one to the other."""
    files = await asyncio.to_thread(RunFolder, f"layer-{layer.name}")
    with contextlib.closing(files):
        run = SimpleNamespace(
            layer=layer, files=files, site="tried", broker_url=f"{HOST}:{free_port()}"
        )
        try:
            run.python = await asyncio.to_thread(python_of, layer)
            async with members(run, 2, "tried") as both:
                async with asyncio.timeout(TRY_SECONDS):
                    word = await crosses(Pair(*both))
            return word if word == "yes" else "a message does not cross processes"
        except TimeoutError:
            return f"not an answer in {TRY_SECONDS} s"
        except LaunchError as error:
            return str(error).strip().splitlines()[-1].rstrip(".")
