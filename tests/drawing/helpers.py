"""Flows made by hand, in the shape that the trace of a stage has."""

from chatflow.tracing.flow import Flow, Missed, Station
from chatflow.tracing.hops import Hop


def hops(prefix, *rows):
    """Hops numbered in order, 400 µs apart, from (kind, source, target, label[, detail])."""
    return tuple(
        Hop(f"{prefix}{i}", 1_000_000 + 400_000 * i, "t1", *row[:4], detail=dict(*row[4:]))
        for i, row in enumerate(rows, 1)
    )


def instance(name, owner, reached=True):
    """The stations of one instance, in the order of an instance on the left."""
    return (
        Station(f"server/{name}", "server", name, f"Daphne {name}", "ASGI server", reached),
        Station(f"routing/{name}", "routing", name, f"routing {name}", "URLRouter", reached),
        Station(
            f"consumer/{owner}@{name}",
            "consumer",
            name,
            "ChatConsumer",
            f"{owner}’s, in {name}",
            reached,
        ),
    )


def client(name, reached=True):
    return Station(f"client/{name}", "client", None, name, "client", reached)


REDIS = Station("layer/redis-1", "layer", None, "Redis", "channel layer")


def two_instances_on_redis():
    """Stage 06: alice on A, bob on B."""
    b_server, _, b_consumer = instance("B", "bob")
    left = (client("alice"), *instance("A", "alice"))
    return Flow(
        title="Stage 06 · one message, from process to process",
        subtitle="alice writes “hello”; bob is connected to another instance. One trace id, "
        "two processes and Redis.",
        stations=(*left, REDIS, b_consumer, b_server, client("bob")),
        handshake=hops(
            "H",
            ("websocket", "client/alice", "server/A", "GET /ws/chat/lobby/"),
            ("inside", "server/A", "routing/A", "websocket.connect"),
            ("inside", "routing/A", "consumer/alice@A", "room_name=lobby"),
            ("layer", "consumer/alice@A", "layer/redis-1", "group_add"),
            ("redis", "layer/redis-1", "layer/redis-1", "ZADD asgi:group:chat_lobby"),
            ("inside", "consumer/alice@A", "server/A", "websocket.accept"),
            ("websocket", "server/A", "client/alice", "101 Switching Protocols"),
        ),
        hops=hops(
            "A",
            ("websocket", "client/alice", "server/A", "{post, “hello”}"),
            ("inside", "server/A", "consumer/alice@A", "websocket.receive → receive_json()"),
            ("layer", "consumer/alice@A", "layer/redis-1", "group_send chat.message"),
            ("redis", "layer/redis-1", "layer/redis-1", "EVALSHA", {"note": "2 channels"}),
            ("redis", "layer/redis-1", "layer/redis-1", "ZADD asgi:A…!a1", {"inside": True}),
            ("redis", "layer/redis-1", "layer/redis-1", "ZADD asgi:B…!b1", {"inside": True}),
            ("layer", "layer/redis-1", "consumer/alice@A", "chat.message", {"note": "BZPOPMIN"}),
            ("inside", "consumer/alice@A", "server/A", "websocket.send"),
            ("websocket", "server/A", "client/alice", "{message 7}"),
            ("layer", "layer/redis-1", "consumer/bob@B", "chat.message", {"note": "BZPOPMIN"}),
            ("inside", "consumer/bob@B", "server/B", "websocket.send"),
            ("websocket", "server/B", "client/bob", "{message 7}"),
        ),
    )


def two_instances_in_memory():
    """Stage 05: bob on B never hears of it."""
    memory = [
        Station(f"layer/{name}", "layer", name, "in-memory layer", f"of instance {name}", lit)
        for name, lit in (("A", True), ("B", False))
    ]
    b_server, _, b_consumer = instance("B", "bob", reached=False)
    left = (client("alice"), *instance("A", "alice"), memory[0])
    return Flow(
        title="Stage 05 · two instances, two separate chats",
        subtitle="The same message on the in-memory layer: it never leaves process A. bob hears "
        "nothing – and nobody gets an error.",
        stations=(*left, memory[1], b_consumer, b_server, client("bob", reached=False)),
        handshake=(),
        hops=hops(
            "A",
            ("websocket", "client/alice", "server/A", "{post, “hello”}"),
            ("inside", "server/A", "consumer/alice@A", "websocket.receive → receive_json()"),
            ("layer", "consumer/alice@A", "layer/A", "group_send chat.message"),
            ("layer", "layer/A", "consumer/alice@A", "chat.message"),
            ("inside", "consumer/alice@A", "server/A", "websocket.send"),
            ("websocket", "server/A", "client/alice", "{message 7}"),
        ),
        missed=(
            Missed(
                "client/bob",
                "B",
                "group_send in A reaches only the channels of A.",
                "consumer/bob@B",
            ),
        ),
    )


