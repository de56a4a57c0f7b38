"""Fixtures: every stage is started once per session, by the one launcher, with two instances."""

import contextlib
import functools
import itertools
import signal
import sys
from operator import itemgetter
from pathlib import Path

import pytest
from xdist.scheduler import LoadFileScheduling

from breakages.listing import of_the_day
from chatflow import Run, find_stage, stage, stages
from chatflow.basics.errors import UsageError
from chatflow.basics.hidden import hidden
from chatflow.bench import faults
from chatflow.bench.measuring import keep, kept, print_table
from helpers.costs import Costs, print_costs
from helpers.missing import left_out

HERE = Path(__file__).parent

# The files that take longest begin first, or the others' cores would wait for them at the end.
LONGEST = [
    "final/test_faults.py",
    "notebooks/test_notebooks.py",
    "comparing/test_servers.py",
    "stages/test_browser.py",
    "final/test_browser.py",
    "scripts/test_run_step.py",
    "stages/test_resume.py",
    "tracing/test_tracing.py",
    "final/test_service.py",
    "final/test_postgres.py",
    "stages/test_users.py",
    "live/test_flow_page.py",
]

# Jobs of their own: a notebook and a breakage start all that they need themselves, and the race
# takes longer than starting its stage once more.
ALONE = [
    "prints_what_is_committed",
    "turns_its_tests_red",
    "test_whoever_joins_while_messages_are_posted",
]

# Of the environment that `test.sh --newest` makes, and of no other.
collect_ignore = [] if Path(sys.prefix).name == ".venv-newest" else ["stages/test_newest.py"]

# Limits of chat_final that no test meets by accident: those that are about limits set their own.
ROOMY = {
    "POSTS_PER_SECOND": "10000",
    "POSTS_AT_ONCE": "10000",
    "FRAMES_PER_SECOND": "10000",
    "FRAMES_AT_ONCE": "10000",
    "SOCKETS_PER_USER": "1000",
}


def pytest_addoption(parser):
    parser.addoption(
        "--stage",
        metavar="N",
        help="only what is tested of this stage: 1 to 9, or final",
    )
    parser.addoption(
        "--stage-dir",
        action="append",
        default=[],
        metavar="N=FOLDER",
        help="test your own folder in place of stage N's, as in 5=my/chat",
    )

    parser.addoption(
        "--faults",
        action="store_true",
        help="let each fault happen ten times, and compare times: with nothing beside it",
    )
    parser.addoption(
        "--keep", action="store_true", help="keep what --faults has found, for notebooks/faults.md"
    )
    parser.addoption(
        "--cpu", action="store_true", help="say what each file of tests costs in processor time"
    )
    parser.addoption(
        "--bare",
        action="store_true",
        help="run notebooks that drive a browser once more, as on a machine with little else",
    )


def pytest_configure(config):
    if config.getoption("--cpu"):
        config.pluginmanager.register(Costs())
    # What runs in the background of a script ignores Ctrl-C, and so would all that it starts.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        hidden()
        find_stage(config.getoption("--stage") or 1)
    except UsageError as error:
        raise pytest.UsageError(str(error)) from None
    config.stage_folders = dict(read_stage_dir(text) for text in config.getoption("--stage-dir"))


def pytest_report_header():
    return f"breakages of the day: {', '.join(of_the_day())}"


def pytest_terminal_summary(terminalreporter, config):
    if lines := left_out(terminalreporter.stats):
        terminalreporter.section("left out")
        terminalreporter.write_line("\n".join(lines))
    print_faults(terminalreporter, config)
    print_costs(terminalreporter)


def print_faults(terminalreporter, config):
    """Print what the fault suite has found, whichever process has run it."""
    reports = itertools.chain(*terminalreporter.stats.values())
    calls = [report for report in reports if getattr(report, "when", None) == "call"]
    found = [found for call in calls for name, found in call.user_properties if name == "fault"]
    rows = [facts for _, facts in sorted(found, key=itemgetter(0))]
    if rows:
        terminalreporter.section("faults")
        print_table(*faults.table({"rows": rows}))
    if rows and config.getoption("--keep"):
        # Whatever was chosen by -k takes the place of the same rows in what was kept before.
        new = {row["title"]: row for row in rows}
        rows = [new.pop(row["title"], row) for row in kept("faults")["rows"]]
        keep("faults", faults.COMMAND, rows=[*rows, *new.values()])


