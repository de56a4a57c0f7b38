"""Predictions: say what will happen before it does, and let what was recorded judge it."""


class Prediction:
    """An answer that was given in advance."""

    def __init__(self, question, answer):
        self.question, self.answer = question, answer

    def grade(self, happened, because=""):
        """Compare with what has happened; returns whether the two are the same.

        `because` is a sentence for those who thought otherwise.
        """
        right = comparable(self.answer) == comparable(happened)
        print(self.question)
        print(f"  You said:      {readable(self.answer)}")
        print(f"  What happened: {readable(happened)}")
        print("  Right." if right else f"  Not this time. {because}".rstrip())
        return right


def predict(question, answer):
    """Commit yourself to an answer; `grade()` it once the experiment has run."""
    return Prediction(question, answer)


def comparable(answer):
    """Names count in any order."""
    return sorted(answer) if isinstance(answer, list | tuple | set) else answer


def readable(answer):
    if isinstance(answer, list | tuple | set):
        return ", ".join(map(str, sorted(answer))) or "nobody"
    return (
        {True: "yes", False: "no"}.get(answer, str(answer))
        if isinstance(answer, bool)
        else str(answer)
    )
