"""A stage with one thing changed, to see what that thing does; the stage itself stays as it is.

async with (
    variant(2, "chat/views.py", "WAIT_SECONDS = 25", "WAIT_SECONDS = 2") as folder,
    stage(2, folder=folder) as chat,
):
    print(chat.url)
"""

import asyncio
import contextlib
import shutil

from ..basics.catalog import find_stage
from ..basics.errors import UsageError
from .processes import RunFolder

NOT_OURS = shutil.ignore_patterns("__pycache__", "*.sqlite3*")


@contextlib.asynccontextmanager
async def variant(number, path, before, after):
    """Copy a stage's folder with a piece of text replaced; the copy goes when the block ends.

    Raises UsageError if `before` does not stand exactly once in the stage's file `path`.
    """
    stage = find_stage(number)
    changed = replaced(stage, path, before, after)
    # A run's folder goes even if this process is killed.
    files = await asyncio.to_thread(RunFolder, f"{stage.name}-variant")
    try:
        copy = shutil.copytree(stage.folder, files.path / stage.name, ignore=NOT_OURS)
        (copy / path).write_text(changed)
        yield copy
    finally:
        await asyncio.shield(asyncio.to_thread(files.close))


def replaced(stage, path, before, after):
    if not (stage.folder / path).is_file():
        raise UsageError(f"{stage.name} has no file {path}.")
    text = (stage.folder / path).read_text()
    if (times := text.count(before)) != 1:
        found = f"{times} times" if times else "nowhere"
        raise UsageError(f"{stage.name}/{path} says {before!r} {found}: give text it says once.")
    return text.replace(before, after)
