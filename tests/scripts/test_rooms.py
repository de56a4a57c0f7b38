"""The rooms of chatflow: imports go down only, and nothing stands outside a room."""

import ast
from graphlib import TopologicalSorter
from importlib.util import resolve_name

import pytest

from chatflow.basics.catalog import ROOT

CHATFLOW = ROOT / "notebooks" / "chatflow"
# From the ground up: a room may use those before it, and no other.
ROOMS = ["basics", "tracing", "drawing", "clients", "running"]
ROOMS += ["probing", "live", "practice", "lesson", "bench", "comparing", "commands"]
# Loaded into a stage's own process, where there is no chatflow.
ELSEWHERE = {"inside", "overlay"}


def modules():
    """{dotted name: path} of all modules of chatflow."""
    paths = [path for path in CHATFLOW.rglob("*.py") if not ELSEWHERE & set(path.parts)]
    return {dotted(path): path for path in paths}


def dotted(path):
    parts = path.relative_to(CHATFLOW.parent).with_suffix("").parts
    return ".".join(parts).removesuffix(".__init__")


def imports(path):
    """The modules of chatflow that this one imports, anywhere in it."""
    known, package = modules(), dotted(path.parent / "__init__.py")
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            base = resolve_name("." * node.level + (node.module or ""), package)
            for name in node.names:
                found = f"{base}.{name.name}"
                yield found if found in known else base


def room(name):
    return name.split(".")[1]


@pytest.fixture(scope="module")
def used():
    """{module: the modules of chatflow that it imports}."""
    return {
        name: {each for each in imports(path) if each.startswith("chatflow.")}
        for name, path in modules().items()
    }


def test_every_module_stands_in_a_room():
    assert {path.name for path in CHATFLOW.glob("*.py")} == {"__init__.py"}
    assert {path.parent.name for path in CHATFLOW.glob("*/*.py")} == set(ROOMS)


@pytest.mark.parametrize("name", ROOMS)
def test_a_front_door_says_what_its_room_is_for(name):
    said = ast.get_docstring(ast.parse((CHATFLOW / name / "__init__.py").read_text()))
    assert said.split("\n\n")[0].endswith("."), "first what it is for, in a sentence"
    assert "From outside: " in said, "then what other rooms may use of it"


def test_imports_go_down_only(used):
    upwards = [
        f"{name} imports {other}"
        for name in used.keys() - {"chatflow"}
        for other in used[name]
        if ROOMS.index(room(other)) > ROOMS.index(room(name))
    ]
    assert not upwards


def test_no_modules_import_each_other_in_a_circle(used):
    TopologicalSorter(used).prepare()  # raises CycleError
