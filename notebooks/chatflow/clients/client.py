"""The small client that drives every stage: a visitor with pages and forms, a reader who waits."""

import asyncio
import contextlib
import json
import re

import httpx
import websockets
from websockets.http11 import USER_AGENT

from ..basics.addresses import NO_TLS
from ..basics.catalog import LIVE_SECONDS
from ..basics.errors import UsageError

# The password of everybody who signs up here.
PASSWORD = "correct horse battery staple"

# What chat_final says of this moment only, at any time: it is no event of the room's sequence.
EPHEMERAL = {"presence", "typing", "head"}

# The session cookies of people who have logged in: {(site, name): cookie}. Hashing a password
# takes a quarter of a second, on purpose, and people write often.
SESSIONS = {}

# What each site calls that cookie, as its first login has told: {site: name}. It begins as Django
# itself calls it.
COOKIE_NAMES = {}
DJANGO_NAME = "sessionid"


class Visitor:
    """One person's browser without JavaScript: opens a room's page, posts with its form.

    `instance` is anything with `url` and `ws_url`: a running stage, or one of its instances. Where
    it has a `site` too, a login at one address is one at all addresses of that site; where it has
    `tls`, that is the ssl context by which to trust it. `name` goes along as the User-Agent, so
    that a flow's picture can say who it was. Where the stage has accounts it is the user's name
    too, and remembered with its login (so is the one name of all who have none); `fresh` makes a
    stranger, whose login is one of its own.
    """

    def __init__(self, instance, name=None, *, fresh=False):
        self.name = name or "visitor"
        self.site = site_of(instance)
        # A connection per request: gunicorn drops an idle one after 2 s, perhaps just as we send.
        limits = httpx.Limits(max_keepalive_connections=0)
        tls = getattr(instance, "tls", None)
        # Over TLS Django wants to know whose page a form was on, as each browser tells it.
        origin = {"Origin": instance.url} if tls else {}
        self.http = httpx.AsyncClient(
            base_url=instance.url,
            timeout=30,
            limits=limits,
            headers=user_agent(name) | origin,
            verify=tls or NO_TLS,
        )
        if not fresh and (known := SESSIONS.get((self.site, self.name))):
            self.http.cookies.set(cookie_name(instance), known)
        self.token = None

    @property
    def session(self):
        """The cookie by which the site knows this visitor; None for a stranger."""
        for name, value in self.http.cookies.items():
            if name.startswith(DJANGO_NAME):
                COOKIE_NAMES[self.site] = name
                return value

    async def __aenter__(self):
        return self

    async def __aexit__(self, *error):
        await self.http.aclose()

    async def open(self, room_name):
        """Load a room's page, with the token that its form needs. Returns the response."""
        page = await self.load(f"/chat/{room_name}/")
        if is_for_users(page):
            await self.log_in()
            page = await self.load(f"/chat/{room_name}/")
        return page

    async def load(self, path):
        page = await self.http.get(path)
        found = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page.text)
        self.token = found[1] if found else None
        return page

    async def log_in(self):
        """Be logged in, where the stage has accounts: sign up, or log in if the name is taken."""
        # A page that exists only where there are accounts, and opens only for users.
        if not is_for_users(await self.http.get("/accounts/password_change/")):
            return
        self.http.cookies.clear()
        answer = await self.submit("/accounts/signup/", password1=PASSWORD, password2=PASSWORD)
        if answer.status_code != 302:
            answer = await self.submit("/accounts/login/", password=PASSWORD)
        if answer.status_code != 302:
            raise UsageError(f"Nobody can sign up as {self.name!r} here, nor log in.")
        SESSIONS[self.site, self.name] = self.session

    async def log_out(self):
        """Log out, as the button on each page does. Returns the response."""
        await self.load("/")
        SESSIONS.pop((self.site, self.name), None)
        return await self.http.post("/accounts/logout/", data={"csrfmiddlewaretoken": self.token})

    async def submit(self, path, **fields):
        await self.load(path)
        fields |= {"username": self.name, "csrfmiddlewaretoken": self.token}
        return await self.http.post(path, data=fields)

    async def post(self, room_name, author, text, within=30):
        """Send the form of the page that was opened last. Returns the response: 302 if stored."""
        fields = {"author": author, "text": text, "csrfmiddlewaretoken": self.token or ""}
        return await self.http.post(f"/chat/{room_name}/", data=fields, timeout=within)


