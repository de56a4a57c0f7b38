"""Forms: in which words they are refused, and what becomes of one that two clicks send."""

import asyncio
import html
import re

# How the second request differs from the first: both leave before an answer is there; the browser
# has taken the answer's cookies before the second leaves; or only the first's answer is lost.
WAYS = ["at once", "with the new cookies", "with the old cookies"]


async def send_twice(visitor, path, way, page=None, **fields):
    """Load a page, and send a form that is on it, to `path`, twice. Returns both answers."""
    loaded = await visitor.load(page or path)
    hidden = re.findall(r'type="hidden" name="([^"]+)" value="([^"]*)"', loaded.text)
    data = {**dict(hidden), **fields, "csrfmiddlewaretoken": visitor.token}
    if way == "at once":
        # Both have the cookies of now: each is made before the other's answer can come.
        return await asyncio.gather(*(visitor.http.post(path, data=data) for _ in "12"))
    jar = visitor.http.cookies.jar
    old = list(jar)
    first = await visitor.http.post(path, data=data)
    if way == "with the old cookies":
        jar.clear()
        for cookie in old:
            jar.set_cookie(cookie)
    return first, await visitor.http.post(path, data=data)


def where(answers):
    return [(answer.status_code, answer.headers.get("location")) for answer in answers]


def assert_refused_in_words(answer, status):
    """The form comes again, with a sentence that says what is wrong with it."""
    assert answer.status_code == status
    words = re.search(r'role="alert"[^>]*>\s*(?:<p>)?\s*([^<]+?)\s*<', answer.text)
    assert words, "say what is wrong with the form"
    assert html.unescape(words[1]).endswith("."), "say it in a sentence"
