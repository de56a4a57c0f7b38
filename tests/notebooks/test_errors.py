"""What a learner sees of an error, in a real kernel: values, a picture, a sentence, a hint."""

import ast
import queue
import re
import subprocess
import sys
from types import SimpleNamespace

import pytest
import pytest_asyncio
from jupyter_client.manager import AsyncKernelManager

from chatflow.basics.catalog import ROOT
from chatflow.lesson.asserts import Asserts
from helpers import scripts

COLOURS = re.compile(r"\x1b\[[\d;]*m")
in_one_loop = pytest.mark.asyncio(loop_scope="module")


class Kernel:
    """A kernel in `notebooks/`, to which chatflow has been imported."""

    def __init__(self):
        self.manager = AsyncKernelManager(kernel_name="python3")

    async def __aenter__(self):
        await self.manager.start_kernel(cwd=ROOT / "notebooks")
        self.client = self.manager.client()
        self.client.start_channels()
        await self.client.wait_for_ready(timeout=scripts.START_SECONDS)
        begun = await self.run("import asyncio\nfrom chatflow import reading, show, stage")
        assert not begun.error, begun.error
        return self

    async def __aexit__(self, *error):
        self.client.stop_channels()
        await self.manager.shutdown_kernel(now=True)

    async def run(self, cell, interrupt_when="\0"):
        """Run a cell, and interrupt it once it has printed this; returns what is seen of it."""
        seen = SimpleNamespace(name=None, error="", said="", shown=[])
        begun = self.client.execute(cell)
        while (message := await self.next_message(begun))["msg_type"] != "status":
            self.note(seen, message["msg_type"], message["content"])
            if interrupt_when in seen.said:
                interrupt_when = "\0"
                await self.manager.interrupt_kernel()
        return seen

    async def next_message(self, begun):
        """The next that a cell sends; a status only if it is that of the end."""
        while True:
            try:
                message = await self.client.get_iopub_msg(timeout=scripts.START_SECONDS)
            except queue.Empty:
                raise AssertionError("the cell says nothing, and does not end") from None
            busy = message["content"].get("execution_state") == "busy"
            if message["parent_header"].get("msg_id") == begun and not busy:
                return message

    def note(self, seen, kind, content):
        if kind == "error":
            seen.name = content["ename"]
            seen.error = COLOURS.sub("", "\n".join(content["traceback"]))
        elif kind == "stream":
            seen.said += content["text"]
        elif "data" in content:
            seen.shown.append(content["data"])


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def kernel():
    async with Kernel() as kernel:
        yield kernel


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def with_a_flow(kernel):
    """The kernel, with a `flow` of stage 05 that has reached bob and not carol."""
    made = await kernel.run("""
async with stage(5, instances=2, trace=True) as chat:
    a, b = chat.instances
    async with reading(a, "lobby", "bob") as bob, reading(b, "lobby", "carol") as carol:
        await bob.post("bob", "hi")
        flow = await chat.flow("hi", reaches=["bob"])
way = [hop.target for hop in flow.hops]
""")
    assert not made.error, made.error
    return kernel


# --- asserts --------------------------------------------------------------------------------------

FAILING = {
    "assert [1] + [2] == [1, 3]": "\n  [1] + [2] is [1, 2]",
    "a, b = 1, 2\nassert a == b": "this does not hold: a == b\n  a is 1\n  b is 2",
    "assert a == 1 and b == 1, 'both'": "Error: both\n  this does not hold: b == 1\n  b is 2",
    "assert a < b < 2 < 3": "this does not hold: a < b < 2 < 3\n  a is 1\n  b is 2",
    "assert (c := a + b) == 4": "\n  c := a + b is 3",
    "assert c == 5 or not c": "\n  c is 3\n  c is 3",
    "assert await asyncio.sleep(0, 7) == 8": "\n  await asyncio.sleep(0, 7) is 7",
    "assert all(x < 3 for x in (1, 2, 3, 4))": "hold: all(x < 3 for x in (1, 2, 3, 4))\n  x is 3",
    'assert (\n    "a"\n    + str(b)\n) == ""': """\n  "a" + str(b) is 'a2'""",
    "assert not any(\n    y == x\n    for x in (1, 2) for y in (2, 3)\n)": "\n  x is 2\n  y is 2",
    "assert [*range(99)] == [*range(57), 0]": "they differ first at [57]: 57 and 0",
    "assert [*range(8)] == [*range(9)]": "they differ first at [8]: nothing and 8",
    "assert {*range(9)} == {*range(1, 10)}": "only left: [0], only right: [9]",
    "def f():\n    n = 1\n    def g():\n        assert n == 2\n    g()\nf()": "\n  n is 1",
    "class C:\n    k = 4\n    assert all(k == 4 for k in (4, 5))": "\n  k is 5",
    "%%time\nassert a == b": "\n  a is 1\n  b is 2",
    "assert 'x' * 999 == ''": "\n  'x' * 999 is 'xxx",
}