def site_of(instance):
    return getattr(instance, "site", instance.url)


def cookie_name(instance):
    """What a site calls its session cookie; Django's own name until somebody has logged in."""
    return COOKIE_NAMES.get(site_of(instance), DJANGO_NAME)


def is_for_users(page):
    """Whether a page sends strangers to the login."""
    return page.status_code == 302 and page.headers["location"].startswith("/accounts/login/")


def user_agent(name):
    """Headers by which a client says who it is: so a picture of its messages can name it."""
    # A header holds plain ASCII only; who writes is told by the form as well.
    fits = name and name.isascii() and name.isprintable() and name == name.strip()
    return {"User-Agent": name} if fits else {}


async def post(instance, room_name, author, text):
    """Open a room's page and post one message with its form. Returns the response."""
    async with Visitor(instance, author) as visitor:
        await visitor.open(room_name)
        return await visitor.post(room_name, author, text)


class Reader:
    """Somebody who waits for news in a room. `how` says by which of the ways a stage may offer."""

    def __init__(self, how, socket=None):
        self.how, self.socket = how, socket
        self.inbox = asyncio.Queue()

    async def next(self, within=LIVE_SECONDS):
        """The next message; None if none came in time. Raises what has ended the connection."""
        try:
            async with asyncio.timeout(within):
                news = await self.inbox.get()
        except TimeoutError:
            return None
        if isinstance(news, Exception):
            raise news
        return news

    async def post(self, author, text):
        """Post over the same connection; only a WebSocket can."""
        await self.socket.send(json.dumps({"type": "post", "author": author, "text": text}))


@contextlib.asynccontextmanager
async def reading(instance, room_name, name=None, after=None):
    """Wait for news in whatever way the stage offers: yields a Reader, or None if there is none.

    By WebSocket a reader gets what is posted from now on, in the other ways the whole room; or
    what came after a message that it has already, where the stage can tell it.
    """
    async with contextlib.AsyncExitStack() as stack:
        for open_reader in WAYS.values():
            reader = await stack.enter_async_context(open_reader(instance, room_name, name, after))
            if reader:
                break
        if reader and reader.how != "WebSocket":
            await until_it_waits(instance, room_name, name, after)
        yield reader


async def until_it_waits(instance, room_name, name, after):
    """Return when the server has the reader's request in hand, and nothing to answer it with."""
    if instance.tracing and name and not after:
        await instance.tracing.waits(name, room_name)
        return
    # Nothing says so where nothing is traced, but the answer to a later request.
    async with Visitor(instance, name) as visitor:
        await visitor.load("/")


@contextlib.asynccontextmanager
async def websocket_reader(instance, room_name, name=None, after=None, session=None):
    """A Reader by WebSocket, or None if the handshake is refused; `session` as for `connect`."""
    async with contextlib.AsyncExitStack() as stack:
        try:
            seq = after and after.get("seq")
            opening = connect(instance, room_name, name, after=seq, session=session)
            socket = await stack.enter_async_context(opening)
        except websockets.InvalidStatus:
            yield None
            return
        reader = Reader("WebSocket", socket)
        if seq is None and getattr(instance, "greets", False):
            await until_in_room(socket)
        async with feeding(reader, read_socket(socket)):
            yield reader


async def until_in_room(socket):
    """Return when chat_final has taken an open socket into its room, or has closed it again."""
    with contextlib.suppress(websockets.ConnectionClosed):
        while json.loads(await socket.recv())["type"] != "caught_up":
            pass


