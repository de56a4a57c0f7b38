"""What a picture of a run has to know besides the recorded hops."""

from ..tracing.flows import Scene


def scene_of(run):
    ended = [one.name for one in run.processes() if one.program.poll() is not None]
    servers = dict(zip(run.names(), run.servers, strict=True))
    return Scene(run.stage.heading, servers, tuple(ended), stations_of(run.folder))


def stations_of(folder):
    """The kinds of station that the stage in this folder has."""
    found = ["client", "server", "routing", "view", "database"]
    if (folder / "chat" / "consumers.py").is_file():
        found.append("consumer")
    if (folder / "chat" / "hub.py").is_file():
        found.append("hub")
    if "CHANNEL_LAYERS" in (folder / "websockets_channels" / "settings.py").read_text():
        found.append("layer")
    return tuple(found)
