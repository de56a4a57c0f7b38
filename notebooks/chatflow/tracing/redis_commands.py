"""Which message caused which Redis command: the commands of MONITOR, as hops of their own.

Pure functions. A command is a message's own if it carries the message's ticket. The others that a
layer call needs (whom does the group have? forget the old ones) carry none: they belong to the
call that their process had open just then, if there was only one. Nothing is guessed beyond that.
"""

from dataclasses import dataclass

from .hops import Hop
from .inside.flowtrace.passed import told_command

# MONITOR and the hops tell the time from different places: let them disagree by this much.
TOLERANCE_NS = 2_000_000
# The pub/sub layer does not wait until it has subscribed; by then Redis has, however busy.
SUBSCRIBED_NS = 1_000_000_000
# What a process does to wait for its news: it began before the message came that ended it, and
# belongs to none. (For each message that it fetches these are one EVAL and one BZPOPMIN.)
FETCHING = {"BZPOPMIN", "EVAL", "ZPOPMIN"}
# What names the channel that joins a group.
JOINING = {"SUBSCRIBE", "ZADD"}
HOUSEKEEPING = {"CLIENT", "HELLO", "INFO", "MONITOR", "PING", "SELECT"}


@dataclass(frozen=True)
class Command:
    """One command as MONITOR shows it. `client` is the address of the connection it came by.

    `inside`: a Lua script ran it, within the server. `at` is in ns of `time.monotonic_ns()`.
    """

    at: int
    server: str
    client: str
    words: str
    inside: bool


def as_hops(commands, hops):
    """The Redis commands that recorded messages caused, as hops, in the order of MONITOR."""
    # Each call of the layer by the id of its hop, with the time at which it was over.
    over = {hop.cause: hop.at for hop in hops if hop.kind == "done"}
    calls = {hop.id: (hop, over.get(hop.id)) for hop in hops if hop.kind == "layer"}
    queues = queue_names(hops)
    names, fetched, subscribed, owner, found = {}, {}, set(), None, []
    for number, command in enumerate(commands):
        verb, *words = command.words.split(" ")
        connection = (command.server, command.client)
        if verb == "CLIENT" and words[0] == "SETNAME":
            names[connection] = words[1]
        if verb in HOUSEKEEPING:
            continue
        if not command.inside:
            # What a script runs within the server belongs to the call that ran the script.
            process = names.get(connection)
            owner = owner_of(command, verb, words, process, calls, fetched, subscribed)
        if owner:
            label = " ".join([verb, *readable_keys(verb, words, queues)])
            found.append(make_hop(number, command, label, words, owner))
    return found


def owner_of(command, verb, words, process, calls, fetched, subscribed):
    """The call that caused this command and the process that sent it, or None."""
    if cause := next((word for word in words if word in calls), None):
        if verb == "ZADD":
            fetched[command.server, words[0]] = cause  # put aside until it has been handled
        return calls[cause][0], process
    if verb == "ZPOPMIN" and (cause := fetched.pop((command.server, words[0]), None)):
        return calls[cause][0], process
    if verb in JOINING and (joins := joining_calls(words, calls)):
        return joins[0], process
    if verb == "SUBSCRIBE":
        for call in joins_before(command, words, process, calls):
            if call.id not in subscribed:
                subscribed.add(call.id)
                return call, process
        return None
    if verb in FETCHING:
        return None
    open_calls = [
        call
        for call, over in calls.values()
        if was_open(call, over, command, process) and is_about_its_group(call, words)
    ]
    return (open_calls[0], process) if len(open_calls) == 1 else None


def joining_calls(words, calls):
    """The group_add of a channel that a command names; no two channels have the same name."""
    joins = [call for call, _ in calls.values() if call.label.startswith("group_add")]
    return [call for call in joins if any(call.detail["channel"] in word for word in words)]


def was_open(call, over, command, process):
    ours = process_of(call) == process and call.target == f"layer/{command.server}"
    began = call.at - TOLERANCE_NS <= command.at
    return ours and began and (over is None or command.at <= over + TOLERANCE_NS)


def joins_before(command, words, process, calls):
    """The calls, oldest first, by which a process had just joined the group that is named."""
    return [
        call
        for call, _ in calls.values()
        if call.label.startswith("group_add")
        and call.detail["group"] == group_in(words[0])
        and process_of(call) == process
        and -TOLERANCE_NS <= command.at - call.at <= SUBSCRIBED_NS
    ]


def is_about_its_group(call, words):
    """Whether a call is about the group that a command names, if it names any."""
    group = group_in(words[0]) if words else None
    return group in (None, call.detail.get("group", group))


def process_of(call):
    """The process that a hop of the layer starts from: the first part of its id."""
    return call.id.rsplit("-", 2)[0]


def make_hop(number, command, label, words, owner):
    call, process = owner
    layer = f"layer/{command.server}"
    # A process puts what it has fetched aside until a consumer has it: no business of the sender.
    fetching = bool(words) and words[0].endswith("$inflight")
    sender = f"server/{process}" if fetching else call.source
    detail = {"inside": command.inside, "fetching": fetching, "process": process}
    return Hop(
        id=f"{command.server}-{number}",
        at=command.at,
        trace=call.trace,
        kind="redis",
        source=layer if command.inside else sender,
        target=layer,
        label=label,
        cause=call.id,
        detail=detail | {"words": command.words},
        passed={"Redis command": told_command(command.words), "line": call.passed.get("line")},
    )


def queue_names(hops):
    """The process of each channel, or queue of channels, by the random name that its layer gave it.

    A channel of the queue-based layer is `<queue>!<its own>`; one of the pub/sub layer is all there
    is.
    """
    channels = [hop for hop in hops if "specific" in hop.detail.get("channel", "")]
    return {hop.detail["channel"].split("!")[0]: process_of(hop) for hop in channels}


def readable_keys(verb, words, queues):
    """The key of a command, without prefixes and random names; a script has none of its own."""
    if verb in ("EVAL", "EXEC", "MULTI"):
        return []
    key = words[0]
    if group := group_in(key):
        return [group]
    for name, process in queues.items():
        if name in key:
            aside = "inflight" if key.endswith("$inflight") else "queue"
            return [f"{'channel' if name == key else aside} of {process}"]
    return [key if len(key) <= 30 else f"{key[:29]}…"]


def group_in(key):
    """The group that a key names, in either layer; or None."""
    return next((key.split(mark)[1] for mark in (":group:", "__group__") if mark in key), None)
