"""Work that follows a write: a job deferred in this same transaction, or a word to open pages when it commits.

Both carry identifiers only, never what was written: the job table and NOTIFY lie outside row-level security.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection
from procrastinate.contrib.django import app


def later(task: str, **ids: UUID | str | int) -> None:
    """Defer `task` (a name registered in `bothwell/jobs`) with identifiers; it exists only if this transaction commits."""
    app.configure_task(name=task).defer(**{name: str(value) for name, value in ids.items()})


def later_all(task: str, jobs: Sequence[Mapping[str, UUID | str | int]]) -> None:
    """Defer `task` once for each set of identifiers, all in one statement."""
    if jobs:
        each: list[dict[str, Any]] = [{name: str(value) for name, value in ids.items()} for ids in jobs]
        app.configure_task(name=task).batch_defer(*each)


def later_at(task: str, at: datetime, **ids: UUID | str | int) -> None:
    """Defer `task` until `at`; it exists only if this transaction commits."""
    app.configure_task(name=task, schedule_at=at).defer(**{name: str(value) for name, value in ids.items()})


def tell(topic: str, about: UUID, *, of: UUID | None = None) -> None:
    """At commit, every open page that follows `topic:about` looks again. Topics: room, board, person, couple.

    `of` is the dosing session that changed on a board: only who may see that session is told. For a person it is who
    did it: nobody from whom they are sheltered is told.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "select pg_notify('bothwell', %s)", [f"{topic}:{about}:{of}" if of else f"{topic}:{about}"]
        )
