"""The work-up: facts recorded and corrected, findings that follow from them, and their resolutions.

Nothing here decides: `eligibility` says what a fact means, `circles` who may write it.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid5

from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils import timezone

from bothwell.couples.models import Person
from bothwell.decision import Decision
from bothwell.pathway import eligibility, facts, steps
from bothwell.pathway.models import Course, MedicalFact, Resolution
from bothwell.pathway.protocol_actions import protocol_of
from bothwell.pathway.rights_actions import check_length, kept_before, need_to_write, subject_of
from bothwell.privacy import audit
from bothwell.refusal import Refused, SentBefore, Stale

LONGEST_LIST = 280
"""Characters. A reason in the log is cut at 300, and half a code is no word."""


@transaction.atomic
def record_facts(
    *,
    by: Person,
    subject: Person,
    values: Mapping[str, bool | Decimal | str | None],
    source: str,
    observed_at: datetime,
    note: str = "",
    second: tuple[Mapping[str, Decimal], datetime] | None = None,
    request_id: UUID | None = None,
) -> list[MedicalFact]:
    """Keep what was found about this person: one row a coded fact, by whom, from where, when observed; all of it, or none.

    `second`: what was measured once more, at another time. `request_id` comes from the form: posted twice, the facts are
    kept once. Raises SentBefore where the same form said something else before.
    """
    need_to_write(by, subject.id, "medical", "Only the prescriber and the nurse record medical facts.")
    unknown = set(values) - set(facts.SPECS)
    if unknown:
        raise Refused(f"These are not facts of the work-up: {', '.join(sorted(unknown))}.")
    readings: list[tuple[Mapping[str, Any], datetime]] = [
        (values, observed_at),
        *([second] if second else []),
    ]
    if max(at for _, at in readings) > timezone.now():
        raise Refused("The time of observation lies in the future. Check the date.")
    if second and second[1] == observed_at:
        raise Refused("The second reading is taken at another time than the first.")
    if not source.strip():
        raise Refused("Say where this comes from: history, visit, laboratory or interview.")
    for found, _ in readings:
        for code, value in found.items():
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
            observed_at=at,
            **({"id": _id_of(request_id, code, place)} if request_id else {}),
        )
        for place, (found, at) in enumerate(readings)
        for code, value in found.items()
    ]
    if request_id and (kept := _kept_of(request_id, rows)):
        return kept
    try:
        with transaction.atomic():
            for row in rows:
                row.save(force_insert=True)
    except IntegrityError as error:  # a second press at the same moment
        if request_id and (kept := _kept_of(request_id, rows)):
            return kept
        raise SentBefore from error
    codes = sorted({row.code for row in rows})
    audit.log("recorded facts", by=by, subject=subject, item_kind="medical", why=_listed(codes))
    return rows


def _id_of(request_id: UUID, code: str, place: int) -> UUID:
    """The id of what one form says of a fact; `place` tells a second reading from the first."""
    return uuid5(request_id, f"{code} {place}")


def _kept_of(request_id: UUID, rows: Sequence[MedicalFact]) -> list[MedicalFact]:
    """What the same form kept before; none if it comes for the first time. Raises SentBefore where it said otherwise."""
    could_be = [_id_of(request_id, code, place) for code in facts.SPECS for place in (0, 1)]
    kept = {row.id: row for row in MedicalFact.objects.filter(id__in=could_be)}
    said = {row.id: row for row in rows}
    columns = ("author_id", "subject_id", "value", "note", "source", "observed_at")
    if kept and (
        kept.keys() != said.keys()
        or any(getattr(kept[key], column) != getattr(said[key], column) for key in kept for column in columns)
    ):
        raise SentBefore
    return list(kept.values())


def _listed(codes: Sequence[str]) -> str:
    """The codes as a line of the log holds them: whole ones as far as they fit, and how many more."""
    most = len(codes)
    while most and len(", ".join(codes[:most])) > LONGEST_LIST:
        most -= 1
    more = [f"and {len(codes) - most} more"] if most < len(codes) else []
    return ", ".join([*codes[:most], *more])


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
    if isinstance(value, Decimal):
        Refused.unless(facts.can_be(code, value))


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


def facts_of(subject_id: UUID, at: datetime | None = None) -> list[facts.Fact]:
    """The facts on record that stand (corrected ones left out), in the words of the rules, oldest first.

    `at`: as they stood then; what was observed, recorded or corrected after it was not known.
    """
    stands, rows = Q(corrected_by__isnull=True), MedicalFact.objects.filter(subject_id=subject_id)
    if at is not None:
        stands |= Q(corrected_by__recorded_at__gt=at)
        rows = rows.filter(observed_at__lte=at, recorded_at__lte=at)
    rows = rows.filter(stands).select_related("author")
    return [in_rules(row) for row in rows.order_by("observed_at")]


def in_rules(row: MedicalFact) -> facts.Fact:
    """One row in the words of the rules."""
    return facts.Fact(
        code=row.code,
        value=_as_fact(row.code, row.value),
        recorded_by=row.author.signs_as if row.author else "",
        observed_at=row.observed_at,
        note=row.note or row.source,
        recorded_at=row.recorded_at,
        recorder=str(row.author_id or ""),
    )


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
    return [as_resolution(row) for row in rows]


def as_resolution(row: Resolution) -> eligibility.Resolution:
    """One row in the words of the rules."""
    return eligibility.Resolution(
        code=row.finding,
        decided_by=row.author.signs_as if row.author else "",
        role=steps.Role.PRESCRIBER,  # only prescribers may add these rows; the database refuses others
        reason=row.reason,
        decided_at=row.recorded_at,
    )


def may_clear(course: Course) -> Decision:
    """Whether this person may be cleared, with the reason."""
    return eligibility.may_clear(findings_of(course), resolutions_of(subject_of(course)))


@transaction.atomic
def resolve(
    *, by: Person, course: Course, finding: str, reason: str, request_id: UUID | None = None
) -> Resolution:
    """A prescriber's reasoned decision: that a finding which holds need not hold here, or how a caution was weighed.

    Newer evidence asks anew. A caution weighed clears nothing: it holds nothing up either.
    """
    need_to_write(by, subject_of(course), "order", "Only the prescriber decides a finding.")
    if len(reason.strip()) < 10:
        raise Refused("Write the reason in a sentence; it stands in the record.")
    check_length(reason)
    said = {"subject_id": course.subject_id, "reason": reason.strip()}
    if kept := kept_before(Resolution, by, request_id, **said):
        if kept.finding not in (finding, eligibility.weighed(finding)):
            raise SentBefore
        return kept  # type: ignore[no-any-return]
    kind = _to_decide(course, finding)
    is_caution = kind is facts.Severity.CAUTION
    row = Resolution(
        clinic_id=by.clinic_id,
        subject_id=course.subject_id,
        couple_id=course.couple_id,
        author=by,
        finding=eligibility.weighed(finding) if is_caution else finding,
        reason=reason.strip(),
        **({"id": request_id} if request_id else {}),
    )
    row.save(force_insert=True)
    did = "weighed a caution" if is_caution else "decided a hold"
    audit.log(did, by=by, subject=course.subject_id, item_kind="medical", item_id=row.id, why=finding)
    return row


def _to_decide(course: Course, code: str) -> facts.Severity:
    """Whether this finding holds or cautions now; raises Refused where it does neither."""
    kinds = {finding.kind for finding in findings_of(course) if finding.code == code}
    if facts.Severity.ABSOLUTE in kinds:
        raise Refused("This one is absolute: no reason clears it. If the entry is wrong, correct the entry.")
    for kind in (facts.Severity.HOLD, facts.Severity.CAUTION):
        if kind in kinds:
            return kind
    raise Refused("This finding does not hold now and asks for no caution, so there is nothing to decide.")
