"""The work-up: facts recorded and corrected, findings that follow from them, and their resolutions.

Nothing here decides: `eligibility` says what a fact means, `circles` who may write it.
"""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid5

from django.db import IntegrityError, transaction
from django.utils import timezone

from bothwell.couples.models import Person
from bothwell.decision import Decision
from bothwell.pathway import eligibility, facts, steps
from bothwell.pathway.models import Course, MedicalFact, Resolution
from bothwell.pathway.protocol_actions import protocol_of
from bothwell.pathway.rights_actions import check_length, kept_before, need_to_write, subject_of
from bothwell.privacy import audit
from bothwell.refusal import Refused, Stale


@transaction.atomic
def record_facts(
    *,
    by: Person,
    subject: Person,
    values: Mapping[str, bool | Decimal | str | None],
    source: str,
    observed_at: datetime,
    note: str = "",
    request_id: UUID | None = None,
) -> list[MedicalFact]:
    """Keep what was found about this person: one row a coded fact, by whom, from where, when observed.

    `request_id` comes from the form: posted twice, the facts are kept once.
    """
    need_to_write(by, subject.id, "medical", "Only the prescriber and the nurse record medical facts.")
    unknown = set(values) - set(facts.SPECS)
    if unknown:
        raise Refused(f"These are not facts of the work-up: {', '.join(sorted(unknown))}.")
    if observed_at > timezone.now():
        raise Refused("The time of observation lies in the future. Check the date.")
    if not source.strip():
        raise Refused("Say where this comes from: history, visit, laboratory or interview.")
    for code, value in values.items():
        _check_value(code, value)
    check_length(note)
    rows = [
        MedicalFact(
            clinic_id=by.clinic_id,
            subject=subject,
            author=by,
            code=code,
            value=_stored(value),
            note=note.strip(),
            source=source.strip()[:120],
            observed_at=observed_at,
            **({"id": uuid5(request_id, f"{code} {observed_at.isoformat()}")} if request_id else {}),
        )
        for code, value in values.items()
    ]
    before = MedicalFact.objects.filter(id__in=[row.id for row in rows], author=by) if request_id else []
    if kept := list(before):
        return kept
    for row in rows:
        row.save(force_insert=True)
    audit.log("recorded facts", by=by, subject=subject, item_kind="medical", why=", ".join(sorted(values)))
    return rows


def _check_value(code: str, value: bool | Decimal | str | None) -> None:
    """Whether this value is an answer to this question at all; None stands for: asked, not known."""
    spec = facts.SPECS[code]
    fits = {
        facts.Answer.YES_NO: isinstance(value, bool),
        facts.Answer.NUMBER: isinstance(value, Decimal) and value.is_finite() and value >= 0,
        facts.Answer.TEXT: isinstance(value, str),
    }
    if value is not None and not fits[spec.answer]:
        raise Refused(f"This is not an answer to “{spec.title}”.")


@transaction.atomic
def correct_fact(
    *, by: Person, fact_id: UUID, value: bool | Decimal | str | None, reason: str
) -> MedicalFact:
    """Put a new row in the place of a wrong one; both stay, with the reason."""
    if not reason.strip():
        raise Refused("Say why the earlier entry was wrong.")
    wrong = MedicalFact.objects.filter(id=fact_id).first()
    if wrong is None:
        raise Refused("There is no such entry.")
    need_to_write(
        by, subject_of(wrong), "medical", "Only the prescriber and the nurse correct medical facts."
    )
    _check_value(wrong.code, value)
    row = MedicalFact(
        clinic_id=by.clinic_id,
        subject_id=wrong.subject_id,
        author=by,
        code=wrong.code,
        value=_stored(value),
        source=wrong.source,
        observed_at=wrong.observed_at,
        corrects=wrong,
        reason=reason.strip()[:300],
    )
    try:
        with transaction.atomic():
            row.save(force_insert=True)
    except IntegrityError as error:
        raise Stale("Somebody has corrected this entry already. Look again.") from error
    audit.log("corrected a fact", by=by, subject=wrong.subject_id, item_kind="medical", item_id=wrong.id)
    return row


def _stored(value: bool | Decimal | str | None) -> bool | str | None:
    return str(value) if isinstance(value, Decimal) else value


def facts_of(subject_id: UUID) -> list[facts.Fact]:
    """The facts on record that stand (corrected ones left out), in the words of the rules, oldest first."""
    rows = MedicalFact.objects.filter(subject_id=subject_id, corrected_by__isnull=True).select_related(
        "author"
    )
    return [
        facts.Fact(
            code=row.code,
            value=_as_fact(row.code, row.value),
            recorded_by=row.author.signs_as if row.author else "",
            observed_at=row.observed_at,
            note=row.note or row.source,
        )
        for row in rows.order_by("observed_at")
    ]


def _as_fact(code: str, value: Any) -> bool | Decimal | str | None:
    spec = facts.SPECS.get(code)
    if spec and spec.answer is facts.Answer.NUMBER and value is not None and not isinstance(value, bool):
        return Decimal(str(value))
    return value  # type: ignore[no-any-return]


def findings_of(course: Course) -> list[eligibility.Finding]:
    """What the rules say about this person now, the gravest first."""
    return eligibility.assess(facts_of(subject_of(course)), protocol_of(course.protocol), timezone.now())


def resolutions_of(subject_id: UUID) -> list[eligibility.Resolution]:
    rows = Resolution.objects.filter(subject_id=subject_id).select_related("author")
    return [
        eligibility.Resolution(
            code=row.finding,
            decided_by=row.author.signs_as if row.author else "",
            role=steps.Role.PRESCRIBER,  # only prescribers may add these rows; the database refuses others
            reason=row.reason,
            decided_at=row.recorded_at,
        )
        for row in rows
    ]


def may_clear(course: Course) -> Decision:
    """Whether this person may be cleared, with the reason."""
    return eligibility.may_clear(findings_of(course), resolutions_of(subject_of(course)))


@transaction.atomic
def resolve(
    *, by: Person, course: Course, finding: str, reason: str, request_id: UUID | None = None
) -> Resolution:
    """A prescriber's reasoned decision that a finding which holds need not hold here. Newer evidence asks
    anew.
    """
    need_to_write(by, subject_of(course), "order", "Only the prescriber decides a hold.")
    if len(reason.strip()) < 10:
        raise Refused("Write the reason in a sentence; it stands in the record.")
    check_length(reason)
    if kept := kept_before(Resolution, by, request_id):
        return kept  # type: ignore[no-any-return]
    _check_holds(course, finding)
    row = Resolution(
        clinic_id=by.clinic_id,
        subject_id=course.subject_id,
        couple_id=course.couple_id,
        author=by,
        finding=finding,
        reason=reason.strip(),
        **({"id": request_id} if request_id else {}),
    )
    row.save(force_insert=True)
    audit.log(
        "decided a hold", by=by, subject=course.subject_id, item_kind="medical", item_id=row.id, why=finding
    )
    return row


def _check_holds(course: Course, code: str) -> None:
    kinds = {finding.kind for finding in findings_of(course) if finding.code == code}
    if facts.Severity.ABSOLUTE in kinds:
        raise Refused("This one is absolute: no reason clears it. If the entry is wrong, correct the entry.")
    if facts.Severity.HOLD not in kinds:
        raise Refused("This finding does not hold now, so there is nothing to decide.")
