"""What an action raises when something may not be done: a sentence for the person who asked.

Refused            the rule says no; the sentence helps
├── Unsure         it may be a slip: pressed once more as it stands, it is taken
└── Stale          somebody else was first; look again
    └── SentBefore the same form came before and said something else; sent once more, it is another
"""

from bothwell.decision import Decision


class Refused(Exception):
    """Not allowed, or not possible now. `reason` is one sentence without names or contents."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason

    @classmethod
    def unless(cls, decision: Decision) -> None:
        """Raise with the decision's own reason when it is a no."""
        if not decision:
            raise cls(decision.reason)


class Unsure(Refused):
    """What was typed may be a slip. Nothing was written; said once more just so, it is."""


class Stale(Refused):
    """The row changed since it was read; nothing was written."""


class SentBefore(Stale):
    """The same form was sent before with other words: those stand, these are not kept yet, and can be as well."""

    def __init__(self) -> None:
        super().__init__(
            "This was sent a moment ago with other words, and those were kept. What you see here now is not kept. "
            "Look at what stands; if this should stand beside it, press once more."
        )


def constraint_of(error: Exception) -> str:
    """The name of what in the database forbade it, for an IntegrityError; empty where it bears none."""
    return getattr(getattr(error.__cause__, "diag", None), "constraint_name", "") or ""
