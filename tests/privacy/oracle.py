"""What the rules say of a whole database: who may see each private row now, and where each planted word stands.

It reads as the loader of invented clinics and asks `rule.may_see`; it never asks the policies.
"""

import json
import re
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.apps import apps
from django.db import connection

from bothwell.privacy.circles import Relation
from bothwell.privacy.rule import (
    Assigned,
    Glass,
    Granted,
    Item,
    Pair,
    Released,
    Sheltered,
    World,
    may_see,
    may_see_request,
)
from tests.conftest import loading
from tests.privacy.worlds import COUPLE_ROWS, OUTCOME_ROWS, PERSON_ROWS, STOCK_ROWS

WORD = re.compile(r"zq[0-9A-Za-z]{6,}")
"""A planted word: it stands in private rows and nowhere else."""

KIND_OF = {
    **dict(PERSON_ROWS),
    **dict(COUPLE_ROWS),
    **dict.fromkeys(STOCK_ROWS, "vials"),
    **dict.fromkeys(OUTCOME_ROWS, "outcomes"),
    "CycleNode": "cycle.node",
    "Shelter": "shelter",
    "CloseTo": "close_to",
    "BreakGlass": "break_glass",
    "Couple": "couple.link",
    "Person": "person.name",
}
ITS_OWN = {"Insight", "CalendarFeed"}
"""Rows seen by the person they are about, and by nobody else."""
OF_THE_CLINIC = {
    "Clinic", "ClinicInstrument", "ConsentText", "Credential", "Device", "Invitation", "ProtocolDraft",
    "ProtocolVersion", "Room", "StaffRole",
}  # fmt: skip
"""Rows that are no person's record. What is planted in them anyone in the clinic may read, but for a protocol's draft."""
LINKS = {
    "Assignment", "Membership", "Grant", "Receipt", "AuditLink", "PushAddress", "User", "DoorKey", "NotesKey",
    "AnalysisUse",
}  # fmt: skip
"""Rows with no words of their own; who sees them is proved by the drawn worlds."""

Row = Mapping[str, Any]


@dataclass
class Seen:
    """One private row and the question whether somebody may see it."""

    model: str
    row: Row

    def by(self, world: World, viewer: UUID) -> bool:
        """Whether the rule opens it to this viewer."""
        if world.clinic_of[viewer] != UUID(self.row["clinic_id"]):
            return False
        if self.model == "ProtocolDraft":
            return (viewer, Relation.LEAD) in world.staff_roles
        if self.model in OF_THE_CLINIC or (self.model == "Person" and self.row["kind"] == "staff"):
            return True
        if self.model in ITS_OWN:
            return _key(self.row, "subject_id") == viewer
        item = self.item
        if self.model == "Request":
            return may_see_request(world, viewer, item).allowed
        if self.model == "AuditEntry" and self.row["item_kind"] == "process_note":
            return item.author == viewer
        return may_see(world, viewer, item).allowed

    @property
    def item(self) -> Item:
        row = self.row
        return Item(
            id=UUID(row["id"]),
            kind=self.kind,
            clinic=UUID(row["clinic_id"]),
            subject=_key(row, "id" if self.model == "Person" else "subject_id"),
            couple=_key(row, "id" if self.model == "Couple" else "couple_id"),
            author=_key(row, "actor_id" if self.model == "AuditEntry" else "author_id"),
            is_draft=self.model == "Response" and row["status"] == "draft",
            at=_time(row, AT.get(self.model, "recorded_at")),
        )

    @property
    def kind(self) -> str:
        """The kind of `circles.READS` this row falls under."""
        row = self.row
        match self.model:
            case "Response" | "Request" | "Message":
                return str(row["kind"])
            case "HoldReason":
                return "medical" if row["kind"] == "medical" else "suicide.flag"
            case "Consent":
                return "consent.couples" if row["release_to"] == Relation.COUPLES_THERAPIST else "consent"
            case "AuditEntry" if row["sealed"]:
                return "access.sealed"
            case "AuditEntry":
                return "access" if row["subject_id"] or not row["couple_id"] else "access.couple"
            case model:
                return KIND_OF[model]


AT = {"AuditEntry": "at", "Response": "sent_at", "Request": "due_at", "Consent": "withdrawn_at"}
"""Where a row says when, in the sense of `Item.at`."""


def _time(row: Row, column: str) -> datetime | None:
    value = row.get(column)
    return datetime.fromisoformat(value) if value else None


def _key(row: Row, column: str) -> UUID | None:
    value = row.get(column)
    return UUID(value) if value else None


@dataclass
class Oracle:
    """All private rows as they stand, and the world in which the rule is asked."""

    world: World
    rows: Mapping[UUID, list[Seen]]
    """By their ids; a curious browser may have made a row with an id that another table's row has."""
    words: Mapping[str, list[Seen]] = field(default_factory=dict)
    links: Mapping[str, list[UUID]] = field(default_factory=dict)

    def may_read(self, viewer: UUID, word: str) -> bool | None:
        """Whether the word stands in a row this viewer may see; none if it stands in no row."""
        found = self.words.get(word)
        return any(row.by(self.world, viewer) for row in found) if found else None

    def is_hidden(self, viewer: UUID, key: UUID) -> bool:
        """Whether this names a private row, and none that the viewer may see."""
        rows = self.rows.get(key)
        return rows is not None and not any(row.by(self.world, viewer) for row in rows)


