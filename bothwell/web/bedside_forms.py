"""What every form of the dosing room has: posted once, large keys, and times that lie between the arrival and now.

These forms check shapes only; what is plausible, allowed or due the actions decide.
"""

import uuid
from datetime import datetime, time, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from django import forms
from django.utils import timezone

from bothwell.web import handed_in


class Bedside(forms.Form):
    """A form that is posted once: the browser's second post carries the same `request_id`."""

    request_id = forms.UUIDField(widget=forms.HiddenInput)
    required_css_class = "required"

    def __init__(
        self, *args: object, zone: ZoneInfo, since: datetime | None = None, **kwargs: object
    ) -> None:
        """`since`: the arrival, before which nothing of this session can have been."""
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        self.zone, self.since = zone, since
        self.label_suffix = ""
        self.initial.setdefault("request_id", uuid.uuid4())

    @property
    def pad_after(self) -> str:
        """The field below which the number pad stands, so that what it types is in sight; empty for the form's end."""
        names = list(self.fields)
        measured = [at for at, name in enumerate(names) if getattr(self.fields[name], "unit", "")]
        if not measured:
            return ""
        last = measured[-1]
        return "at" if names[last + 1 : last + 2] == ["at"] else names[last]

    @property
    def made(self) -> dict[str, str]:
        """Of an entry made without a network: when, by our clock and by the tablet's. Empty for all others."""
        return handed_in.times_of(self.data)

    def when(self, name: str = "at") -> datetime | None:
        """The clock time typed, as an instant between the arrival and now (`clean` refuses any other). None for now.

        For an entry made without a network "now" is when it was made.
        """
        typed = self.cleaned_data.get(name)
        if typed is None:
            return handed_in.made_at(self.data) if name == "at" else None
        return self._instant(typed)

    def clean(self) -> dict[str, object]:
        """A time typed lies between the arrival and now. Nothing is moved to another day to make it fit."""
        cleaned = super().clean() or {}
        for name in TYPED_TIMES:
            typed = cleaned.get(name)
            if isinstance(typed, time) and (trouble := self._astray(name, typed)):
                self.add_error(name, trouble)
        return cleaned

    @property
    def _now(self) -> datetime:
        return (handed_in.made_at(self.data) or timezone.now()).astimezone(self.zone)

    def _instant(self, typed: time) -> datetime:
        """Today's, or yesterday's where that is not yet and the session had begun by then: past midnight."""
        now = self._now
        today = datetime.combine(now.date(), typed, self.zone)
        if today <= now + AHEAD:
            return today
        yesterday = datetime.combine(now.date() - timedelta(days=1), typed, self.zone)
        return yesterday if self.since and yesterday >= _whole_minute(self.since) else today

    def _astray(self, name: str, typed: time) -> str:
        """Why the time typed cannot be, and what to write instead; empty where it can."""
        now, at = self._now, self._instant(typed)
        instead = TYPED_TIMES[name]
        if at > now + AHEAD:
            said = "when this was entered" if handed_in.made_at(self.data) else "now"
            return f"{typed:%H:%M} is later than {said} ({now:%H:%M}). {instead}"
        if self.since and at < _whole_minute(self.since):
            arrived = self.since.astimezone(self.zone)
            return f"{typed:%H:%M} is before the arrival ({arrived:%H:%M}). {instead}"
        return ""


AHEAD = timedelta(minutes=2)
"""How far ahead of our clock the one on the wall may be (as `monitoring.vitals`)."""
TYPED_TIMES = {
    "at": "Type the time at which it was, or leave it empty for now.",
    "told_at": "Type the time at which the prescriber was told, or leave it empty.",
}
"""The clock times of what was done in the session; when somebody last ate is none of them."""


def _whole_minute(at: datetime) -> datetime:
    """What is typed as 14:05 may have been at 14:05:40."""
    return at.replace(second=0, microsecond=0)


LEAST = Decimal("0.01")
"""What is given, and how fast it runs, is more than nothing."""


def number(
    label: str,
    unit: str = "",
    *,
    required: bool = True,
    whole: bool = True,
    places: int = 1,
    least: Decimal | None = None,
) -> forms.DecimalField:
    """A number typed on large keys, as wide as its column; the unit stands beside it."""
    attributes = {
        "inputmode": "numeric" if whole else "decimal",
        "autocomplete": "off",
        "pattern": r"\s*\d+\s*" if whole else r"\s*\d*[.]?\d+\s*",
        "title": "A number, in digits.",
    }
    field = forms.DecimalField(
        label=label,
        required=required,
        min_value=least,
        max_digits=7,
        decimal_places=0 if whole else places,
        error_messages={"min_value": "Write a number above 0."},
        widget=forms.TextInput(attrs=attributes),
    )
    field.unit = unit  # type: ignore[attr-defined]
    return field


def clock_time(label: str = "Time, if not now") -> forms.TimeField:
    """A time of day typed on the keys of a telephone."""
    return forms.TimeField(
        label=label,
        required=False,
        input_formats=["%H:%M", "%H.%M", "%H%M"],
        error_messages={"invalid": "Write the time as hours and minutes, for example 14:05."},
        widget=forms.TextInput(
            attrs={
                "inputmode": "numeric",
                "autocomplete": "off",
                "placeholder": "14:05",
                "pattern": r"\s*([01]?\d|2[0-3])[:.]?[0-5]\d\s*",
                "title": "Hours and minutes, for example 14:05.",
            }
        ),
    )