def wsgi_request():
    """Stage 01: a form POST, stored, answered with a redirect."""
    return Flow(
        title="Stage 01 · one request, one response",
        subtitle="alice posts the form; bob will see it when he reloads.",
        stations=(
            client("alice"),
            Station("server/A", "server", "A", "gunicorn A", "WSGI server"),
            Station("routing/A", "routing", "A", "URLconf A", "urlpatterns"),
            Station("view/alice@A", "view", "A", "room()", "view"),
            Station("database/1", "database", None, "SQLite", "database"),
            client("bob", reached=False),
        ),
        handshake=(),
        hops=hops(
            "A",
            ("http", "client/alice", "server/A", "POST /chat/lobby/"),
            ("inside", "server/A", "routing/A", "app(environ, start_response)"),
            ("inside", "routing/A", "view/alice@A", "room_name=lobby"),
            ("database", "view/alice@A", "database/1", "INSERT chat_message"),
            ("inside", "view/alice@A", "server/A", "302 Found", {"note": "Location: /chat/lobby/"}),
            ("http", "server/A", "client/alice", "302 Found"),
        ),
        missed=(Missed("client/bob", "A", "A WSGI server only answers: bob has to ask."),),
    )


def refused_handshake(code=404):
    """A WebSocket handshake that the server or the routing turns down."""
    return Flow(
        title="Stage 01 · a WebSocket handshake",
        subtitle="To a WSGI server it is one more GET.",
        stations=(
            client("alice"),
            Station("server/A", "server", "A", "gunicorn A", "WSGI server"),
            Station("routing/A", "routing", "A", "URLconf A", "urlpatterns"),
            Station("view/alice@A", "view", "A", "room()", "view", reached=False),
        ),
        handshake=(),
        hops=hops(
            "A",
            ("websocket", "client/alice", "server/A", "GET /ws/chat/lobby/ Upgrade: websocket"),
            ("inside", "server/A", "routing/A", "no pattern matches"),
            ("lost", "routing/A", "server/A", "Resolver404", {"code": code}),
            ("lost", "server/A", "client/alice", "handshake refused", {"code": code}),
        ),
    )


