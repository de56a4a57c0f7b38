"""Predictions: say what will happen before it does, and let what was recorded judge it."""

from numbers import Real

# Up to ten one can count, and one more or less may be the whole question. A larger number is an
# estimate, and right from a third of what happened to three times as much.
COUNTED = 10
# What this notebook has asked: {question: Prediction}. A cell that is run again asks it anew.
ASKED = {}


class Prediction:
    """An answer that was given in advance."""

    def __init__(self, question, answer):
        self.question, self.answer = question, answer
        self.right, self.happened = None, ""
        ASKED[question] = self

    def grade(self, happened, because="", exactly=False):
        """Compare with what has happened; returns whether the answer was right.

        A number above ten may be right by its order of magnitude, unless it must match `exactly`.
        `because` is a sentence for those who thought otherwise.
        """
        same = comparable(self.answer) == comparable(happened)
        near = not (same or exactly) and is_near(self.answer, happened)
        print(self.question)
        print(f"  You said:      {readable(self.answer)}")
        print(f"  What happened: {readable(happened)}")
        verdict = "The right order of magnitude." if near else "Not this time."
        print("  Right." if same else f"  {verdict} {because}".rstrip())
        self.right, self.happened = same or near, readable(happened)
        return self.right


def predict(question, answer):
    """Commit yourself to an answer; `grade()` it once the experiment has run."""
    return Prediction(question, answer)


def score():
    """Print how many of the notebook's predictions were right, and what the others were about."""
    graded = [each for each in ASKED.values() if each.right is not None]
    missed = [each for each in graded if not each.right]
    print(f"Predictions that were right: {len(graded) - len(missed)} of {len(ASKED)}")
    if len(graded) < len(ASKED):
        print(f"Not graded yet: {len(ASKED) - len(graded)}. Run the cells above, from the top.")
    for each in missed:
        print(f"- {each.question}\n  You said {readable(each.answer)}. It was {each.happened}.")


def comparable(answer):
    """Names count in any order."""
    return sorted(answer) if isinstance(answer, list | tuple | set) else answer


def is_near(answer, happened):
    """Whether an estimate has the order of magnitude of a number that nobody would count."""
    both = answer, happened
    # Python takes yes and no for numbers too.
    numbers = all(isinstance(one, Real) and not isinstance(one, bool) for one in both)
    if not numbers or answer <= 0 or happened <= COUNTED:
        return False
    smaller, larger = sorted(both)
    # Half a power of ten apart: a factor of 3.16, the square root of ten.
    return larger * larger <= 10 * smaller * smaller


def readable(answer):
    if isinstance(answer, list | tuple | set):
        return ", ".join(map(str, sorted(answer))) or "nobody"
    return {True: "yes", False: "no"}[answer] if isinstance(answer, bool) else str(answer)
