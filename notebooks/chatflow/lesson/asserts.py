"""Asserts of a cell: when one fails, it shows the values that it looked at."""

import ast
import inspect
import itertools
import linecache
import reprlib
import sys
from types import SimpleNamespace

from ..tracing.flow import Flow

FORGOTTEN = "a coroutine, which has not run: is an `await` missing?"
SEEN = "_@seen"  # no cell can use such a name by accident
# As much of a value as one can read at a glance.
SHORT = reprlib.Repr()
SHORT.maxstring = SHORT.maxother = 300
SHORT.maxlist = SHORT.maxtuple = SHORT.maxset = SHORT.maxfrozenset = SHORT.maxdict = 30
FEW = 5  # items that need nobody to say where they differ


class Absent:
    """Stands for the item that the shorter of two collections does not have."""

    def __repr__(self):
        return "nothing"


# --- while the cell runs --------------------------------------------------------------------------


class Seen:
    """What the parts of one assert were when they were looked at: each once, as Python does.

    Their sources are as `source_of` says; of names in a loop, the names alone.
    """

    def __init__(self, *names):
        self.names, self.values = names, []

    def note(self, source, value):
        self.values.append((source, value))
        return value

    def truth(self, source, wanted, value):
        """Whether a value is true, as it is wanted or not: of a forgotten `await` it is neither."""
        self.note(source, value)
        return not wanted if inspect.iscoroutine(value) else bool(value)

    def search(self, wanted, items):
        """`any` (wanted is True) or `all` (False) of (value, its names), noting what decides it."""
        for value, names in items:
            if bool(value) is wanted:
                self.values += (((name,), one) for name, one in names.items())
                return wanted
        return not wanted

    def explain(self, words, source, equal):
        """The message of the assert that has failed: its words, what does not hold, the values."""
        cell = sys._getframe(1)
        lines = [] if words is None else [str(words)]
        lines.append(f"this does not hold: {as_written(source, cell)}")
        for each, value in self.values:
            if told(value) != each[0]:  # what is written out says itself what it is
                lines.append(f"{as_written(each, cell)} is {told(value)}")
        if equal and (found := difference(*(value for _, value in self.values[-2:]))):
            lines.append(found)
        known = {**cell.f_globals, **cell.f_locals}
        flows = [known.get(name) for name in self.names] + [value for _, value in self.values]
        self.values.clear()
        return Explained("\n  ".join(lines), flows)


class Explained(str):
    """The message of an assert that has failed. `flow` is the flow that it is about, or None."""

    def __new__(cls, text, candidates):
        self = super().__new__(cls, text)
        # A picture has its flow, and so has what many labs return.
        flows = [getattr(each, "flow", each) for each in candidates]
        self.flow = next((each for each in flows if isinstance(each, Flow)), None)
        return self


def as_written(source, cell):
    """A part of an assert as the cell has it; where that is not kept, as Python would write it."""
    otherwise, *place = source
    lines = "".join(linecache.getlines(cell.f_code.co_filename))
    if not (lines and place):
        return otherwise
    names = "lineno", "end_lineno", "col_offset", "end_col_offset"
    found = ast.get_source_segment(lines, SimpleNamespace(**dict(zip(names, place, strict=True))))
    return " ".join((found or otherwise).split())


def told(value):
    if inspect.iscoroutine(value):
        return FORGOTTEN
    return f"the flow of {value.subtitle}" if isinstance(value, Flow) else SHORT.repr(value)


def difference(left, right):
    """Where two long collections differ; "" for short ones, and for what is no collection."""
    collections = list | tuple, set | frozenset | dict
    kind = next((kind for kind in collections if isinstance(left, kind)), None)
    if not kind or not isinstance(right, kind) or max(len(left), len(right)) <= FEW:
        return ""
    if kind == collections[0]:
        pairs = enumerate(itertools.zip_longest(left, right, fillvalue=Absent()))
        apart = (f"[{place}]: {told(a)} and {told(b)}" for place, (a, b) in pairs if a != b)
        first = next(apart, "")
        return first and f"they differ first at {first}"
    only = [key for key in left if key not in right], [key for key in right if key not in left]
    return f"only left: {SHORT.repr(only[0])}, only right: {SHORT.repr(only[1])}"