def hundred_clients():
    """A room of alice and 99 readers on one instance."""
    names = ["alice"] + [f"reader {i}" for i in range(2, 101)]
    consumers = [
        Station(f"consumer/{name}@A", "consumer", "A", "ChatConsumer", f"{name}’s", True)
        for name in names
    ]
    clients = [client(name) for name in names]
    server, routing, _ = instance("A", "alice")
    layer = Station("layer/A", "layer", "A", "in-memory layer", "of instance A")
    answers = [
        answer
        for name in names
        for answer in (
            ("layer", "layer/A", f"consumer/{name}@A", "chat.message"),
            ("inside", f"consumer/{name}@A", "server/A", "websocket.send"),
            ("websocket", "server/A", f"client/{name}", "{message 7}"),
        )
    ]
    return Flow(
        title="Stage 05 · a room of a hundred",
        subtitle="One group_send, a hundred deliveries.",
        stations=(clients[0], server, routing, consumers[0], layer, *consumers[1:], *clients[1:]),
        handshake=(),
        hops=hops(
            "A",
            ("websocket", "client/alice", "server/A", "{post, “hello”}"),
            ("inside", "server/A", "consumer/alice@A", "websocket.receive → receive_json()"),
            ("layer", "consumer/alice@A", "layer/A", "group_send chat.message"),
            *answers,
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
    return Flow(
        title=text,
        subtitle=text,
        stations=(
            Station("client/alice", "client", None, text, text),
            Station("server/A", "server", "A", text, text),
            Station("client/bob", "client", None, text, text, reached=False),
        ),
        handshake=(),
        hops=hops("N", *(("http", *way, text, {"note": text}) for way in ends)),
        missed=(Missed("client/bob", "A", text),),
    )


def lost_in_redis():
    """Redis is gone: the message dies on its way to the layer, and the socket with it."""
    flow = two_instances_on_redis()
    return Flow(
        title="Stage 06 · Redis is gone",
        subtitle="The message is stored, and nobody hears of it.",
        stations=flow.stations,
        handshake=flow.handshake,
        hops=flow.hops[:2]
        + hops(
            "L",
            ("lost", "consumer/alice@A", "layer/redis-1", "group_send: ConnectionError"),
            ("lost", "server/A", "client/alice", "closed", {"code": 1011, "note": "by the server"}),
        ),
        missed=(
            Missed(
                "client/alice", "A", "The consumer died of the ConnectionError.", "consumer/alice@A"
            ),
            Missed("client/bob", "B", "Nothing came out of Redis.", "consumer/bob@B"),
        ),
    )


def long_polling():
    """Stage 02: bob's request waits, and is woken through the database."""
    flow = wsgi_request()
    waiting = Station("view/bob@A", "view", "A", "messages()", "bob’s, in A")
    *first, database, _ = flow.stations
    return Flow(
        title="Stage 02 · a reader who waits",
        subtitle="bob’s request was there first; alice’s message answers it.",
        stations=(*first, waiting, database, client("bob")),
        handshake=hops(
            "W",
            ("http", "client/bob", "server/A", "GET /chat/lobby/messages/"),
            ("inside", "server/A", "routing/A", "route /chat/lobby/messages/"),
            ("inside", "routing/A", "view/bob@A", "messages(room_name=lobby)"),
        ),
        hops=flow.hops[:4]
        + hops(
            "R",
            ("database", "database/1", "view/bob@A", "SELECT message 1"),
            ("http", "view/bob@A", "server/A", "200 OK"),
            ("http", "server/A", "client/bob", "200 OK"),
        )
        + flow.hops[4:],
        opening="waiting since before",
    )


def waiting_job():
    """Stage 07: alice gives the bot a job, and there is no worker to take it."""
    about = "worker", "channel bot, in worker"
    bot = Station("consumer/bot@worker", "consumer", "worker", *about, reached=False)
    return Flow(
        title="Stage 07 · a job waits",
        subtitle="alice writes “/roll 2d6”; no worker runs.",
        stations=(client("alice"), *instance("A", "alice"), REDIS, bot),
        handshake=(),
        hops=hops(
            "J",
            ("websocket", "client/alice", "server/A", "{post, “/roll 2d6”}"),
            ("inside", "server/A", "consumer/alice@A", "websocket.receive"),
            ("layer", "consumer/alice@A", "layer/redis-1", "send bot", {"channel": "bot"}),
        ),
        missed=(Missed(bot.id, "worker", "no worker has taken this job", bot.id),),
    )


def back_again():
    """Stage 09: bob was away when alice wrote, and has the message when he is back."""
    flow = two_instances_on_redis()
    database = Station("database/1", "database", None, "database", "SQLite")
    returned = {"messages": [7], "on_return": True}
    return Flow(
        title="Stage 09 · back again",
        subtitle="bob asks for what came after the last message that he has.",
        stations=(*flow.stations[:4], database, *flow.stations[4:]),
        handshake=flow.handshake,
        hops=hops(
            "A",
            ("websocket", "client/alice", "server/A", "{post, “hello”}"),
            ("inside", "server/A", "consumer/alice@A", "websocket.receive"),
            ("database", "consumer/alice@A", "database/1", "INSERT message 7", {"stored": 7}),
            ("layer", "consumer/alice@A", "layer/redis-1", "group_send chat.message"),
            ("database", "database/1", "consumer/bob@B", "SELECT message 7", returned),
            ("inside", "consumer/bob@B", "server/B", "websocket.send", returned),
            ("websocket", "server/B", "client/bob", "{message 7}", returned),
        ),
    )


def through_the_hubs():
    """chat_final: alice on A, carol on B; bob was away, and comes back to B."""
    b_server, _, b_consumer = instance("B", "bob")
    hub_a, hub_b = (
        Station(f"hub/{name}", "hub", name, f"hub {name}", "all sockets here") for name in "AB"
    )
    database = Station("database/1", "database", None, "database", "SQLite")
    left = (client("alice"), *instance("A", "alice"), hub_a)
    returned = {"messages": [7], "on_return": True}
    return Flow(
        title="chat_final · the message that came back",
        subtitle="alice writes “hello”; a hub tells all sockets of its process.",
        stations=(
            *left,
            database,
            REDIS,
            *(hub_b, b_consumer, b_server, client("bob"), client("carol")),
        ),
        handshake=(),
        hops=hops(
            "A",
            ("websocket", "client/alice", "server/A", "{post, “hello”}"),
            ("inside", "server/A", "consumer/alice@A", "websocket.receive"),
            ("database", "consumer/alice@A", "database/1", "INSERT message 7", {"stored": 7}),
            ("inside", "consumer/alice@A", "hub/A", "announce message 7"),
            ("websocket", "hub/A", "server/A", "websocket.send"),
            ("websocket", "server/A", "client/alice", "{message 7}"),
            ("layer", "hub/A", "layer/redis-1", "group_send chat_lobby"),
            ("redis", "hub/A", "layer/redis-1", "PUBLISH chat_lobby"),
            ("layer", "layer/redis-1", "hub/A", "chat.hint → hear()"),
            ("layer", "layer/redis-1", "hub/B", "chat.hint → hear()"),
            ("websocket", "hub/B", "server/B", "websocket.send"),
            ("websocket", "server/B", "client/carol", "{message 7}"),
            ("database", "database/1", "consumer/bob@B", "SELECT message 7", returned),
            ("inside", "consumer/bob@B", "server/B", "websocket.send", returned),
            ("websocket", "server/B", "client/bob", "{message 7}", returned),
        ),
    )


ALL = {
    flow.__name__: flow
    for flow in (
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