def look(clinics: Collection[UUID]) -> Oracle:
    """Read everything there is of these clinics."""
    with loading(), connection.cursor() as cursor:
        rows: dict[UUID, list[Seen]] = defaultdict(list)
        for key, seen in _private_rows(cursor, [str(each) for each in clinics]):
            rows[key].append(seen)
        world = _world(cursor)
        links = {
            name: [
                key
                for key, clinic in _rows(cursor, f"select id, clinic_id from bothwell_{name.lower()}")
                if clinic in clinics
            ]
            for name in ("Assignment", "Grant")
        }
    words: dict[str, list[Seen]] = defaultdict(list)
    for seen in (seen for found in rows.values() for seen in found):
        for word in set(WORD.findall(json.dumps(seen.row, ensure_ascii=False))):
            words[word].append(seen)
    return Oracle(world, dict(rows), words, links)


def _private_rows(cursor: Any, clinics: list[str]) -> Iterator[tuple[UUID, Seen]]:
    models = [m for m in apps.get_app_config("bothwell").get_models() if m.__name__ not in LINKS]
    for model in models:
        if model.__name__ not in OF_THE_CLINIC and model.__name__ not in KIND_OF | _BY_THE_ROW:
            raise AssertionError(f"the oracle does not know whose {model.__name__} is")
    asked = " union all ".join(
        f"select '{model.__name__}', to_jsonb(t) from {model._meta.db_table} t"
        f" where {'id' if model.__name__ == 'Clinic' else 'clinic_id'} = any(%(clinics)s::uuid[])"
        for model in models
    )
    cursor.execute(asked, {"clinics": clinics})
    for model, row in cursor.fetchall():
        loaded = json.loads(row) if isinstance(row, str) else row
        yield UUID(loaded["id"]), Seen(model, {"clinic_id": loaded["id"], **loaded})


_BY_THE_ROW = dict.fromkeys(("Response", "Request", "Message", "HoldReason", "Consent", "AuditEntry"), "")


def _rows(cursor: Any, query: str) -> list[Any]:
    cursor.execute(query)
    return list(cursor.fetchall())


def _world(cursor: Any) -> World:
    ((now,),) = _rows(cursor, "select now()")
    roles = [
        (who, Relation(role))
        for who, role in _rows(
            cursor,
            "select person_id, role from bothwell_staffrole where since <= now() and (until is null or until > now())",
        )
        if role in list(Relation)
    ]
    return World(
        now=now,
        clinic_of=dict(_rows(cursor, "select id, clinic_id from bothwell_person")),
        pairs=tuple(_pairs(cursor)),
        assigned=tuple(
            Assigned(who, Relation(role), *rest)
            for who, role, *rest in _rows(
                cursor, "select staff_id, role, subject_id, couple_id, since, until from bothwell_assignment"
            )
        ),
        staff_roles=frozenset(roles),
        granted=tuple(
            Granted(item, kind, giver, Relation(audience), *rest)
            for item, kind, giver, audience, *rest in _rows(
                cursor,
                "select item_id, item_kind, subject_id, audience, couple_id, opens_at, revoked_at, recorded_at, id, replaces_id"
                " from bothwell_grant",
            )
        ),
        released=tuple(
            Released(giver, data_class, Relation(to), withdrawn_at)
            for giver, data_class, to, withdrawn_at in _rows(
                cursor,
                "select subject_id, release_class, release_to, withdrawn_at from bothwell_consent where release_to <> ''",
            )
        ),
        broken_glass=tuple(
            Glass(*row)
            for row in _rows(
                cursor, "select author_id, subject_id, couple_id, expires_at from bothwell_breakglass"
            )
        ),
        opened={
            (who, item): at
            for who, item, at in _rows(cursor, "select author_id, item_id, recorded_at from bothwell_receipt")
        },
        **_dosing(cursor, now),
        shelters=tuple(
            Sheltered(*row)
            for row in _rows(cursor, "select subject_id, recorded_at, until from bothwell_shelter")
        ),
        close=frozenset(
            _rows(cursor, "select staff_id, subject_id from bothwell_closeto where until is null")
        ),
    )


def _pairs(cursor: Any) -> Iterator[Pair]:
    members = defaultdict(list)
    for couple, who in _rows(cursor, "select couple_id, person_id from bothwell_membership order by side"):
        members[couple].append(who)
    for couple, parted_at, formed_at in _rows(cursor, "select id, parted_at, formed_at from bothwell_couple"):
        if len(members[couple]) == 2:
            one, other = members[couple]
            yield Pair(couple, (one, other), parted_at, formed_at)


def _dosing(cursor: Any, now: datetime) -> dict[str, Any]:
    """Whose day of a dose it is, in the time zone of their clinic, and who is still to be rung."""
    sessions = _rows(
        cursor,
        """select s.subject_id, s.scheduled_at, c.timezone from bothwell_dosingsession s
           join bothwell_clinic c on c.id = s.clinic_id where s.outcome <> 'cancelled'""",
    )
    days = frozenset(
        (who, now.date())
        for who, at, zone in sessions
        if at.astimezone(ZoneInfo(zone)).date() == now.astimezone(ZoneInfo(zone)).date()
    )
    to_be_rung = frozenset(
        who
        for (who,) in _rows(
            cursor,
            """select s.subject_id from bothwell_dosingsession s
               where s.started_at is not null and s.ended_at is not null and s.outcome in ('discharged', 'left_early')
                 and not exists (select 1 from bothwell_nextdaycall c where c.session_id = s.id and c.is_closed)""",
        )
    )
    return {"dosing_days": days, "today": now.date(), "to_be_rung": to_be_rung}
