"""The database of a run: migrated by the stage's own migrations, once for as long as they stay."""

import contextlib
import os
import shutil
import sqlite3
import tempfile
import zlib
from importlib.metadata import version
from pathlib import Path

from .processes import RUNS


def fingerprint(folder, django=None):
    """A number that changes with a stage's migrations, its settings and Django's version."""
    files = sorted(folder.glob("*/migrations/*.py"))
    # The settings name the apps, and so the migrations that come with Django: with ours, or, where
    # the newest releases are tried beside it, with theirs.
    files += [folder / "websockets_channels" / "settings.py"]
    django = django or version("django")
    # SQLite keeps it as a signed 32-bit number.
    return zlib.crc32(django.encode() + b"".join(map(Path.read_bytes, files))) & 0x7FFFFFFF


def prepare(path, folder, migrate):
    """Make the SQLite file `path` ready for the stage in `folder`, calling `migrate` if need be.

    Migrating takes Django longer than starting the stage does. So a database is stamped with its
    migrations' fingerprint, and a new one starts as a copy of one that was migrated before.
    """
    wanted = fingerprint(folder)
    pristine = RUNS / f"migrated-{wanted:08x}.sqlite3"
    is_new = not path.exists()
    if is_new and pristine.exists():
        shutil.copyfile(pristine, path)
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as database:
        if database.execute("PRAGMA user_version").fetchone() == (wanted,):
            return
        migrate()
        database.execute(f"PRAGMA user_version = {wanted}")
    if is_new:
        keep(path, pristine)


def keep(path, pristine):
    # Copied aside and renamed: whoever finds the file finds all of it.
    handle, copy = tempfile.mkstemp(dir=RUNS)
    os.close(handle)
    shutil.copyfile(path, copy)
    os.replace(copy, pristine)
