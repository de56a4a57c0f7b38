"""What chat_final survives: what `tests/final/test_faults.py` finds, and `faults.md` shows."""

COMMAND = "./scripts/test.sh --faults"


def closed(ends):
    return ", ".join(f"{count} × {code}" for code, count in ends.items()) or "none"


# {head: what a row has below it}.
COLUMNS = {
    "fault": lambda row: row["title"],
    "cycles": lambda row: str(row["cycles"]),
    "messages": lambda row: f"{row['messages']:,}",
    "lost": lambda row: str(row["lost"]),
    "twice": lambda row: str(row["twice"]),
    "all have all after, s": lambda row: f"{row['seconds_to_converge']['median']:.1f}",
    "at worst": lambda row: f"{row['seconds_to_converge']['most']:.1f}",
    "sockets closed": lambda row: closed(row["ends"]),
    "others' p99": lambda row: f"× {row['others_p99']:.1f}" if row["others_p99"] else "–",
    "MB more": lambda row: f"{row['memory_mb']:.0f}",
}


def table(facts):
    return list(COLUMNS), [[say(row) for say in COLUMNS.values()] for row in facts["rows"]]


def in_words(facts):
    cycles, messages, lost, twice = (
        sum(row[name] for row in facts["rows"]) for name in ("cycles", "messages", "lost", "twice")
    )
    return (
        f"Over {cycles} faults, {lost} of {messages:,} messages were lost, and {twice} came twice."
    )
