"""A row in any table about anybody, with a word in each of its texts by which it can be told wherever it comes out."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import uuid4

from django.apps import apps
from django.db import IntegrityError, ProgrammingError, models, transaction
from django.utils import timezone

from bothwell.couples.models import Couple, Person
from bothwell.privacy.models import Private
from tests.cast import Cast

MARK = "zqleak"
GIVEN: dict[str, dict[str, Any]] = {
    "Response": {
        "status": "sent",
        "sent_at": timezone.now() - timedelta(days=1),
        "kind": "measure.individual",
        "instrument": "phq-9",
    },
    "AdverseEvent": {"prescriber_knows": "not_yet"},
    "Consent": {"release_class": "", "release_to": ""},
    "Grant": {"audience": "individual_therapist"},
}
"""What a table's own rules ask of a row."""
CANNOT = frozenset({"VialUse", "Sample"})
"""Made by the ledger of vials, and by monitors: their texts are codes."""


@dataclass
class Planter:
    """Lays rows about one person, or about their couple in their name; inside `loading()`."""

    cast: Cast
    subject: Person
    author: Person
    couple: Couple
    mark: str = MARK
    made: dict[str, Any] = field(default_factory=dict)
    could_not: dict[str, str] = field(default_factory=dict)

    def plant(self, table: str, *, is_of_both: bool = False) -> Any:
        """The row, or None where the table's own rules refuse one; then `could_not` says why."""
        key = f"{table} {is_of_both}"
        if key in self.made:
            return self.made[key]
        model = apps.get_model("bothwell", table)
        try:
            with transaction.atomic():
                row = model._default_manager.create(**self._values(model, is_of_both))
        except (IntegrityError, ProgrammingError) as error:
            self.could_not[table] = str(error)
            return None
        self.made[key] = row
        return row

    def _values(self, model: type[models.Model], is_of_both: bool) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for column in model._meta.concrete_fields:
            if column.name == "subject":
                values["subject"] = None if is_of_both and column.null else self.subject
            elif column.name in ("clinic", "couple", "author"):
                values[column.name] = getattr(self, column.name, self.cast.clinic)
            elif column.name not in ("id", "recorded_at"):
                values |= self._value(column, is_of_both)
        if model.__name__ == "LaidAside":  # one of the two
            values["given"] = self.plant("ExerciseGiven", is_of_both=True)
        if model.__name__ == "Message":
            values["kind"] = "message.couple" if is_of_both else "message.care"
        return {**values, **GIVEN.get(model.__name__, {})}

    def _value(self, column: Any, is_of_both: bool) -> dict[str, Any]:
        return {} if (value := self._made_up(column, is_of_both)) is None else {column.name: value}

    def _made_up(self, column: Any, is_of_both: bool) -> Any:
        now = timezone.now() - timedelta(days=1)
        match column:
            case models.ForeignKey():
                return None if column.null else self._parent(column.related_model, is_of_both)
            case _ if getattr(column, "choices", None):
                return column.flatchoices[0][0]
            case models.UUIDField():
                return uuid4()
            case models.CharField() | models.TextField():
                return self.mark[: column.max_length]
            case models.JSONField():
                return [self.mark] if column.default is list else {self.mark: self.mark}
            case models.DateTimeField():
                return None if column.null else now
            case models.DateField():
                return None if column.null else now.date()
            case models.BooleanField():
                return False
            case models.BinaryField():
                return None
            case models.DecimalField() | models.IntegerField():
                return None if column.null else 1
            case _:
                return None

    def _parent(self, model: type[models.Model], is_of_both: bool) -> Any:
        if model is Person:
            return self.cast.couples_therapist
        name = model.__name__
        if issubclass(model, Private) or name == "DosingSession":
            return self.plant(name, is_of_both=is_of_both and name != "DosingSession")
        return self._of_the_clinic(model)

    def _of_the_clinic(self, model: type[models.Model]) -> Any:
        if model.__name__ not in self.made:
            values = {
                column.name: value
                for column in model._meta.concrete_fields
                if column.name not in ("id", "clinic") and (value := self._made_up(column, False)) is not None
            }
            self.made[model.__name__] = model._default_manager.create(clinic=self.cast.clinic, **values)
        return self.made[model.__name__]


def private_tables() -> list[str]:
    """Every table that is about a person or a couple."""
    found = [one.__name__ for one in apps.get_app_config("bothwell").get_models() if issubclass(one, Private)]
    return sorted([*found, "DosingSession"])
