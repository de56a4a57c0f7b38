"""Programs to be taken for missing though they are there: what needs them is left out."""

import os

from .errors import UsageError

VARIABLE = "CHATFLOW_HIDE"
KNOWN = ("chromium", "nginx", "postgresql", "rabbitmq")


def hidden():
    """The programs that CHATFLOW_HIDE names, separated by commas. Raises UsageError."""
    names = {name.strip() for name in os.environ.get(VARIABLE, "").split(",")} - {""}
    if unknown := names - set(KNOWN):
        raise UsageError(
            f"{VARIABLE} names {', '.join(sorted(unknown))}, which nothing here looks for: "
            f"give some of {', '.join(KNOWN)}."
        )
    return names
