"""What an action raises when something may not be done: a sentence for the person who asked.

Refused            the rule says no; the sentence helps
└── Stale          somebody else was first; look again
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


class Stale(Refused):
    """The row changed since it was read; nothing was written."""
