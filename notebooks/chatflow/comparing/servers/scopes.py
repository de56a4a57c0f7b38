"""Rows: what stands in the scope of a WebSocket, and the events of lifespan."""

from .rows import row
from .serving import fate
from .stopping import end

FORWARDED = [("X-Forwarded-Proto", "https"), ("X-Forwarded-For", "192.0.2.7")]


async def told(site, path="/", headers=()):
    async with site.open("tell;accept;wait", path, headers) as wire:
        return await site.note(wire, "scope")


async def plain_scope(site):
    return await told(site, "/a%20b")


async def forwarded_scope(site):
    return await told(site, headers=FORWARDED)


@row(
    "scheme",
    means='Read it with `scope.get("scheme", "ws")`: the specification allows a server to '
    "leave it out.",
)
async def scheme(site):
    return (await site.once(plain_scope)).get("scheme", "none")


@row("http_version")
async def http_version(site):
    return (await site.once(plain_scope)).get("http_version", "none")


@row(
    "client",
    means="The port is a number under four of the five: do not compare it.",
)
async def client(site):
    kind, _, port = (await site.once(plain_scope))["client"]
    return kind if port == "int" else f"{kind}, port is text"


@row(
    "root path /p, GET /x: root_path and path",
    on="told",
    means="Under Uvicorn the proxy has to take the prefix off. Under the others it has to leave it "
    "on, or Channels finds no route.",
)
async def root_path(site):
    scope = await told(site, "/x")
    return f"{scope['root_path']} and {scope['path']}"


@row("raw_path")
async def raw_path(site):
    found = (await site.once(plain_scope)).get("raw_path", "none")
    return {"/a%20b": "as sent"}.get(found, found)


@row("extensions")
async def extensions(site):
    names = {"websocket.http.response": "denial", "http.response.pathsend": "pathsend"}
    found = (await site.once(plain_scope))["extensions"]
    return ", ".join(names.get(name, name) for name in found) or "none"


@row("state")
async def state(site):
    return "yes" if (await site.once(plain_scope))["has_state"] else "no"


@row("X-Forwarded-Proto from 127.0.0.1 is believed")
async def forwarded_proto(site):
    return "yes" if (await site.once(forwarded_scope)).get("scheme") in ("wss", "https") else "no"


@row(
    "X-Forwarded-For from 127.0.0.1 is believed",
    means="Where it is not believed each client has the address of the proxy, and a limit "
    "by address hits all of them together. Daphne has `--proxy-headers`.",
)
async def forwarded_for(site):
    return "yes" if (await site.once(forwarded_scope))["client"][1] == "192.0.2.7" else "no"


@row(
    "lifespan events",
    on="told",
    alone=True,
    means="What you start in lifespan, a pool or a listener, never starts under Daphne.",
)
async def lifespan(site):
    await end(site)
    return ", ".join(site.notes.told.get((site.name, "lifespan"), [])) or "none"


@row(
    "raises on lifespan: the server",
    on="raises",
    means="That is what Django and Channels do: they know no lifespan. Each server goes on "
    "without it.",
)
async def lifespan_raises(site):
    return await fate(site)


@row("answers startup.failed: the server", on="fails")
async def lifespan_failed(site):
    return await fate(site)
