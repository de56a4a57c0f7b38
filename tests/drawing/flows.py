"""Flows made by hand, in the shape that the trace of a stage has."""

from dataclasses import replace

from chatflow.tracing.flow import Flow, Missed, Station, kind_of
from chatflow.tracing.hops import Hop


def hops(prefix, rows):
    """Hops numbered in order, 400 µs apart, from (kind, source, target, label[, detail])."""
    return tuple(
        Hop(f"{prefix}{i}", 1_000_000 + 400_000 * i, "t1", *row[:4], detail=dict(*row[4:]))
        for i, row in enumerate(rows, 1)
    )


def flow(title, subtitle, stations, rows, handshake=(), **options):
    made = {"handshake": hops("H", handshake), "hops": hops("A", rows)}
    return Flow(title, subtitle, tuple(stations), **made, **options)


def station(name, process, title, subtitle, reached=True):
    return Station(name, kind_of(name), process, title, subtitle, reached)


def instance(name, owner, reached=True):
    """The stations of one instance, in the order of an instance on the left."""
    return (
        station(f"server/{name}", name, f"Daphne {name}", "ASGI server", reached),
        station(f"routing/{name}", name, f"routing {name}", "URLRouter", reached),
        consumer(owner, name, reached),
    )


def consumer(owner, name, reached=True):
    about = "ChatConsumer", f"{owner}’s, in {name}"
    return station(f"consumer/{owner}@{name}", name, *about, reached)


def client(name, reached=True):
    return station(f"client/{name}", None, name, "client", reached)


def layer(name, reached=True):
    return station(f"layer/{name}", name, "in-memory layer", f"of instance {name}", reached)


def bobs(reached=True):
    """The stations of bob on instance B, on the right."""
    server, _, consumer = instance("B", "bob", reached)
    return (consumer, server, client("bob", reached))


ALICES = (client("alice"), *instance("A", "alice"))
REDIS = station("layer/redis-1", None, "Redis", "channel layer")
DATABASE = station("database/1", None, "SQLite", "database")

POSTED = (
    ("websocket", "client/alice", "server/A", "{post, “hello”}"),
    ("inside", "server/A", "consumer/alice@A", "websocket.receive → receive_json()"),
)
STORED = ("database", "consumer/alice@A", "database/1", "INSERT message 7", {"stored": 7})


def delivered(first, name, process, detail=()):
    """The rows of a message's way to a client: (kind, source, label[, detail]) is the first."""
    kind, source, *rest = first
    consumer, server = f"consumer/{name}@{process}", f"server/{process}"
    return (
        (kind, source, consumer, *rest),
        ("inside", consumer, server, "websocket.send", detail),
        ("websocket", server, f"client/{name}", "{message 7}", detail),
    )


RETURNED = {"messages": [7], "on_return": True}
BOBS_RETURN = delivered(
    ("database", "database/1", "SELECT message 7", RETURNED), "bob", "B", RETURNED
)


def two_instances_on_redis():
    taken = ("layer", "layer/redis-1", "chat.message", {"note": "BZPOPMIN"})
    return flow(
        title="Stage 06 · one message, from process to process",
        subtitle="alice writes “hello”; bob is connected to another instance. One trace id, "
        "two processes and Redis.",
        stations=(*ALICES, REDIS, *bobs()),
        handshake=(
            ("websocket", "client/alice", "server/A", "GET /ws/chat/lobby/"),
            ("inside", "server/A", "routing/A", "websocket.connect"),
            ("inside", "routing/A", "consumer/alice@A", "room_name=lobby"),
            ("layer", "consumer/alice@A", "layer/redis-1", "group_add"),
            ("redis", "layer/redis-1", "layer/redis-1", "ZADD asgi:group:chat_lobby"),
            ("inside", "consumer/alice@A", "server/A", "websocket.accept"),
            ("websocket", "server/A", "client/alice", "101 Switching Protocols"),
        ),
        rows=(
            *POSTED,
            ("layer", "consumer/alice@A", "layer/redis-1", "group_send chat.message"),
            ("redis", "layer/redis-1", "layer/redis-1", "EVALSHA", {"note": "2 channels"}),
            ("redis", "layer/redis-1", "layer/redis-1", "ZADD asgi:A…!a1", {"inside": True}),
            ("redis", "layer/redis-1", "layer/redis-1", "ZADD asgi:B…!b1", {"inside": True}),
            *delivered(taken, "alice", "A"),
            *delivered(taken, "bob", "B"),
        ),
    )


