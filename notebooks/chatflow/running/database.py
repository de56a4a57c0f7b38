"""The database of a run: migrated by the stage's own migrations, once for as long as they stay."""

import contextlib
import os
import shutil
import sqlite3
import tempfile
import zlib
from importlib.metadata import version
from pathlib import Path

from ..basics.addresses import printable
from ..basics.errors import LaunchError, UsageError
from .options import is_url
from .processes import RUNS


def start_postgres(run):
    """Give a run a private PostgreSQL, which ends with it. Raises MissingError."""
    # Only here: its client takes longer to load than all the rest of this module.
    from . import postgres

    run.postgres = run.databases.enter_context(postgres.server())
    run.database = run.postgres.new_database()


def prepare(run):
    """Make the database of a run ready, by the stage's own migrations. Raises LaunchError."""
    if is_url(run.database):
        # Only here: its client takes longer to load than all the rest of this module.
        from .postgres import check_given

        check_given(run.database)
        migrate(run)
        return
    try:
        run.database.parent.mkdir(parents=True, exist_ok=True)
        prepare_file(run)
    except (OSError, sqlite3.Error) as error:
        run.give_up_if_stopping()  # then it is its folder that has gone
        raise UsageError(
            f"The database {run.database} cannot be used ({error}): name another file."
        ) from error


def migrate(run):
    done = run.manage("migrate", "--verbosity", "0")
    if done.returncode:
        where = printable(str(run.database))
        raise LaunchError(f"Could not migrate {where}:\n{done.stderr.strip()}")


def prepare_file(run):
    """Migrate the SQLite file of a run, if need be.

    Migrating takes Django longer than starting the stage does. So a database is stamped with its
    migrations' fingerprint, and a new one starts as a copy of one that was migrated before.
    """
    wanted = fingerprint(run.folder)
    pristine = RUNS / f"migrated-{wanted:08x}.sqlite3"
    is_new = not run.database.exists()
    if is_new and pristine.exists():
        shutil.copyfile(pristine, run.database)
    with contextlib.closing(sqlite3.connect(run.database, isolation_level=None)) as database:
        if database.execute("PRAGMA user_version").fetchone() == (wanted,):
            return
        migrate(run)
        database.execute(f"PRAGMA user_version = {wanted}")
    if is_new:
        keep(run.database, pristine)


def fingerprint(folder, django=None):
    """A number that changes with a stage's migrations, its settings and Django's version."""
    files = sorted(folder.glob("*/migrations/*.py"))
    # The settings name the apps, and so the migrations that come with Django: with ours, or, where
    # the newest releases are tried too, with theirs.
    files += [folder / "websockets_channels" / "settings.py"]
    django = django or version("django")
    # SQLite keeps it as a signed 32-bit number.
    return zlib.crc32(django.encode() + b"".join(map(Path.read_bytes, files))) & 0x7FFFFFFF


def keep(path, pristine):
    # Copied aside and renamed: nobody finds half of the file.
    handle, copy = tempfile.mkstemp(dir=RUNS)
    os.close(handle)
    shutil.copyfile(path, copy)
    os.replace(copy, pristine)
