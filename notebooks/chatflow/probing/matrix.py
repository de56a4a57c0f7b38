"""`scripts/matrix.sh`: the README's capability matrix, written from steps.toml."""

import sys

from ..basics.catalog import capabilities, find_stage, stages
from ..basics.pages import README, with_parts

# Signs that carry a colour, because GitHub takes all styles away; screen readers read their names.
SIGNS = {"yes": "✅", "no": "❌"}
USAGE = "usage: matrix.sh   (writes the capability matrix of steps.toml into README.md)"


def table(rows=None):
    """The matrix in Markdown; `rows` are {stage number: {capability: cell}}, else steps.toml's."""
    rows = rows or all_rows()
    numbers = sorted(rows)
    heads = [find_stage(number).short for number in numbers]
    lines = [
        "| what a stage can do | " + " | ".join(heads) + " |",
        "| --- |" + " :-: |" * len(numbers),
    ]
    for key, sentence in capabilities().items():
        cells = " | ".join(SIGNS.get(rows[number][key], rows[number][key]) for number in numbers)
        lines.append(f"| {sentence} | {cells} |")
    return "\n".join(lines)


def all_rows():
    return {stage.number: stage.can for stage in stages()}


def in_words():
    """The matrix once more, for those to whom a table of signs says little."""
    items = "".join(f"<li>{sentence}: {who}</li>" for sentence, who in sentences())
    summary = "The same in words: which stages can do it"
    return f"<details><summary>{summary}</summary><ul>{items}</ul></details>"


def sentences():
    """(What a stage can do, which stages can) for each row."""
    rows = all_rows()
    for key, sentence in capabilities().items():
        yield sentence, ranges([number for number in rows if rows[number][key] == "yes"])


def ranges(numbers):
    """Numbers of stages in words: [2, 3, 9, 10] is "02, 03, 09, final", [6, 7, 8] "06 to 08"."""
    runs = []
    for number in numbers:
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    return ", ".join(run_in_words([find_stage(number).short for number in run]) for run in runs)


def run_in_words(names):
    return f"{names[0]} to {names[-1]}" if len(names) > 2 else ", ".join(names)


def stage_map():
    """All stages in Markdown: what each adds, and what makes the next one necessary."""
    lines = ["| stage | what it adds | what it still cannot do |", "| --- | --- | --- |"]
    for stage in stages():
        name = f"**{stage.short}** {stage.title}"
        lines.append(f"| {name} | {stage.idea} | {stage.still_cannot} |")
    return "\n".join(lines)


def readme_with_matrix():
    return with_parts(README, {"matrix": f"{table()}\n\n{in_words()}"})


if __name__ == "__main__":
    if sys.argv[1:]:
        print(USAGE)
        sys.exit(0 if sys.argv[1:] == ["--help"] else 2)
    README.write_text(readme_with_matrix())
