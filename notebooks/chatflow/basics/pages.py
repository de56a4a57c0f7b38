"""The parts of the README that programs write: between `<!-- name -->` and `<!-- /name -->`."""

import re

from .catalog import ROOT
from .errors import LaunchError

README = ROOT / "README.md"


def with_part(text, name, part):
    """The README's text with this part in place of the one of that name."""
    marked = re.compile(rf"(?<=<!-- {name} -->\n).*?(?=<!-- /{name} -->)", re.DOTALL)
    text, count = marked.subn(lambda _: f"\n{part}\n\n", text)
    if count != 1:
        raise LaunchError(
            f"README.md has no <!-- {name} --> and <!-- /{name} --> to write between."
        )
    return text
