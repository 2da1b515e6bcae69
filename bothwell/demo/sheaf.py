"""Gathers the records of one invented clinic before any is written, each under a key that its seed decides.

It writes nothing, and forgets nothing: what was added once is there, in the order it was added.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID, uuid5

from django.db.models import Model

from bothwell.models import Alarm, AlarmEvent, AuditEntry, Sample

NAMESPACE = UUID("5d0c8f2e-7c51-4b0e-9a55-0b7a9d5c0de0")

STREAMED = (Sample, Alarm, AlarmEvent)
"""Their keys are of their time, as everywhere in earnest."""

Row = TypeVar("Row", bound=Model)


class Sheaf:
    """The records of one clinic, by table."""

    def __init__(self, seed: int, clinic_key: str) -> None:
        self._space = uuid5(NAMESPACE, f"{seed} {clinic_key}")
        self.seed = seed
        self.clinic_id = self.key("clinic")
        self._rows: dict[type[Model], list[Model]] = defaultdict(list)
        self._log: list[AuditEntry] = []

    def key(self, *parts: object) -> UUID:
        """The same parts give the same key on every machine."""
        return uuid5(self._space, "/".join(map(str, parts)))

    def key_at(self, at: datetime, *parts: object) -> UUID:
        """A version-7 key: of that time, the rest decided by `parts`. Pages that follow a stream go by its order."""
        milliseconds = int(at.timestamp() * 1000)
        rest = self.key(*parts).int & ((1 << 80) - 1)
        number = (milliseconds << 80) | rest
        return UUID(int=number & ~(0xF << 76) & ~(0x3 << 62) | (0x7 << 76) | (0x2 << 62))

    def draw(self, *parts: object) -> random.Random:
        """A source of chance of its own for each thing, so that one more draw changes nothing elsewhere."""
        return random.Random(f"{self.key('draw', *parts)}")

    def add(self, model: type[Row], *parts: object, **fields: Any) -> Row:
        """One record under the key of its table and `parts`; `parts` must be new for this table."""
        name = (model.__name__, *parts)
        key = self.key_at(fields["recorded_at"], *name) if model in STREAMED else self.key(*name)
        row = model(id=key, clinic_id=self.clinic_id, **fields)
        self._rows[model].append(row)
        return row

    def keep(self, row: Row) -> Row:
        """A record that belongs to no clinic by a column of its own: the clinic, or a login."""
        self._rows[type(row)].append(row)
        return row

    def log(self, at: datetime, action: str, by: UUID | None, **about: Any) -> None:
        """One entry of the log; entries are written in the order of their times."""
        number = len(self._log)
        at += timedelta(microseconds=number % 1_000_000)
        self._log.append(
            AuditEntry(
                id=self.key_at(at, "AuditEntry", number),
                clinic_id=self.clinic_id,
                at=at,
                actor_id=by,
                action=action,
                **about,
            )
        )

    def of(self, model: type[Row]) -> list[Row]:
        """The records of one table; those of the log by time."""
        rows: list[Any] = self._rows[model]
        if model is AuditEntry:
            rows = sorted(self._log, key=lambda entry: entry.at)
        return rows

    def __iter__(self) -> Iterator[Model]:
        for rows in self._rows.values():
            yield from rows
        yield from self.of(AuditEntry)

    def __len__(self) -> int:
        return sum(map(len, self._rows.values())) + len(self._log)
