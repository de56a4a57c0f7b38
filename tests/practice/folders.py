"""Learners' folders for tests: a stage as it is, or with pieces of it replaced."""

import shutil

from chatflow.running.variants import NOT_OURS


def copy_of(stage, target, edits=()):
    """Copy a stage to `target`, with {file, before, after} replaced in it; returns that folder."""
    shutil.copytree(stage.folder, target, ignore=NOT_OURS)
    for edit in edits:
        path = target / edit["file"]
        text = path.read_text()
        assert text.count(edit["before"]) == 1, f"{path.name} says {edit['before']!r} once"
        path.write_text(text.replace(edit["before"], edit["after"]))
    return target