class Jobs(LoadFileScheduling):
    """A file of tests is a job for one worker, since its tests share what they start."""

    def _split_scope(self, nodeid):
        alone = any(name in nodeid for name in ALONE)
        return nodeid if alone else super()._split_scope(nodeid)

    def _assign_work_unit(self, node):
        # Rather from a folder where this worker has been: what its tests share runs there already.
        been = {folder_of(scope) for scope in self.assigned_work.get(node, ())}
        if near := next((scope for scope in self.workqueue if folder_of(scope) in been), None):
            self.workqueue.move_to_end(near, last=False)
        super()._assign_work_unit(node)


def folder_of(scope):
    return scope.partition("::")[0].rpartition("/")[0]


def pytest_xdist_make_scheduler(config, log):
    return Jobs(config, log)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config, items):
    leave_to_the_first_notebook(config, items)
    if not config.getoption("--bare"):
        leave(config, items, [item for item in items if item.get_closest_marker("bare")])
    if number := config.getoption("--stage"):
        keep_stage(config, items, find_stage(number))
    ranks = {HERE / name: rank for rank, name in enumerate(LONGEST)}
    items.sort(key=lambda item: ranks.get(item.path, len(ranks)))


def keep_stage(config, items, stage):
    leave(config, items, [item for item in items if stage.number not in numbers_of(item)])


def leave(config, items, left):
    config.hook.pytest_deselected(items=left)
    items[:] = [item for item in items if item not in set(left)]


def numbers_of(item):
    """The numbers of the stages among a test's parameters."""
    parameters = item.callspec.params if hasattr(item, "callspec") else {}
    named = [parameters.get(name) for name in ("chat", "number", "stage")]
    return [getattr(value, "number", value) for value in named]


def leave_to_the_first_notebook(config, items):
    """It tries what each stage can do as well, and asserts each cell: once in a run will do."""
    if not any(item.name.endswith("what_is_committed[00_start_here]") for item in items):
        return
    leave(config, items, [item for item in items if is_tried_cell(item, config.stage_folders)])


def is_tried_cell(item, swapped):
    is_cell = "try_out" in getattr(item, "fixturenames", ())
    return is_cell and item.callspec.params["stage"].number not in swapped


def read_stage_dir(text):
    number, _, folder = text.partition("=")
    known = {str(stage.number): stage.number for stage in stages()}
    if number not in known or not folder:
        raise pytest.UsageError(f"--stage-dir wants N=FOLDER, as in 5=my/chat, not {text!r}.")
    return known[number], folder


@pytest.fixture(scope="session")
def stage_folders(pytestconfig):
    """{stage number: folder} of the stages that --stage-dir swaps."""
    return pytestconfig.stage_folders


def roomy(number, options):
    """The options of a Run, with limits out of the way where the stage has any."""
    if find_stage(number).key != "final":
        return options
    return {**options, "settings": ROOMY | options.get("settings", {})}


@pytest.fixture(scope="session")
def start(stage_folders):
    """`chatflow.stage`, but from the --stage-dir, and roomy. For tests that wreck their stage."""

    def start_stage(number, **options):
        return stage(number, folder=stage_folders.get(number), **roomy(number, options))

    return start_stage


@pytest.fixture(scope="session")
def started_once(stage_folders):
    """Call it with options of a Run for a `with` block.

    What the block yields is called with a number for that stage, with two instances; the first
    such call starts it, the end of the block stops it.
    """

    @contextlib.contextmanager
    def begin(**options):
        with contextlib.ExitStack() as stack:

            @functools.cache
            def get(number):
                folder = stage_folders.get(number)
                run = Run(number, instances=2, folder=folder, **roomy(number, options))
                stack.callback(run.stop)
                run.start()
                return run

            yield get

    return begin


@pytest.fixture(scope="session")
def running(started_once):
    """Call it with a number for the running stage that all tests of this session share."""
    with started_once() as get:
        yield get


@pytest.fixture
def chat(request, running):
    """The running stage whose number is the test's parameter."""
    return running(request.param)
