"""Notebook 15: the tests of one's own project, and what each kind of test sees of a mistake."""

import asyncio
import re
from dataclasses import dataclass

from chatflow.basics.errors import LaunchError, MissingError
from chatflow.clients.browser import find_chromium

from .own_sites import crosses

# The modules of the tests that are run by `manage.py test`; and then two servers talk.
MODULES = {"communicator": "chat.tests", "browser": "chat.tests_page"}
SERVERS = "two servers"
# Above each traceback of unittest's: which module it is from.
FAILED = re.compile(r"^(?:FAIL|ERROR): .*\((chat\.\w+)\.", re.MULTILINE)


@dataclass
class Tried:
    """What each way says of a project: "green", "red" or "left out"; and what was printed."""

    found: dict[str, str]
    said: str

    @property
    def error(self):
        """The last line of the first traceback."""
        lines = self.said.partition("Traceback (most recent call last):\n")[2].splitlines()
        return next(line for line in lines if line and not line.startswith(" "))


async def tried(project, ways=(*MODULES, SERVERS)):
    """Try a project in these ways, one after the other."""
    found, said = await asyncio.to_thread(tests, project, [way for way in ways if way in MODULES])
    if SERVERS in ways:
        found[SERVERS] = "green" if await crosses(project) else "red"
    return Tried(found, said)


def tests(project, ways):
    """Run the tests of these ways: {way: colour}, and what they print."""
    modules = {way: MODULES[way] for way in ways}
    words = ["manage.py", "test", *modules.values()]
    done = project.run(*words, check=False, **with_chromium())
    red = set(FAILED.findall(done.stderr))
    if bool(done.returncode) != bool(red):
        raise LaunchError(f"The tests have not run to their end:\n{done.stderr}")
    colours = {way: "red" if module in red else "green" for way, module in modules.items()}
    if "skipped=" in done.stderr:
        colours["browser"] = "left out"
    return colours, done.stderr


def with_chromium():
    try:
        return {"CHROMIUM": find_chromium()}
    except MissingError:
        return {"CHROMIUM": ""}


async def all_tried(projects):
    """{name: Tried} of {name: Project}: all at once, as much of it is waiting."""
    outcomes = await asyncio.gather(*map(tried, projects.values()))
    return dict(zip(projects, outcomes, strict=True))
