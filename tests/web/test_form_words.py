"""What a form says of a wrong answer: in plain words, on every form, and never in the framework's own sentences."""

import importlib
import pkgutil
import re
from collections.abc import Iterator
from decimal import Decimal

import pytest
from django import forms

import bothwell.web
from bothwell.web.telephone import WORDS, TelephoneField

MACHINE = re.compile(
    r"Ensure (this|that)|This field|Enter a|Select a valid|Please submit|valid (date|number|value)"
)


def every_form() -> list[type[forms.BaseForm]]:
    """Each form of each screen."""
    for module in pkgutil.iter_modules(bothwell.web.__path__, "bothwell.web."):
        importlib.import_module(module.name)

    def below(kind: type[forms.BaseForm]) -> Iterator[type[forms.BaseForm]]:
        for each in kind.__subclasses__():
            yield each
            yield from below(each)

    found = {each for each in below(forms.BaseForm) if each.__module__.startswith("bothwell.")}
    return sorted(found, key=lambda each: (each.__module__, each.__qualname__))


def test_no_field_of_any_form_speaks_the_frameworks_sentences() -> None:
    said = {
        f"{form.__module__}.{form.__qualname__}.{name}: {message}"
        for form in every_form()
        for name, field in form.base_fields.items()
        for message in (
            *field.error_messages.values(),
            *(str(getattr(rule, "message", "")) for rule in field.validators),
            *(str(each) for rule in field.validators for each in getattr(rule, "messages", {}).values()),
        )
        if MACHINE.search(str(message))
    }
    assert said == set()
    assert len(every_form()) > 50


class Asked(forms.Form):
    """One field of each kind."""

    words = forms.CharField(max_length=3)
    count = forms.IntegerField(min_value=1, max_value=9)
    dose = forms.DecimalField(max_digits=5, decimal_places=2, min_value=Decimal(0))
    day = forms.DateField()
    one = forms.ChoiceField(choices=[("a", "A")])
    mail = forms.EmailField()


@pytest.mark.parametrize(
    ("name", "typed", "said"),
    [
        ("words", "", "Please fill this in."),
        ("words", "long", "Too long: 4 letters, and there is room for 3."),
        ("count", "0", "This cannot be below 1."),
        ("count", "12", "This cannot be above 9."),
        ("count", "many", "Write a whole number, in digits."),
        ("dose", "-1", "This cannot be below 0."),
        ("dose", "12345", "This number is too large: at most 3 digits before the point."),
        ("dose", "0.123", "Write at most 2 places after the point."),
        ("dose", "123456.78", "This number is too long: 5 digits at most."),
        ("dose", "lots", "Write a number, in digits."),
        ("day", "2026-02-31", "Write a day of the calendar, for instance 2026-03-31."),
        ("one", "", "Choose one of these."),
        ("one", "b", "Choose one of those that stand here."),
        ("mail", "nobody", "Write an e-mail address, for instance name@example.org."),
    ],
)
def test_a_wrong_answer_is_told_what_to_do(name: str, typed: str, said: str) -> None:
    assert said in Asked({name: typed}).errors[name]


@pytest.mark.parametrize(
    "typed",
    ["abc", "abc def", "1", "12-34", "+", "()()()", "555 0100 at home", "555-0100 ext. many", "٠١٢٣٤٥٦"],
)
def test_what_nobody_can_ring_is_no_telephone_number(typed: str) -> None:
    with pytest.raises(forms.ValidationError) as no:
        TelephoneField().clean(typed)
    assert no.value.messages == [WORDS]


@pytest.mark.parametrize(
    "typed",
    [
        "555-0100",
        "+44 (0)20 7946 0018",
        "030/123 45 67",
        "555.0134",
        "(020) 555-0134 ext. 12",
        "555 0100 x7",
        "55501",
    ],
)
def test_a_number_is_kept_as_it_was_typed(typed: str) -> None:
    assert TelephoneField().clean(f" {typed} ") == typed
    assert TelephoneField(required=False).clean("") == ""


def test_every_field_for_a_telephone_is_the_same_field() -> None:
    asks = re.compile(r"phone$")
    others = {
        f"{form.__qualname__}.{name}"
        for form in every_form()
        for name, field in form.base_fields.items()
        if asks.search(name) and not isinstance(field, (TelephoneField, forms.BooleanField))
    }
    assert others == set()


def test_no_control_cuts_a_pasted_text_in_silence() -> None:
    """A browser would: so nothing says `maxlength`, and the form refuses with all that was typed."""
    form = Asked({"words": "longer than three"})
    assert "maxlength" not in str(form["words"])
    assert "longer than three" in str(form["words"])
    assert "Too long: 17 letters" in str(form["words"].errors)