def two_instances_in_memory():
    reason = "group_send in A reaches only the channels of A."
    return flow(
        title="Stage 05 · two instances, two separate chats",
        subtitle="The same message on the in-memory layer: it never leaves process A. bob hears "
        "nothing – and nobody gets an error.",
        stations=(*ALICES, layer("A"), layer("B", reached=False), *bobs(reached=False)),
        rows=(
            *POSTED,
            ("layer", "consumer/alice@A", "layer/A", "group_send chat.message"),
            *delivered(("layer", "layer/A", "chat.message"), "alice", "A"),
        ),
        missed=(Missed("client/bob", "B", reason, "consumer/bob@B"),),
    )


def hundred_clients():
    readers = [f"reader {i}" for i in range(2, 101)]
    return flow(
        title="Stage 05 · a room of a hundred",
        subtitle="One group_send, a hundred deliveries.",
        stations=(
            *ALICES,
            layer("A"),
            *(consumer(name, "A") for name in readers),
            *(client(name) for name in readers),
        ),
        rows=(
            *POSTED,
            ("layer", "consumer/alice@A", "layer/A", "group_send chat.message"),
            *(
                row
                for name in ("alice", *readers)
                for row in delivered(("layer", "layer/A", "chat.message"), name, "A")
            ),
        ),
    )


def lost_in_redis():
    died, nothing = "The consumer died of the ConnectionError.", "Nothing came out of Redis."
    lost = (
        ("lost", "consumer/alice@A", "layer/redis-1", "group_send: ConnectionError"),
        ("lost", "server/A", "client/alice", "closed", {"code": 1011, "note": "by the server"}),
    )
    return replace(
        two_instances_on_redis(),
        title="Stage 06 · Redis is gone",
        subtitle="The message is stored, and nobody hears of it.",
        hops=hops("L", POSTED + lost),
        missed=(
            Missed("client/alice", "A", died, "consumer/alice@A"),
            Missed("client/bob", "B", nothing, "consumer/bob@B"),
        ),
    )


# --- one request ----------------------------------------------------------------------------------

ON_GUNICORN = (
    client("alice"),
    station("server/A", "A", "gunicorn A", "WSGI server"),
    station("routing/A", "A", "URLconf A", "urlpatterns"),
)
THE_VIEW = ("view/alice@A", "A", "room()", "view")
FORM_STORED = (
    ("http", "client/alice", "server/A", "POST /chat/lobby/"),
    ("inside", "server/A", "routing/A", "app(environ, start_response)"),
    ("inside", "routing/A", "view/alice@A", "room_name=lobby"),
    ("database", "view/alice@A", "database/1", "INSERT chat_message"),
)
REDIRECTED = (
    ("inside", "view/alice@A", "server/A", "302 Found", {"note": "Location: /chat/lobby/"}),
    ("http", "server/A", "client/alice", "302 Found"),
)


def wsgi_request():
    return flow(
        title="Stage 01 · one request, one response",
        subtitle="alice posts the form; bob will see it when he reloads.",
        stations=(*ON_GUNICORN, station(*THE_VIEW), DATABASE, client("bob", reached=False)),
        rows=FORM_STORED + REDIRECTED,
        missed=(Missed("client/bob", "A", "A WSGI server only answers: bob has to ask."),),
    )


def refused_handshake(code=404):
    return flow(
        title="Stage 01 · a WebSocket handshake",
        subtitle="To a WSGI server it is one more GET.",
        stations=(*ON_GUNICORN, station(*THE_VIEW, reached=False)),
        rows=(
            ("websocket", "client/alice", "server/A", "GET /ws/chat/lobby/ Upgrade: websocket"),
            ("inside", "server/A", "routing/A", "no pattern matches"),
            ("lost", "routing/A", "server/A", "Resolver404", {"code": code}),
            ("lost", "server/A", "client/alice", "handshake refused", {"code": code}),
        ),
    )


