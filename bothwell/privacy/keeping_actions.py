"""A form that is sent twice is kept once: a row bears the number that its form was shown with."""

from typing import Any, TypeVar
from uuid import UUID

from django.db import IntegrityError, transaction

from bothwell.couples.models import Person
from bothwell.privacy.models import (
    Private,
)
from bothwell.refusal import SentBefore, constraint_of

Kept = TypeVar("Kept", bound=Private)


def sent_before(model: type[Kept], key: UUID, by: Person, **said: Any) -> Kept | None:
    """The row that a form left when it was sent before, so that a second press is answered like the first; None when it
    was not. `said`: what it says now, by column. Raises SentBefore where it said something else then.
    """
    kept = model._default_manager.filter(pk=key, author=by).first()
    if kept is not None and any(getattr(kept, column) != value for column, value in said.items()):
        raise SentBefore
    return kept


def kept_first(row: Private, **said: Any) -> bool:
    """Insert a row that its form named; false if a second press of the same form came first, and its row stands. Raises
    SentBefore where that one said something else (`said`, by column).
    """
    try:
        with transaction.atomic():
            row.save(force_insert=True)
    except IntegrityError as error:
        assert row.author is not None
        if sent_before(type(row), row.pk, row.author, **said) is None:
            if constraint_of(error).endswith("_pkey"):  # somebody else's form, unseen from here
                raise SentBefore from error
            raise
        return False
    return True