@contextlib.asynccontextmanager
async def connect(
    instance, room_name, name=None, *, after=None, origin=None, session=None, **options
):
    """Open a room's socket as a page of the site would; yields the connection.

    It is logged in where the stage has accounts, by `session` if that cookie is given ("": by
    none, and nobody asks whether there are accounts). `origin` is that of the page, else the
    site's own; `after` the seq to go on from; `options` are more for `websockets.connect`. Raises
    websockets' InvalidStatus if it is refused.
    """
    if session is None:
        async with Visitor(instance, name) as visitor:
            await visitor.log_in()
            session = visitor.session
    url = f"{instance.ws_url}/ws/chat/{room_name}/"
    async with websockets.connect(
        url if after is None else f"{url}?after={after}",
        ssl=getattr(instance, "tls", None),
        origin=origin or instance.url,
        additional_headers={"Cookie": f"{cookie_name(instance)}={session}"} if session else {},
        user_agent_header=name or USER_AGENT,
        **options,
    ) as socket:
        yield socket


async def next_event(socket):
    """The next event that is an answer or news: `caught_up` and what is ephemeral are neither."""
    while (event := json.loads(await socket.recv()))["type"] in {"caught_up", *EPHEMERAL}:
        pass
    return event


async def read_socket(socket):
    async for frame in socket:
        event = json.loads(frame)
        if event["type"] == "message":
            yield event


@contextlib.asynccontextmanager
async def stream_reader(instance, room_name, name=None, after=None):
    """A Reader by server-sent events, or None if the stage has no such address."""
    url = f"{instance.url}/chat/{room_name}/stream/"
    timeout = httpx.Timeout(30, read=None)
    async with (
        httpx.AsyncClient(timeout=timeout, headers=user_agent(name), verify=NO_TLS) as http,
        http.stream("GET", url, params={"after": after["id"] if after else 0}) as response,
    ):
        if response.status_code == 404:
            yield None
            return
        response.raise_for_status()
        reader = Reader("event stream")
        async with feeding(reader, read_events(response)):
            yield reader


async def read_events(response):
    async for line in response.aiter_lines():
        if line.startswith("data: "):
            yield json.loads(line.removeprefix("data: "))


@contextlib.asynccontextmanager
async def polling_reader(instance, room_name, name=None, after=None):
    """A Reader by long polling, or None if the stage has no such address."""
    options = {"headers": user_agent(name), "timeout": 60, "verify": NO_TLS}
    async with httpx.AsyncClient(base_url=instance.url, **options) as http:
        path = f"/chat/{room_name}/messages/"
        # Asked for nonsense, so that the answer comes at once: 404 only if nothing is there.
        if (await http.get(path, params={"after": "nonsense"})).status_code == 404:
            yield None
            return
        reader = Reader("long polling")
        asked = asyncio.Event()
        after = after["id"] if after else 0
        async with feeding(reader, poll(http, path, asked, after)):
            await asked.wait()
            yield reader


async def poll(http, path, asked, after):
    async def trace(step, details):
        if step == "http11.send_request_body.complete":
            asked.set()

    while True:
        response = await http.get(path, params={"after": after}, extensions={"trace": trace})
        response.raise_for_status()
        for message in response.json()["messages"]:
            after = message["id"]
            yield message


# What `how` of a Reader says, and how to get another one of that kind.
WAYS = {
    "WebSocket": websocket_reader,
    "event stream": stream_reader,
    "long polling": polling_reader,
}


@contextlib.asynccontextmanager
async def feeding(reader, messages):
    """Put what arrives into the reader's inbox, for the length of the block."""

    async def feed():
        try:
            async for message in messages:
                reader.inbox.put_nowait(message)
            raise ConnectionError(f"The server has ended the {reader.how}.")
        except Exception as error:  # handed on: the reader's next() raises it
            reader.inbox.put_nowait(error)

    task = asyncio.create_task(feed())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])
