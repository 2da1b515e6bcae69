"""A telephone number as people write it: one field for every form that asks for one.

It never rings a number and never rewrites one: what was typed is kept as it was typed.
"""

import re
from typing import Any, Final

from django import forms

FEWEST_DIGITS: Final = 5
WORDS: Final = (
    "Write a telephone number with at least 5 digits, for instance +1 555 0134 or (020) 555-0134 ext. 12."
)
NUMBER: Final = re.compile(r"\+?[\d ().\-/]+(?:(?:ext\.?|x|#)[ ]?\d{1,6})?", re.ASCII | re.IGNORECASE)
"""Digits, spaces, brackets, dots, hyphens and slashes, a plus in front, perhaps an extension at the end."""


def is_number(typed: str) -> bool:
    """Whether somebody could be rung under this: the signs of a number, and five digits or more."""
    before_extension = re.split(r"[ex#]", typed, maxsplit=1, flags=re.IGNORECASE)[0]
    digits = sum(each.isdigit() for each in before_extension)
    return NUMBER.fullmatch(typed) is not None and digits >= FEWEST_DIGITS


class TelephoneField(forms.CharField):
    """A number that can be rung; digits come up first on a telephone's keys."""

    def __init__(self, **more: Any) -> None:
        super().__init__(**{"max_length": 40, "widget": forms.TextInput(attrs={"inputmode": "tel"}), **more})

    def validate(self, value: str) -> None:
        """Raises ValidationError with words that say what a number looks like."""
        super().validate(value)
        if value and not is_number(value):
            raise forms.ValidationError(WORDS, code="invalid")
