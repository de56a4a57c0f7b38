"""The parts of Markdown pages that programs write: between `<!-- name -->` and `<!-- /name -->`."""

import re

from .catalog import ROOT
from .errors import LaunchError

README = ROOT / "README.md"
PERFORMANCE = ROOT / "notebooks" / "performance.md"
FAULTS = ROOT / "notebooks" / "faults.md"


def with_parts(page, parts):
    """The text of a page with these parts, {name: Markdown}, in place of those that it has.

    Raises LaunchError if the page does not have a part of that name, once.
    """
    text = page.read_text()
    for name, part in parts.items():
        marked = re.compile(rf"(?<=<!-- {name} -->\n).*?(?=<!-- /{name} -->)", re.DOTALL)
        text, count = marked.subn(lambda _, part=part: f"\n{part}\n\n", text)
        if count != 1:
            marks = f"<!-- {name} --> and <!-- /{name} -->"
            raise LaunchError(f"{page.relative_to(ROOT)} has no {marks} to write between.")
    return text
