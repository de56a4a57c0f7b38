"""`scripts/notebooks.sh`: execute notebooks top to bottom, and keep what they print.

What is kept is the same on every machine: no execution counts, no times, no ids that change.
"""

import os
import sys
import time
from pathlib import Path

from ..basics.catalog import ROOT

FOLDER = ROOT / "notebooks"
USAGE = "usage: notebooks.sh [NAME.ipynb ...]   (executes them, all by default, and saves outputs)"
# For what hangs: on a busy machine the first notebook has fewer stages at a time, and takes longer.
CELL_SECONDS = 300

# Stands in the HTML of each output that is shown live.
LIVE = 'class="chatflow-live"'


# What reads and executes notebooks takes over a second to load: only when it is needed.
def read(path):
    import nbformat

    return nbformat.read(path, as_version=4)


def execute(path):
    """Execute a notebook in a kernel of its own; returns it with its new outputs, normalised.

    Raises nbclient's CellExecutionError when a cell fails.
    """
    from nbclient import NotebookClient

    notebook = read(path)
    # Its warning, that other users of this machine could listen in, is not about us.
    quiet = {"extra_arguments": ["--IPKernelApp.log_level=ERROR"]}
    where = {"kernel_name": "python3", "resources": {"metadata": {"path": str(FOLDER)}}}
    # How a stream is cut into pieces changes from run to run.
    options = {"timeout": CELL_SECONDS, "coalesce_streams": True}
    client = NotebookClient(notebook, **options, **where, **quiet)
    # What it prints must not depend on who runs it.
    client.execute(env={**os.environ, "CHATFLOW_NOBODY": "1"})
    return normalise(notebook)


def normalise(notebook):
    notebook.metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    for number, cell in enumerate(notebook.cells):
        cell.id = f"cell-{number}"
        cell.metadata.pop("execution", None)
        if cell.cell_type == "code":
            cell.execution_count = None
            for output in cell.outputs:
                if "execution_count" in output:
                    output.execution_count = None
                leave_out_frame(output)
    return notebook


def leave_out_frame(output):
    """Keep only the still picture of what was shown live: later nobody is there to fill a frame."""
    if LIVE in output.get("data", {}).get("text/html", ""):
        del output.data["text/html"]


def outputs(notebook, tags=("varies",)):
    """The outputs of the code cells that have none of these tags: what must not change."""
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    return [cell.outputs for cell in cells if not {*tags} & {*cell.metadata.get("tags", ())}]


def main(arguments):
    if any(argument.startswith("-") for argument in arguments):
        print(USAGE)
        return 0 if arguments == ["--help"] else 2
    import nbformat
    from nbclient.exceptions import CellExecutionError

    for path in [FOLDER / Path(name).name for name in arguments] or sorted(FOLDER.glob("*.ipynb")):
        print(f"{path.name} ...", end=" ", flush=True)
        started = time.monotonic()
        try:
            nbformat.write(execute(path), path)
            print(f"{time.monotonic() - started:.0f} s", flush=True)
        except FileNotFoundError:
            print(f"There is no notebook {path.name} in notebooks/.", file=sys.stderr)
            return 2
        except CellExecutionError as error:
            print(error, file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