@pytest.mark.parametrize("cell", FAILING)
@in_one_loop
async def test_failed_assert_shows_what_it_looked_at(kernel, cell):
    await kernel.run("a, b, c = 1, 2, 3")
    seen = await kernel.run(cell)
    assert seen.name == "AssertionError"
    assert FAILING[cell] in seen.error
    assert "asserts.py" not in seen.error, "none of our own frames"
    assert '"" is' not in seen.error, "what is written out says itself what it is"
    assert len(seen.error) < 1500
    assert seen.shown == [], "no flow, no picture"


HOLDING = """
looked = []
def once(value):
    looked.append(value)
    return value
assert once(1) < once(2) < once(3), once("words")
assert once(4) or once("never")
assert all(once(n) > 4 for n in (5, 6)), f"{once('words')}"
assert (seen := once(7)) and not once(0) and any(once(n) == 9 for n in (8, 9, 10))
assert await asyncio.sleep(0, once(11))
assert [n async for n in (once(n) async for n in once_each(12, 13))] == [12, 13]
assert looked == [1, 2, 3, 4, 5, 6, 7, 0, 8, 9, 11, 12, 13] and seen == 7, looked
print([name for name in globals() if "@" in name])
"""


@in_one_loop
async def test_assert_looks_at_everything_once_and_in_order(kernel):
    await kernel.run("async def once_each(*values):\n    for value in values:\n        yield value")
    seen = await kernel.run(HOLDING)
    assert not seen.error, seen.error
    assert seen.said == "[]\n", "nothing is left of it"


@in_one_loop
async def test_assert_that_failed_keeps_nothing_alive(kernel):
    failed = await kernel.run("""
import gc, weakref
class Big:
    def __init__(self):
        global big
        big = weakref.ref(self)
assert Big() is None
""")
    assert "Big() is <__main__.Big object" in failed.error
    assert (await kernel.run("gc.collect(); print(big())")).said == "None\n"


def test_asserts_are_left_out_where_python_leaves_them_out():
    cell = Asserts().visit(ast.parse("looked = []\nassert looked.append(1), looked.append(2)"))
    exec(compile(cell, "cell", "exec", optimize=1), names := {})
    assert names["looked"] == []


@in_one_loop
async def test_brackets_that_make_an_assert_true_are_still_warned_of(kernel):
    assert "assertion is always true" in (await kernel.run("assert (1 == 2, 'words')")).said


ABOUT_THE_FLOW = {
    "itself": "assert flow.reached() == ['bob', 'carol']",
    "its_picture": "from chatflow import draw\nshown = draw(flow)\nassert not shown.hops, 'none'",
    "made_of_it": "path = [hop.target for hop in flow.hops]\nassert 'client/carol' in path",
    "one_hop": "for hop in flow.hops:\n    assert hop.source == 'client/bob'",
}


@pytest.mark.parametrize("cell", ABOUT_THE_FLOW.values(), ids=ABOUT_THE_FLOW)
@in_one_loop
async def test_failed_assert_about_a_flow_shows_where_the_flow_ended(with_a_flow, cell):
    seen = await with_a_flow.run(cell)
    assert seen.name == "AssertionError"
    assert re.search(
        r"ended here:\n\d+\. .* → bob: message 1 “hi”\nnever reached: carol", seen.said
    )
    [picture] = seen.shown
    assert "1 never reached" in picture["image/svg+xml"], "its map, with the end of its way"
    assert picture["image/png"]


@in_one_loop
async def test_failed_assert_about_something_else_shows_no_flow(with_a_flow):
    assert (await with_a_flow.run("assert len(way) == 0")).shown == [], "made in another cell"


# --- what was forgotten ---------------------------------------------------------------------------

AWAIT = "is an `await` missing"
FORGOTTEN = {
    "assert late()": AWAIT,
    "assert not late()": AWAIT,
    "assert late() == 3": AWAIT,
    "x = late()\nx.hops": "late() has not run yet: write `await` in front of it.",
    "x['text']": AWAIT,
    "for each in x: pass": AWAIT,
    "one, other = x": AWAIT,
    "stage(1).url": "It is used by `async with`",
    "with stage(1) as chat: pass": "It is used by `async with`",
}


