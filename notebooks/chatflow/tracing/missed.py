"""Whom a message has not reached, and why."""

from .flow import WORKER, Missed, kind_of, name_of, process_of


def find_missed(book, hops, stored, scene):
    """(connection, reason) of everybody who was in the room and has not got the message."""
    room_name, at = stored.detail.get("room_name"), stored.at
    arrived = [hop.target for hop in hops if hop.detail.get("messages")]
    got = {name_of(station) for station in arrived if kind_of(station) == "client"}
    # Somebody whose instance has ended may have got it by another one.
    glad = {book.names.get(name) for name in got}
    listeners = [
        name
        for name in book.listeners(room_name, at)
        if process_of(f"client/{name}") not in scene.ended or book.names[name] not in glad
    ]
    away = "was away, and is told nothing of it on the return"
    missed = {name: why_missed(name, hops, scene, book) for name in listeners}
    missed |= {name: away for name in book.returned(room_name, at) if name not in missed}
    if not listeners and not got and not any(map(book.is_socket, book.connections)):
        viewers = book.page_viewers(room_name, at)
        viewers.pop(book.names.get(name_of(hops[0].source)), None)
        old = "has the page as it was, until it is loaded again"
        missed = dict.fromkeys(viewers.values(), old)
    return [(name, reason) for name, reason in missed.items() if name not in got]


def untaken_jobs(hops):
    """A job that was sent to a channel of the worker, and that nobody has taken from there."""
    taken = {hop.cause for hop in hops if kind_of(hop.target) == "consumer"}
    for hop in hops:
        channel = hop.detail.get("channel", "!")
        if hop.label == f"send {channel}" and "!" not in channel and hop.id not in taken:
            consumer = f"consumer/{channel}@{WORKER}"
            yield Missed(consumer, WORKER, "no worker has taken this job", consumer)


def why_missed(connection, hops, scene, book):
    process, origin = process_of(f"client/{connection}"), process_of(hops[0].target)
    failed = next((hop for hop in hops if hop.lost and kind_of(hop.target) == "layer"), None)
    consumer = f"consumer/{connection}"
    refused = next((hop for hop in hops if hop.lost and hop.source == consumer), None)
    layers = [hop for hop in hops if hop.kind == "layer"]
    if process in scene.ended:
        return f"instance {process} has ended"
    if process in scene.stopped:
        return f"instance {process} is stopped"
    if failed:
        return f"the channel layer failed: {failed.label}"
    if refused:
        return f"the server takes no send for it any more: {refused.label}"
    if not layers:
        if process != origin:
            return f"a reader that waits in {process} is not woken by {origin}"
        return "no consumer knows of another one"
    if not has_joined(connection, book):
        return "its consumer has not joined the group"
    if layers[0].target.startswith("layer/redis"):
        return "nothing came out of Redis for this channel"
    if layers[0].target.startswith("layer/all-"):
        return "nothing came out of the layer for this channel"
    sender = process_of(layers[0].target)
    return f"group_send in {sender} reaches only the channels of {sender}"


def has_joined(connection, book):
    """Whether a connection is in its group, by itself or by the hub that listens for it."""
    hops = [hop for trace in book.connections[connection] for hop in book.traces[trace]]
    hops += [hop for hop in book.hops if kind_of(hop.source) == "hub"]
    return any(hop.label.startswith("group_add") for hop in hops)
