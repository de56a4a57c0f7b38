"""A stage with one text replaced, in a copy that goes by itself."""

import contextlib
from types import SimpleNamespace

import pytest

from chatflow import find_stage, stage
from chatflow.basics.errors import UsageError
from chatflow.running import variants
from chatflow.running.variants import variant

VIEWS = "chat/views.py"


async def test_copy_runs_with_the_change_and_goes_with_the_block():
    original = (find_stage(1).folder / VIEWS).read_text()
    change = ('"chat/index.html", context, status=', '"chat/index.html", context, status=200 and ')
    with contextlib.suppress(ZeroDivisionError):
        async with variant(1, VIEWS, *change) as folder, stage(1, folder=folder) as chat:
            assert (folder / VIEWS).read_text() == original.replace(*change)
            assert chat.folder == folder
            raise ZeroDivisionError
    assert not folder.parent.exists(), "though the block has failed"
    assert (find_stage(1).folder / VIEWS).read_text() == original


async def test_own_messages_and_bytecode_are_not_copied(tmp_path, monkeypatch):
    for name in ("views.py", "db.sqlite3", "db.sqlite3-wal", "__pycache__/views.pyc"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("old")
    mine = SimpleNamespace(number=1, name="mine", folder=tmp_path)
    monkeypatch.setattr(variants, "find_stage", lambda number: mine)
    async with variant(1, "views.py", "old", "new") as folder:
        assert {path.name: path.read_text() for path in folder.iterdir()} == {"views.py": "new"}
    assert not folder.parent.exists()


@pytest.mark.parametrize(
    ("path", "before", "said"),
    [
        (VIEWS, "WAIT_SECONDS = 26", "says 'WAIT_SECONDS = 26' nowhere"),
        (VIEWS, "WAIT_SECONDS", "says 'WAIT_SECONDS' 2 times"),
        ("chat/wievs.py", "WAIT_SECONDS", "02_wsgi_long_polling has no file chat/wievs.py."),
    ],
)
async def test_text_that_cannot_be_replaced_is_said_before_anything_is_copied(path, before, said):
    with pytest.raises(UsageError, match=said):
        async with variant(2, path, before, ""):
            raise AssertionError("there is nothing to run")
