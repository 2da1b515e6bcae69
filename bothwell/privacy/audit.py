"""The log of who did and saw what: writing an entry, and checking the chain.

It never holds what was seen: kinds and identifiers only. The chain is made by the database at commit.
"""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from bothwell.couples.models import Couple, Person
from bothwell.privacy.models import AuditEntry, AuditLink

SEALED_KINDS = frozenset({"screen.violence", "care_team.sealed", "access.sealed", "shelter"})
"""Kinds whose entries only the safety circle reads; the database refuses them unsealed."""


def log(
    action: str,
    *,
    by: Person,
    subject: Person | UUID | None = None,
    couple: Couple | UUID | None = None,
    item_kind: str = "",
    item_id: UUID | None = None,
    why: str = "",
    sealed: bool = False,
) -> None:
    """Add one entry in this transaction: `by` did `action` to the record of `subject` or `couple`, for reason `why`."""
    AuditEntry(
        clinic_id=by.clinic_id,
        actor_id=by.id,
        action=action,
        subject_id=_id(subject),
        couple_id=_id(couple),
        item_kind=item_kind,
        item_id=item_id,
        why=why[:300],
        sealed=sealed or item_kind in SEALED_KINDS,
    ).save(force_insert=True)


def log_service(
    service: str, action: str, *, clinic: UUID, subject: UUID | None = None, item_id: UUID | None = None
) -> None:
    """Add one entry for a named job or feed."""
    AuditEntry(clinic_id=clinic, service=service, action=action, subject_id=subject, item_id=item_id).save(
        force_insert=True
    )


def viewed(
    by: Person,
    subject: Person | UUID | None = None,
    couple: Couple | UUID | None = None,
    what: str = "",
    why: str = "",
    sealed: bool = False,
) -> None:
    """Log that `by` looked at a chart, or at a part of it (`what`)."""
    log("viewed", by=by, subject=subject, couple=couple, item_kind=what, why=why, sealed=sealed)


def viewed_several(by: Person, subjects: Iterable[UUID], what: str) -> None:
    """Log that `by` looked at one part of several charts at once: an entry each, in one statement."""
    AuditEntry.objects.bulk_create(
        AuditEntry(
            clinic_id=by.clinic_id, actor_id=by.id, action="viewed", subject_id=subject, item_kind=what
        )
        for subject in dict.fromkeys(subjects)
    )


def _id(thing: Any) -> UUID | None:
    return thing if thing is None or isinstance(thing, UUID) else thing.id


@dataclass(frozen=True)
class Fault:
    """One place where the chain does not hold. `number` is the link's number in its clinic."""

    clinic: UUID
    number: int
    what: str


def body(entry: AuditEntry, number: int, before: str) -> str:
    """The text a link's hash covers; `door.link()` builds the same in SQL."""
    micros = round(entry.at.timestamp() * 1_000_000)
    parts = [
        before,
        number,
        entry.id,
        entry.clinic_id,
        micros,
        entry.actor_id or "",
        entry.service,
        entry.action,
        entry.subject_id or "",
        entry.couple_id or "",
        entry.item_kind,
        entry.item_id or "",
        entry.why,
        "true" if entry.sealed else "false",
    ]
    return "\x1f".join(str(part) for part in parts)


def verify(pairs: Iterable[tuple[AuditLink, AuditEntry | None]]) -> Iterator[Fault]:
    """Walk one clinic's links in order, each with its entry; yield each changed, missing or re-ordered row."""
    number, before = 0, ""
    for link, entry in pairs:
        number += 1
        if link.number != number:
            yield Fault(link.clinic_id, link.number, f"link {number} is missing or out of order")
            number = link.number
        if link.before != before:
            yield Fault(link.clinic_id, link.number, "does not follow the link before it")
        if entry is None:
            yield Fault(link.clinic_id, link.number, "its entry is gone")
        elif hashlib.sha256(body(entry, link.number, link.before).encode()).hexdigest() != link.hash:
            yield Fault(link.clinic_id, link.number, "its entry was changed")
        before = link.hash
