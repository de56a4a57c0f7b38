"""What chat_final survives: what `tests/final/test_faults.py` finds, and `faults.md` shows."""

COMMAND = "./scripts/test.sh --faults"


def table(facts):
    head = [
        "fault",
        "cycles",
        "messages",
        "lost",
        "twice",
        "all have all after, s",
        "at worst",
        "sockets closed",
        "others' p99",
        "MB more",
    ]
    return head, [
        [
            row["title"],
            str(row["cycles"]),
            f"{row['messages']:,}",
            str(row["lost"]),
            str(row["twice"]),
            f"{row['seconds_to_converge']['median']:.1f}",
            f"{row['seconds_to_converge']['most']:.1f}",
            closed(row["ends"]),
            f"× {row['others_p99']:.1f}" if row["others_p99"] else "–",
            f"{row['memory_mb']:.0f}",
        ]
        for row in facts["rows"]
    ]


def closed(ends):
    return ", ".join(f"{count} × {code}" for code, count in ends.items()) or "none"


def in_words(facts):
    cycles, messages, lost, twice = (
        sum(row[name] for row in facts["rows"]) for name in ("cycles", "messages", "lost", "twice")
    )
    return (
        f"Over {cycles} faults, {lost} of {messages:,} messages were lost, and {twice} came twice."
    )
