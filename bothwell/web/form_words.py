"""What a form says of an answer it cannot take, in plain words, once for every form.

A field may say it better itself (`error_messages`); none speaks the framework's own sentences.
"""

from typing import Any, Final

from django import forms
from django.core import validators
from django.forms.formsets import BaseFormSet

OF_FIELDS: Final[dict[type[Any], dict[str, str]]] = {
    forms.Field: {"required": "Please fill this in."},
    forms.BooleanField: {"required": "Tick this to go on."},
    forms.IntegerField: {"invalid": "Write a whole number, in digits."},
    forms.FloatField: {"invalid": "Write a number, in digits."},
    forms.DecimalField: {"invalid": "Write a number, in digits."},
    forms.DateField: {"invalid": "Write a day of the calendar, for instance 2026-03-31."},
    forms.TimeField: {"invalid": "Write a time, for instance 14:30."},
    forms.DateTimeField: {"invalid": "Write the day and the time."},
    forms.DurationField: {"invalid": "Write how long."},
    forms.ChoiceField: {"required": "Choose one of these.", "invalid_choice": "Choose one of those that stand here."},
    forms.MultipleChoiceField: {
        "required": "Choose at least one.",
        "invalid_choice": "Choose from those that stand here.",
        "invalid_list": "Choose from those that stand here.",
    },
    forms.ModelChoiceField: {
        "required": "Choose one of these.",
        "invalid_choice": "This one is no longer there. Choose another.",
    },
    forms.UUIDField: {"invalid": "This page was not whole. Load it again."},
    forms.FileField: {
        "required": "Choose a file.",
        "invalid": "No file came. Choose it again.",
        "missing": "No file came. Choose it again.",
        "empty": "This file is empty.",
        "max_length": "The name of this file is too long: %(length)d letters, and there is room for %(max)d.",
        "contradiction": "Choose a file or tick that there is none, not both.",
    },
    BaseFormSet: {
        "missing_management_form": "This page was not whole. Load it again.",
        "too_many_forms": "There is room for %d here, no more.",
        "too_few_forms": "Give at least %d.",
    },
}  # fmt: skip

OF_RULES: Final[dict[type[Any], str]] = {
    validators.MinValueValidator: "This cannot be below %(limit_value)s.",
    validators.MaxValueValidator: "This cannot be above %(limit_value)s.",
    validators.MinLengthValidator: "Write at least %(limit_value)d letters.",
    validators.MaxLengthValidator: "Too long: %(show_value)d letters, and there is room for %(limit_value)d.",
    validators.EmailValidator: "Write an e-mail address, for instance name@example.org.",
    validators.ProhibitNullCharactersValidator: "A sign stands here that cannot be kept. Type it anew.",
}
OF_DECIMALS: Final = {
    "invalid": "Write a number, in digits.",
    "max_digits": "This number is too long: %(max)s digits at most.",
    "max_decimal_places": "Write at most %(max)s places after the point.",
    "max_whole_digits": "This number is too large: at most %(max)s digits before the point.",
}


def speak() -> None:
    """Put these words in the place of the framework's. To be called before any form is made."""
    for field, words in OF_FIELDS.items():
        field.default_error_messages = {**vars(field).get("default_error_messages", {}), **words}
    for rule, message in OF_RULES.items():
        rule.message = message
    validators.DecimalValidator.messages = dict(OF_DECIMALS)
