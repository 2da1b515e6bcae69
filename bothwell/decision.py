"""An answer to "may this be done?": yes or no, and always why.

It never raises and never acts; the caller reads it and decides what to do next.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether something is allowed, with the reason as one sentence a clinician could read."""

    allowed: bool
    reason: str

    def __bool__(self) -> bool:
        return self.allowed

    @classmethod
    def yes(cls, reason: str) -> Decision:
        """An allowed decision with its reason."""
        return cls(True, reason)

    @classmethod
    def no(cls, reason: str) -> Decision:
        """A refused decision with its reason."""
        return cls(False, reason)
