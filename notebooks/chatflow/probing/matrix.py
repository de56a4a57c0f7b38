"""`scripts/matrix.sh`: the README's capability matrix, written from steps.toml."""

import sys

from ..basics.catalog import capabilities, find_stage, stages
from ..basics.pages import README, with_parts

USAGE = "usage: matrix.sh   (writes the capability matrix of steps.toml into README.md)"


def table(rows=None):
    """The matrix in Markdown; `rows` are {stage number: {capability: cell}}, else steps.toml's."""
    rows = rows or {stage.number: stage.can for stage in stages()}
    numbers = sorted(rows)
    heads = [find_stage(number).short for number in numbers]
    lines = [
        "| what a stage can do | " + " | ".join(heads) + " |",
        "| --- |" + " :-: |" * len(numbers),
    ]
    for key, sentence in capabilities().items():
        # In bold, so that one sees from afar where each capability begins.
        cells = " | ".join(rows[number][key].replace("yes", "**yes**") for number in numbers)
        lines.append(f"| {sentence} | {cells} |")
    return "\n".join(lines)


def stage_map():
    """All stages in Markdown: what each adds, and what makes the next one necessary."""
    lines = ["| stage | what it adds | what it still cannot do |", "| --- | --- | --- |"]
    for stage in stages():
        name = f"**{stage.short}** {stage.title}"
        lines.append(f"| {name} | {stage.idea} | {stage.still_cannot} |")
    return "\n".join(lines)


def readme_with_matrix():
    return with_parts(README, {"matrix": table()})


if __name__ == "__main__":
    if sys.argv[1:]:
        print(USAGE)
        sys.exit(0 if sys.argv[1:] == ["--help"] else 2)
    README.write_text(readme_with_matrix())
