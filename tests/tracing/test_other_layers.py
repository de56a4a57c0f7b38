"""A layer that is neither the in-memory one nor of Redis is drawn as what it is."""

import shutil

from chatflow import reading, stage
from chatflow.running.labs import LABS
from chatflow.running.variants import variant

SETTINGS = "websockets_channels/settings.py"
BACKEND = '"channels.layers.InMemoryChannelLayer"'
OWN = '"chat.own_layer.OwnLayer", "CONFIG": {"path": BASE_DIR / "layer.sqlite3"}'


async def test_layer_that_all_processes_share_stands_apart_from_them():
    async with variant(5, SETTINGS, BACKEND, OWN) as folder:
        shutil.copy(LABS / "own_layer.py", folder / "chat")
        async with (
            stage(5, instances=2, folder=folder, trace=True) as chat,
            reading(chat.instances[0], "lobby", "alice") as alice,
            reading(chat.instances[1], "lobby", "bob") as bob,
        ):
            await alice.post("alice", "by a file")
            assert await bob.next_text() == "by a file", "two processes share its file"
            flow = await chat.flow("by a file", reaches=["alice", "bob"])
    [layer] = [station for station in flow.stations if station.kind == "layer"]
    assert (layer.title, layer.subtitle) == ("Own layer", "of all processes")
    assert layer.process is None, "it stands in no instance's box"