# --- before the cell runs -------------------------------------------------------------------------


class Asserts(ast.NodeTransformer):
    """Has each assert of a cell note what it looks at: `assert a == b, words` becomes, in short,

    seen = Seen("a", "b")
    try:
        assert seen.note("a", a) == seen.note("b", b), seen.explain(words, "a == b", True)
    finally:
        del seen
    """

    def visit_Module(self, node):
        self.origins = origins(node)
        return self.generic_visit(node)

    def visit_Assert(self, node):
        if isinstance(node.test, ast.Tuple):
            return node  # always true: Python warns of the brackets
        names = self.names_behind(node.test)
        return [checked(part, node, names) for part in parts_of(node.test)]

    def names_behind(self, test):
        """The names of an assert, then those from which the same cell has made them."""
        found = names_in(test)
        for name in found:  # it grows meanwhile
            found += [each for each in self.origins.get(name, ()) if each not in found]
        return found


def origins(module):
    """{name: the names that it was made from} by the assignments and loops of a cell."""
    found = {}
    for node in ast.walk(module):
        if isinstance(node, ast.Assign):
            targets, value = node.targets, node.value
        elif isinstance(node, ast.For | ast.AsyncFor):
            targets, value = [node.target], node.iter
        else:
            continue
        for name in itertools.chain(*map(names_in, targets)):
            found.setdefault(name, []).extend(names_in(value))
    return found


def names_in(node):
    return list(dict.fromkeys(each.id for each in ast.walk(node) if isinstance(each, ast.Name)))


def parts_of(test):
    """`a and b` as a, then b, so that one knows which does not hold."""
    both = isinstance(test, ast.BoolOp) and isinstance(test.op, ast.And)
    return test.values if both else [test]


def checked(part, node, names):
    """The statement that takes the place of an assert, or of one part of it."""
    seen = f"__import__({__name__!r}, fromlist=['Seen']).Seen(*{names})"
    # As an assert it is left out under -O.
    new = ast.parse(f"if __debug__:\n seen = {seen}\n try: 0\n finally: del seen").body[0]
    for each in ast.walk(new):
        ast.copy_location(each, node)
        if isinstance(each, ast.Name) and each.id == "seen":
            each.id = SEEN
    equal = isinstance(part, ast.Compare) and [*map(type, part.ops)] == [ast.Eq]
    facts = [source_of(part), ast.Constant(equal)]
    message = of_seen("explain", node.msg or ast.Constant(None), *facts)
    assertion = ast.copy_location(ast.Assert(noting(part), message), node)
    new.body[1].body = [ast.fix_missing_locations(assertion)]
    return new


def noting(test, wanted=True):
    """The same expression, which also notes what its parts are."""
    match test:
        case ast.BoolOp():
            return ast.BoolOp(test.op, [noting(each, wanted) for each in test.values])
        case ast.UnaryOp(op=ast.Not()):
            return ast.UnaryOp(test.op, noting(test.operand, not wanted))
        case ast.Compare():
            left, *others = map(noted, [test.left, *test.comparators])
            return ast.Compare(left, test.ops, others)
        case ast.Call(ast.Name("all" | "any" as name), [ast.GeneratorExp() as items], []):
            return of_seen("search", ast.Constant(name == "any"), with_names(items))
    return of_seen("truth", source_of(test), ast.Constant(wanted), test)


def noted(part):
    return of_seen("note", source_of(part), part)


def source_of(part):
    """What `as_written` needs to know of a part."""
    place = part.lineno, part.end_lineno, part.col_offset, part.end_col_offset
    return ast.Constant((ast.unparse(part), *place))


def with_names(items):
    """The same generator, but of pairs: each item, and the names of its loops."""
    names = [name for each in items.generators for name in names_in(each.target)]
    keys, values = map(ast.Constant, names), (ast.Name(name, ast.Load()) for name in names)
    pair = ast.Tuple([items.elt, ast.Dict([*keys], [*values])], ast.Load())
    return ast.GeneratorExp(pair, items.generators)


def of_seen(method, *arguments):
    return ast.Call(ast.Attribute(ast.Name(SEEN, ast.Load()), method, ast.Load()), [*arguments], [])
