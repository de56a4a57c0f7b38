"""The labs of notebook 14: a channel layer of our own, and the table that says which layer fits."""

import asyncio

import pytest
from channels.exceptions import ChannelFull

from labs.layer_rows import fitting, question, words_in
from labs.own_layer import OwnLayer


@pytest.fixture
def path(tmp_path):
    return tmp_path / "layer.sqlite3"


async def soon(layer, channel):
    """What comes on a channel; None if nothing does."""
    try:
        return (await asyncio.wait_for(layer.receive(channel), 0.5))["text"]
    except TimeoutError:
        return None


def event(text):
    return {"type": "chat.message", "text": text}


async def test_own_layer_crosses_and_keeps_the_order(path):
    here, there = OwnLayer(path), OwnLayer(path)
    channel = await there.new_channel()
    await there.group_add("room", channel)
    for text in ("one", "two", "three"):
        await here.group_send("room", event(text))
    assert [await soon(there, channel) for _ in range(4)] == ["one", "two", "three", None]
    await here.group_discard("room", channel)
    await here.group_send("room", event("four"))
    assert await soon(there, channel) is None


async def test_own_layer_is_full_for_each_channel_alone(path):
    layer = OwnLayer(path, capacity=2)
    quick, slow = await layer.new_channel(), await layer.new_channel()
    for channel in (quick, slow):
        await layer.group_add("room", channel)
    for text in ("one", "two", "three"):
        await layer.group_send("room", event(text))
        assert await soon(layer, quick) == text
    assert [await soon(layer, slow) for _ in range(3)] == ["one", "two", None]
    for _ in range(2):
        await layer.send(slow, event("again"))
    with pytest.raises(ChannelFull):
        await layer.send(slow, event("too many"))


async def test_own_layer_forgets_what_is_too_old(path):
    layer = OwnLayer(path, expiry=-1)
    await layer.send("jobs", event("old"))
    assert await soon(layer, "jobs") is None
    layer = OwnLayer(path, group_expiry=-1)
    await layer.group_add("room", "member")
    await layer.group_send("room", event("to nobody"))
    assert await soon(layer, "member") is None


async def test_own_layer_gives_each_message_to_one_receiver(path):
    layers = [OwnLayer(path) for _ in range(4)]
    waiting = [asyncio.create_task(soon(layer, "jobs")) for layer in layers]
    await layers[0].send("jobs", event("a job"))
    found = await asyncio.gather(*waiting)
    assert sorted(found, key=str) == [None] * 3 + ["a job"]


FACTS = {
    "columns": ["one", "two", "three"],
    "rows": [
        {
            "key": "crosses",
            "title": "crosses",
            "cells": {"one": "yes", "two": "no", "three": "yes"},
        },
        {"key": "restart", "title": "a restart", "cells": {"one": "deaf", "two": "hears"}},
    ],
}


def test_layer_fits_if_all_its_cells_do():
    assert fitting(FACTS, crosses="yes") == ["one", "three"]
    assert fitting(FACTS, crosses=("yes", "no"), restart=("hears", "deaf")) == ["one", "two"]
    assert fitting(FACTS, crosses="yes", restart="hears") == []
    assert fitting(FACTS, unheard_of="yes") == [], "what was not measured is no yes"


def test_game_asks_with_the_words_of_a_row():
    assert question(FACTS, ("restart", "two")) == "a restart: two"
    assert words_in(FACTS, "restart") == ["deaf", "hears"]