@pytest.mark.filterwarnings("ignore:coroutine")
@in_one_loop
async def test_forgotten_await_is_named(kernel):
    await kernel.run("async def late():\n    return 3\nx = late()")
    for cell, hint in FORGOTTEN.items():
        assert hint in (await kernel.run(cell)).error, cell
    [shown] = (await kernel.run("x")).shown
    assert shown["text/plain"] == "late() has not run yet: write `await` in front of it."
    assert (await kernel.run("print(await x)")).said == "3\n", "it still can be awaited"
    [shown] = (await kernel.run("stage(1)")).shown
    assert shown["text/plain"].startswith("Nothing has been started yet.")


@in_one_loop
async def test_wordless_timeout_names_the_line_that_has_waited(kernel):
    seen = await kernel.run("async with asyncio.timeout(0):\n    await asyncio.Event().wait()")
    hint = "not come in time, in line 2 of the cell: await asyncio.Event().wait()"
    assert seen.error.endswith(hint)


@in_one_loop
async def test_other_errors_are_what_they_were(kernel):
    seen = await kernel.run("'text'.nothing")
    assert seen.name == "AttributeError"
    assert not re.search("await|async", seen.error)


# --- errors of ours, and interrupts ---------------------------------------------------------------


@in_one_loop
async def test_error_of_ours_is_a_sentence_and_the_frames_can_be_brought_back(kernel):
    cell = "name = 'chat/nothing.py'\nshow(1, name)"
    short = "UsageError: There is no file steps/01_wsgi_view/chat/nothing.py.\n"
    assert (await kernel.run(cell)).error == f"{short}in line 2 of the cell: show(1, name)"
    assert "sources.py" in (await kernel.run("%tb")).error
    await kernel.run("%xmode Verbose")
    assert "sources.py" in (await kernel.run(cell)).error
    await kernel.run("%xmode Context")
    assert "sources.py" not in (await kernel.run(cell)).error


@in_one_loop
async def test_interrupt_says_what_it_stopped_and_what_goes_on(kernel):
    held = """
async with stage(2) as chat:
    print("Held", flush=True)
    await asyncio.Event().wait()
"""
    seen = await kernel.run(held, "Held")
    assert seen.name == "CancelledError"
    assert seen.error.splitlines() == [
        "Interrupted",
        "in line 3 of the cell: await asyncio.Event().wait()",
        "Ended: stage 2.",
        "Nothing that the notebook has started is running.",
    ]


LATER = """
import os, signal, threading
threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT)).start()
await asyncio.Event().wait()
"""


@in_one_loop
async def test_interrupt_ends_a_cell_that_holds_nothing(kernel):
    """Half a second later the event loop sleeps, and the signal alone would not wake it."""
    seen = await kernel.run(LATER)
    assert seen.error.startswith("Interrupted\nin line 3 of the cell: await"), seen.error


@in_one_loop
async def test_interrupt_of_what_blocks_says_what_still_runs_and_how_to_end_it(kernel):
    stack = "from contextlib import AsyncExitStack\nrunning = AsyncExitStack()\n"
    await kernel.run(f"{stack}chat = await running.enter_async_context(stage(1))")
    # In one line, wherever the interrupt comes.
    cell = "import time\ndef wait():\n    print('Held', flush=True), time.sleep(60)\nwait()"
    seen = await kernel.run(cell, "Held")
    assert not (await kernel.run("await running.aclose()")).error
    assert seen.name == "KeyboardInterrupt"
    assert seen.error.splitlines() == [
        "Interrupted",
        "in line 3 of the cell (wait): print('Held', flush=True), time.sleep(60)",
        "Still running: stage 1.",
        "`await running.aclose()` or a restart of the kernel ends it.",
    ]


@in_one_loop
async def test_task_that_its_program_has_cancelled_is_no_interrupt(kernel):
    seen = await kernel.run(
        "task = asyncio.create_task(asyncio.sleep(9))\ntask.cancel()\nawait task"
    )
    assert seen.name == "CancelledError"
    assert "Interrupted" not in seen.error


def test_command_that_imports_chatflow_loads_none_of_this():
    code = "import chatflow, sys; print([name for name in sys.modules if 'chatflow.' in name])"
    options = {"cwd": ROOT / "notebooks", "capture_output": True, "text": True}
    done = subprocess.run([sys.executable, "-c", code], **options, check=True)
    assert done.stdout == "[]\n"
