"""Shows the stages' real code in a notebook: a file, a function of it, what differs between two."""

import ast
import difflib
import html
import io
import textwrap
from dataclasses import dataclass
from itertools import groupby
from tokenize import COMMENT, DEDENT, ENDMARKER, INDENT, NEWLINE, NL, generate_tokens

from ..basics.catalog import ROOT, find_stage
from ..basics.errors import UsageError
from ..running.labs import LABS

NO_CODE = {COMMENT, DEDENT, ENDMARKER, INDENT, NEWLINE, NL}
# How the lines of a diff look, by their first sign. So pale that letters show on it, dark or light.
LOOKS = {
    "+": "background-color: rgba(46, 160, 67, 0.2)",
    "-": "background-color: rgba(248, 81, 73, 0.2)",
    "@": "background-color: rgba(56, 139, 253, 0.2)",
}
WITH_DOCSTRING = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Listing:
    """Text that shows itself as code; `title` says where it stands."""

    title: str
    text: str
    language: str = "python"

    def _repr_markdown_(self):
        return f"`{self.title}`\n\n```{self.language}\n{self.text.strip()}\n```"

    def __repr__(self):
        return f"{self.title}\n\n{self.text}"


class Diff(Listing):
    """A listing of a diff, with its lines in colour. Where colours are stripped, the signs stay."""

    def _repr_html_(self):
        blocks = groupby(self.text.strip().splitlines(keepends=True), look_of)
        lines = "".join(block(look, "".join(lines)) for look, lines in blocks)
        # On a narrow page it breaks between words.
        style = "white-space: pre-wrap; word-break: normal; overflow-wrap: anywhere"
        return f'<p><code>{self.title}</code></p>\n<pre style="{style}">{lines}</pre>'

    _repr_markdown_ = None  # it would be shown in one colour


def look_of(line):
    return "font-weight: bold" if line.startswith(("--- ", "+++ ")) else LOOKS.get(line[:1], "")


def block(look, lines):
    text = html.escape(lines, quote=False)
    return f'<span style="display: block; {look}">{text}</span>' if look else text


def show(number, path, name=None):
    """A file of a stage, or one function or class of it."""
    return listing(find_stage(number).folder / path, name)


def show_lab(lab, name):
    """One function or class of a program of `notebooks/labs/`."""
    return listing(LABS / f"{lab}.py", name)


def listing(path, name):
    if not path.is_file():
        raise UsageError(f"There is no file {path.relative_to(ROOT)}.")
    text, title = path.read_text(), str(path.relative_to(ROOT))
    language = "python" if path.suffix == ".py" else "html"
    return Listing(title, part_of(text, name, title) if name else text, language)


def part_of(text, name, title):
    """The source of one function, class or assignment of a module, with its decorators.

    `name` may say whose method it is: "Hub.announce".
    """
    nodes = [ast.parse(text)]
    for part in name.split("."):
        nodes = [one for node in nodes for one in ast.walk(node) if part in names_of(one)]
    if not nodes:
        raise UsageError(f"{title} has no {name}.")
    first, *_ = [*getattr(nodes[0], "decorator_list", ()), nodes[0]]
    lines = text.splitlines()[first.lineno - 1 : nodes[0].end_lineno]
    return textwrap.dedent("\n".join(lines))


def names_of(node):
    if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
        return [node.name]
    if isinstance(node, ast.Assign):
        return [target.id for target in node.targets if isinstance(target, ast.Name)]
    return []


def code_lines(text):
    """How many lines of a module are code: neither blank nor comment nor docstring."""
    lines = set()
    for token in generate_tokens(io.StringIO(text).readline):
        if token.type not in NO_CODE:
            lines.update(range(token.start[0], token.end[0] + 1))
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, WITH_DOCSTRING) and ast.get_docstring(node) is not None:
            lines -= set(range(node.body[0].lineno, node.body[0].end_lineno + 1))
    return len(lines)


def diff(before, after, *paths):
    """What changes from one stage to the next: in these files, or in all that steps.toml names."""
    old, new = find_stage(before), find_stage(after)
    pieces = []
    for path in paths or new.changed:
        lines = lines_of(old.folder / path), lines_of(new.folder / path)
        pieces.append("".join(difflib.unified_diff(*lines, f"a/{path}", f"b/{path}", n=2)))
    return Diff(f"{old.name} → {new.name}", "\n".join(filter(None, pieces)), "diff")


def lines_of(path):
    return path.read_text().splitlines(keepends=True) if path.exists() else []