def long_polling():
    waiting = station("view/bob@A", "A", "messages()", "bob’s, in A")
    woken = (
        ("database", "database/1", "view/bob@A", "SELECT message 1"),
        ("http", "view/bob@A", "server/A", "200 OK"),
        ("http", "server/A", "client/bob", "200 OK"),
    )
    return flow(
        title="Stage 02 · a reader who waits",
        subtitle="bob’s request was there first; alice’s message answers it.",
        stations=(*ON_GUNICORN, station(*THE_VIEW), waiting, DATABASE, client("bob")),
        handshake=(
            ("http", "client/bob", "server/A", "GET /chat/lobby/messages/"),
            ("inside", "server/A", "routing/A", "route /chat/lobby/messages/"),
            ("inside", "routing/A", "view/bob@A", "messages(room_name=lobby)"),
        ),
        rows=FORM_STORED + woken + REDIRECTED,
        opening="waiting since before",
    )


# --- a job, a return ------------------------------------------------------------------------------


def waiting_job():
    about = "worker", "worker", "channel bot, in worker"
    bot = station("consumer/bot@worker", *about, reached=False)
    return flow(
        title="Stage 07 · a job waits",
        subtitle="alice writes “/roll 2d6”; no worker runs.",
        stations=(*ALICES, REDIS, bot),
        rows=(
            ("websocket", "client/alice", "server/A", "{post, “/roll 2d6”}"),
            POSTED[1],
            ("layer", "consumer/alice@A", "layer/redis-1", "send bot", {"channel": "bot"}),
        ),
        missed=(Missed(bot.id, "worker", "no worker has taken this job", bot.id),),
    )


def back_again():
    told = ("layer", "consumer/alice@A", "layer/redis-1", "group_send chat.message")
    return replace(
        two_instances_on_redis(),
        title="Stage 09 · back again",
        subtitle="bob asks for what came after the last message that he has.",
        stations=(*ALICES, DATABASE, REDIS, *bobs()),
        hops=hops("A", (*POSTED, STORED, told, *BOBS_RETURN)),
    )


def through_the_hubs():
    """chat_final: alice on A, carol on B; bob was away, and comes back to B."""
    hub_a, hub_b = (
        station(f"hub/{name}", name, f"hub {name}", "all sockets here") for name in "AB"
    )
    return flow(
        title="chat_final · the message that came back",
        subtitle="alice writes “hello”; a hub tells all sockets of its process.",
        stations=(*ALICES, hub_a, DATABASE, REDIS, hub_b, *bobs(), client("carol")),
        rows=(
            POSTED[0],
            ("inside", "server/A", "consumer/alice@A", "websocket.receive"),
            STORED,
            ("inside", "consumer/alice@A", "hub/A", "announce message 7"),
            ("websocket", "hub/A", "server/A", "websocket.send"),
            ("websocket", "server/A", "client/alice", "{message 7}"),
            ("layer", "hub/A", "layer/redis-1", "group_send chat_lobby"),
            ("redis", "hub/A", "layer/redis-1", "PUBLISH chat_lobby"),
            ("layer", "layer/redis-1", "hub/A", "chat.hint → hear()"),
            ("layer", "layer/redis-1", "hub/B", "chat.hint → hear()"),
            ("websocket", "hub/B", "server/B", "websocket.send"),
            ("websocket", "server/B", "client/carol", "{message 7}"),
            *BOBS_RETURN,
        ),
    )


NASTY = (
    "<script>alert(1)</script>",
    "\"quotes\" & 'more' ]]> <!-- -->",
    "👋🏽 👩‍👩‍👧 emoji",
    "\u202eשלום مرحبا\u202c",
    "x" * 2000,
    "a\x00b\x1bc\ud800d\ufffee\nf",
    "Z" + "\u0351\u0316" * 40 + "algo",
    "漢字" * 30,
)


def nasty_texts(text):
    """Every text that a picture shows, as a hostile user would have it."""
    ends = [("client/alice", "server/A"), ("server/A", "client/alice"), ("server/A", "server/A")]
    return flow(
        title=text,
        subtitle=text,
        stations=(
            station("client/alice", None, text, text),
            station("server/A", "A", text, text),
            station("client/bob", None, text, text, reached=False),
        ),
        rows=[("http", *way, text, {"note": text}) for way in ends],
        missed=(Missed("client/bob", "A", text),),
    )


ALL = {
    make.__name__: make
    for make in (
        two_instances_on_redis,
        two_instances_in_memory,
        wsgi_request,
        refused_handshake,
        hundred_clients,
        lost_in_redis,
        long_polling,
        waiting_job,
        back_again,
        through_the_hubs,
    )
}
