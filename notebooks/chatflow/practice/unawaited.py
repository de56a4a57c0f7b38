"""Calls that were forgotten to be awaited, found in the learner's files.

Python warns of them, but Daphne's log does not show its warnings, and a trace cannot show what has
not happened.
"""

import ast

# What consumers, layers and models have of coroutine functions.
COROUTINES = {"group_add", "group_discard", "group_send", "send", "send_json", "accept", "close"}
COROUTINES |= {"acreate", "asave", "aget_or_create"}


def never_awaited(folder):
    """(the name that is called, "chat/consumers.py, line 12") of the first one, or None."""
    for path in sorted(folder.glob("chat/*.py")):
        for name, line in calls_in(path):
            return name, f"{path.relative_to(folder)}, line {line}"
    return None


def calls_in(path):
    """Statements that are such a call and nothing else, in functions that could await it."""
    for function in ast.walk(ast.parse(path.read_text())):
        if isinstance(function, ast.AsyncFunctionDef):
            statements = [node for node in ast.walk(function) if isinstance(node, ast.Expr)]
            yield from ((called(each), each.lineno) for each in statements if called(each))


def called(statement):
    """The name of the coroutine function that a statement calls, or None."""
    function = getattr(statement.value, "func", None)
    name = function.attr if isinstance(function, ast.Attribute) else None
    return name if name in COROUTINES else None
