"""One form for the questions of one screen: what was said, or that it was not answered, question by question.

It never scores and never suggests an answer: nothing is chosen beforehand.
"""

from typing import Any, Final

from django import forms

from bothwell.instruments.instrument import Instrument, Item, ItemType

DECLINED: Final = "-"
NOT_CHOSEN: Final = "Choose an answer, or that it stays open."


class ScreenForm(forms.Form):
    """A field a question, in the order of the instrument, named `q1`, `q2` and so on."""

    def __init__(self, data: Any = None, *, instrument: Instrument, declined: str = "Did not answer") -> None:
        super().__init__(data)
        self.items = {f"q{number}": item for number, item in enumerate(instrument.items, 1)}
        for name, item in self.items.items():
            self.fields[name] = _field(item, declined)

    def answers(self) -> dict[str, str | None]:
        """linkId -> answer code, None where it was not answered; what was left out because it was not asked is absent."""
        found: dict[str, str | None] = {}
        for name, item in self.items.items():
            given = str(self.cleaned_data.get(name) or "")
            if given:
                found[item.link_id] = None if given == DECLINED else given
        return found


def _field(item: Item, declined: str) -> forms.Field:
    words = f"{item.lead} {item.text}" if item.lead else item.text
    if item.type in (ItemType.CHOICE, ItemType.BOOLEAN):
        return forms.ChoiceField(
            label=words,
            widget=forms.RadioSelect,
            required=not item.asked_when,
            choices=[*((option.code, option.text) for option in item.options), (DECLINED, declined)],
            error_messages={"required": NOT_CHOSEN},
        )
    return forms.CharField(label=words, required=False, max_length=2000)
