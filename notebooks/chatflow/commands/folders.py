"""A folder of one's own in place of a stage's."""

import zlib
from pathlib import Path

from ..basics.catalog import stages
from ..basics.errors import UsageError


def own_folder(text):
    folder = Path(text).resolve()
    if not (folder / "manage.py").is_file():
        raise UsageError(
            f"There is no manage.py in {text}: give the folder of a stage of your own, such as "
            f"the one that practice.sh build 5 makes."
        )
    return folder


def database_name(folder):
    """The stage's name; for a folder of one's own a name that no other folder has."""
    if folder in [stage.folder for stage in stages()]:
        return folder.name
    return f"{folder.name}-{zlib.crc32(bytes(folder)):08x}"
