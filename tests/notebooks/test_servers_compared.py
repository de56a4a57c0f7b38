"""The labs of notebook 13: what it does not assert itself."""

import pytest

from chatflow.basics.errors import LaunchError
from labs import five_at_once
from labs.guessing_game import decided, graded, those

FACTS = {
    "columns": ["daphne", "uvicorn"],
    "rows": [
        {"key": "code", "title": "the code", "cells": {"daphne": "1006", "uvicorn": "1012"}},
        {"key": "pings", "title": "pings", "cells": {"daphne": "yes", "uvicorn": "yes"}},
    ],
}


def test_each_guess_is_shown_beside_what_is_so(capsys):
    guesses = {("code", "daphne"): "1006", ("code", "uvicorn"): "1006", ("pings", "daphne"): "yes"}
    assert graded(guesses, FACTS) == 2
    _, *lines = capsys.readouterr().out.splitlines()
    assert [line.split()[-4:] for line in lines] == [
        ["daphne", "1006", "1006", "✓"],
        ["uvicorn", "1006", "1012", "✗"],
        ["daphne", "yes", "yes", "✓"],
    ]


def test_a_number_is_a_guess_too_and_a_cell_that_is_not_there_is_named():
    assert graded({("code", "daphne"): 1006}, FACTS) == 1
    with pytest.raises(KeyError, match=r"no such cell.*'kode', 'daphne'"):
        graded({("kode", "daphne"): "1006"}, FACTS)


def test_wish_has_a_tick_where_a_server_fulfils_it(capsys):
    assert those(FACTS, "code", "1006", "1011") == ["daphne"]
    decided(FACTS, {"tells of a restart": ("code", "1012"), "it pings": ("pings", "yes")})
    head, restart, pings = capsys.readouterr().out.splitlines()
    assert restart.count("✓") == 1
    assert restart.index("✓") == head.index("uvicorn") + len("uvicorn") - 1
    assert pings.count("✓") == 2


@pytest.mark.parametrize("row", ["cod", ""])
def test_row_that_is_not_there_is_an_error(row):
    with pytest.raises(KeyError):
        those(FACTS, row, "1006")


async def test_if_one_server_does_not_start_the_others_end(monkeypatch):
    started, lab = [], five_at_once.lab

    def noted(name, *, server, options):
        started.append(lab(name, server=server, options=options))
        return started[-1]

    monkeypatch.setattr(five_at_once, "ASGI_SERVERS", ["daphne", "uvicorn"])
    monkeypatch.setitem(five_at_once.OPTIONS, "uvicorn", ["--no-such-option"])
    monkeypatch.setattr(five_at_once, "lab", noted)
    with pytest.raises(LaunchError, match="--no-such-option"):
        async with five_at_once.everywhere():
            pytest.fail("there is nothing to ask")
    assert len(started) == 2
    for one in started:
        assert one.gen.ag_frame is None, "it has ended, and its server with it"
