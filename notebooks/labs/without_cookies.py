"""Notebook 15: clients that log in without a cookie, at the lab `logins`."""

import asyncio

import httpx
import websockets

from chatflow.basics.addresses import NO_TLS
from chatflow.basics.errors import MissingError
from chatflow.clients.browser import chromium, find_chromium

WAYS = ("query", "ticket", "header", "protocol", "first")


async def get_token(app, name="alice"):
    async with httpx.AsyncClient(verify=NO_TLS, base_url=app.url) as http:
        return (await http.get(f"/token/{name}/")).raise_for_status().text


async def get_ticket(app, token, **query):
    headers = {"Authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(verify=NO_TLS, base_url=app.url, headers=headers) as http:
        return (await http.get("/ticket/", params=query)).raise_for_status().text


async def enter(app, way, secret):
    """What the socket says to somebody with this token or ticket: a greeting, or a close code."""
    query = {"query": f"?token={secret}", "ticket": f"?ticket={secret}"}.get(way, "")
    options = {
        "header": {"additional_headers": {"Authorization": f"Bearer {secret}"}},
        "protocol": {"subprotocols": ["chat", f"token.{secret}"]},
        "forgetful": {"subprotocols": ["chat", f"token.{secret}"]},
    }.get(way, {})
    async with websockets.connect(f"{app.ws_url}/{way}/{query}", **options) as socket:
        if way == "first":
            await socket.send(secret)
        return await said(socket)


async def said(socket):
    async with asyncio.timeout(10):
        try:
            return await socket.recv()
        except websockets.ConnectionClosed:
            return socket.close_code


async def ticket_that_is_too_old(app, token):
    """What a ticket is worth that is used after its time."""
    ticket = await get_ticket(app, token, lives=0.1)
    await asyncio.sleep(0.2)  # the very thing that is tried
    return await enter(app, "ticket", ticket)


async def says_nothing(app):
    """What becomes of a client that is to log in by its first message, and sends none."""
    async with websockets.connect(f"{app.ws_url}/first/") as socket:
        return await said(socket)


# What a page can do: `new WebSocket(address, protocols)`, and nothing else.
OPEN = """([url, protocols, first]) => new Promise((resolve) => {
  let socket;
  try { socket = new WebSocket(url, protocols); } catch (error) { return resolve(`${error}`); }
  socket.onopen = () => { if (first) socket.send(first); };
  socket.onmessage = ({ data }) => resolve(data);
  socket.onclose = ({ code }) => resolve(code);
})"""


async def in_a_browser(app, token):
    """{way: what a page hears}, and what its console says; both empty without a browser."""
    try:
        find_chromium()
    except MissingError:
        return {}, []
    ticket, colons = await get_ticket(app, token), token.replace(".", ":")
    tries = {
        "query": [f"query/?token={token}", [], ""],
        "ticket": [f"ticket/?ticket={ticket}", [], ""],
        "protocol": ["protocol/", ["chat", f"token.{token}"], ""],
        "first": ["first/", [], token],
        "forgetful": ["forgetful/", ["chat", f"token.{token}"], ""],
        "with a colon": ["protocol/", ["chat", f"token.{colons}"], ""],
    }
    async with chromium() as browser:
        page = await browser.new_page()
        console = []
        page.on("console", lambda entry: console.append(entry.text.partition("failed: ")[2]))
        await page.goto(app.url)
        heard = {
            way: await page.evaluate(OPEN, [f"{app.ws_url}/{path}", protocols, first])
            for way, (path, protocols, first) in tries.items()
        }
    heard["with a colon"] = heard["with a colon"].replace(colons, "…:…:…")
    return heard, [line for line in console if line]


async def compare(app):
    """{way: {question: what was seen}} for a real client, and what is in the server's log."""
    secrets = {way: await get_token(app) for way in WAYS}
    secrets["ticket"] = await get_ticket(app, secrets["ticket"])
    first = {way: await enter(app, way, secrets[way]) for way in WAYS}
    again = {way: await enter(app, way, secrets[way]) for way in WAYS}
    forged = {way: await enter(app, way, "forged") for way in WAYS}
    log = app.program.said()
    return {
        way: {
            "hears": first[way],
            "the same again": again[way],
            "a forged one": forged[way],
            "secret in the log": "yes" if secrets[way] in log else "no",
        }
        for way in WAYS
    }
