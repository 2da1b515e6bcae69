"""How a session ends: the summary, the discharge with its score, or what happened instead, signed."""

from django import forms
from django.conf import settings

from bothwell.dosing import discharge
from bothwell.web.bedside_forms import Bedside


class Signed(Bedside):
    """Why a session ends otherwise, and who says so."""

    reason = forms.CharField(label="What happened", max_length=2000, widget=forms.Textarea(attrs={"rows": 4}))
    signed_name = forms.CharField(label="Your name, to sign", max_length=120)


class Summary(Bedside):
    text = forms.CharField(
        label="How it went",
        max_length=settings.LONGEST_TEXT,
        widget=forms.Textarea(attrs={"rows": 6}),
        help_text="A few sentences for the care team and the person. The person can read this.",
    )


class Going(Bedside):
    """The discharge: the score, what a person must see for themselves, and a signature."""

    is_on_room_air = forms.TypedChoiceField(
        label="Breathing", choices=(("air", "room air"), ("oxygen", "oxygen")), widget=forms.RadioSelect
    )
    signed_name = forms.CharField(label="Your name, to sign", max_length=120)

    def __init__(
        self, *args: object, scale: discharge.Scale, required: tuple[str, ...], **kwargs: object
    ) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        self.scale, self.asked = scale, required
        items = {item.code: _points(item) for item in scale.items}
        ticks = {
            f"is_{name}": forms.BooleanField(
                label=discharge.REQUIRED.get(name, (name, ""))[0], required=False
            )
            for name in required
        }
        signed = self.fields.pop("signed_name")
        self.fields |= {**items, **ticks, "signed_name": signed}

    @property
    def items(self) -> list[forms.BoundField]:
        return [self[item.code] for item in self.scale.items]

    @property
    def ticks(self) -> list[forms.BoundField]:
        return [self[f"is_{name}"] for name in self.asked]

    @property
    def answers(self) -> dict[str, int]:
        """The points of the scale, of those items that were answered."""
        given = {item.code: self.cleaned_data.get(item.code) for item in self.scale.items}
        return {code: int(points) for code, points in given.items() if points not in (None, "")}

    @property
    def checked(self) -> dict[str, bool]:
        return {name: bool(self.cleaned_data.get(f"is_{name}")) for name in self.asked}


def _points(item: discharge.Item) -> forms.ChoiceField:
    return forms.ChoiceField(
        label=item.title,
        error_messages={"required": "Give 2, 1 or 0 points."},
        choices=[("2", f"2: {item.two}"), ("1", f"1: {item.one}"), ("0", f"0: {item.nought}")],
        widget=forms.RadioSelect,
    )
