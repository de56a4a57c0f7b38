"""A person's browser without JavaScript: it opens pages, sends forms, signs up and logs in."""

import re

import httpx

from ..basics.addresses import NO_TLS
from ..basics.errors import UsageError

# The password of everybody who signs up here.
PASSWORD = "correct horse battery staple"

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
