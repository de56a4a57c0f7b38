"""Notebook 15: a Django project from nothing, in a new folder, by the blocks of own_project.md."""

import asyncio
import contextlib
import itertools
import os
import re
import shutil
import sys
import tempfile
from pathlib import Path

from chatflow.basics.catalog import ROOT
from chatflow.basics.errors import LaunchError, UsageError
from chatflow.basics.interrupts import finish, held
from chatflow.lesson.sources import Listing
from chatflow.running import redis_server
from chatflow.running.environment import clean_environment
from chatflow.running.processes import RunFolder, run_to_end

PAGE = ROOT / "notebooks" / "own_project.md"
# A block's first line is a comment that names its file, and may say that it is added to it.
BLOCK = re.compile(
    r"^```(\w+)\n(?:# |<!-- )([\w/.@]+)(, at its end)?[^\n]*\n(.*?)^```", re.DOTALL | re.MULTILINE
)
PATIENCE = 60
NOT_COPIED = shutil.ignore_patterns(".venv", "__pycache__", "test.sqlite3*")


def blocks():
    """{file: (language, whether it is added to the file, text)}, in the order of the page."""
    found = BLOCK.findall(PAGE.read_text())
    return {name: (language, bool(added), text) for language, name, added, text in found}


@contextlib.asynccontextmanager
async def own_project():
    """Begin a project in a new folder; yields the Project. What runs of it ends with the block.

    The folder stays, for you to go on with; where a test plays the learner, it goes.
    """
    folder = Path(tempfile.mkdtemp(prefix="mysite-"))
    files = RunFolder("own-project")
    async with held("your project"):
        try:
            project = Project(folder, files, await asyncio.to_thread(redis_server.start, files))
            await asyncio.to_thread(project.begin)
            yield project
        finally:
            await finish(files.close)
            if is_nobodys():
                shutil.rmtree(folder)


def is_nobodys():
    """Whether it is a test that plays the learner, so that nobody goes on with the folder."""
    return "CHATFLOW_NOBODY" in os.environ


class Project:
    """A folder with a Django project, the Python that runs it, and a database of a Redis."""

    def __init__(self, folder, files, redis, python=sys.executable, number=0):
        self.folder, self.files, self.redis, self.python = folder, files, redis, python
        self.number, self.copies = number, itertools.count(1)

    def begin(self):
        """What one types in an empty folder. Raises LaunchError."""
        self.run("-m", "django", "startproject", "mysite", ".")
        self.run("manage.py", "startapp", "chat")

    @property
    def place(self):
        """Where you find it."""
        return "a folder that goes with the run" if is_nobodys() else f"cd {self.folder}"

    def add(self, *names):
        """Write these blocks of the page into their files; returns them, to be shown."""
        known = blocks()
        if unknown := set(names) - set(known):
            raise UsageError(f"own_project.md has no block for {', '.join(unknown)}.")
        for name in names:
            self.write(name, *known[name][1:])
        heads = [f"# {name}\n" if names[1:] else "" for name in names]
        texts = [head + known[name][2] for head, name in zip(heads, names, strict=True)]
        return Listing(", ".join(names), "\n".join(texts), known[names[0]][0])

    def write(self, name, added, text):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if not added:
            path.write_text(text)
        elif text not in (before := path.read_text()):  # a cell may be run again
            path.write_text(f"{before}\n\n{text}")

    def add_all(self):
        """All blocks, and its tables."""
        self.add(*blocks())
        self.manage("makemigrations", "chat")
        self.manage("migrate")

    def manage(self, *words):
        """Run a command of `manage.py` to its end; returns what it prints. Raises LaunchError."""
        return self.run("manage.py", *words).stdout

    def run(self, *words, check=True, **environment):
        """Run its Python with these words; returns the CompletedProcess."""
        options = {"folder": self.files, "within": PATIENCE, "cwd": self.folder}
        done = run_to_end([self.python, *words], env={**self.environment, **environment}, **options)
        if check and done.returncode:
            raise LaunchError(f"{' '.join(words)} has failed:\n{done.stderr}")
        return done

    @property
    def environment(self):
        url = f"{self.redis.url.removesuffix('/0')}/{self.number}"
        return clean_environment() | {"REDIS_URL": url, "PYTHONUNBUFFERED": "1"}

    def copy(self, *changes):
        """The same in another folder, which goes with the run, with these changes.

        It has a database of its own in Redis, so that copies do not hear each other. A change is
        (file, a piece of text that it says once, what stands there instead).
        """
        place = Path(tempfile.mkdtemp(prefix="changed-", dir=self.files.path))
        shutil.copytree(self.folder, place, ignore=NOT_COPIED, dirs_exist_ok=True)
        for name, before, after in changes:
            text = (place / name).read_text()
            if (times := text.count(before)) != 1:
                raise UsageError(f"{name} says {before!r} {times} times: give text it says once.")
            (place / name).write_text(text.replace(before, after))
        # Redis has 16 of them.
        number = 1 + next(self.copies) % 15
        return Project(place, self.files, self.redis, self.python, number)

    def under(self, python):
        """The same folder, run by another Python."""
        return Project(self.folder, self.files, self.redis, python, self.number)
