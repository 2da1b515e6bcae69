"""Everything that changes a course: protocols signed, facts recorded, decisions signed, steps taken.

Nothing here decides: `steps` says which step may be taken, `eligibility` what a fact means, `circles` who may
write.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import cache
from typing import Any
from uuid import UUID, uuid5

from django.apps import apps
from django.conf import settings
from django.db import IntegrityError, ProgrammingError, transaction
from django.db.models import Q
from django.utils import timezone

from bothwell.couples.models import Assignment, Couple, Credential, Membership, Person, StaffRole, open_at
from bothwell.couples.models import Role as StaffIs
from bothwell.decision import Decision
from bothwell.later import tell
from bothwell.pathway import eligibility, facts, steps
from bothwell.pathway import protocol as protocols
from bothwell.pathway.models import (
    Course,
    DecisionSignature,
    HoldReason,
    JointDecision,
    MedicalFact,
    Preparation,
    ProtocolVersion,
    Resolution,
    Step,
    Verdict,
)
from bothwell.privacy import audit
from bothwell.privacy.actions import agreement_in_force
from bothwell.privacy.circles import WRITES
from bothwell.privacy.models import Consent, ConsentText
from bothwell.refusal import Refused, Stale

ATTESTED = frozenset(steps.GATES) - {
    "workup_clear",
    "joint_decision_signed",
    "consents_signed",
    "disclosure_agreement_signed",
    "preparation_recorded",
    "first_dose_given",
    "no_dose_given",
    "discharge_signed",
    "couples_session_held",
    "sessions_remain",
}
"""Gates that no row can prove: whoever takes the step says so, and their saying so is kept with the step."""


def attestable(course: Course) -> frozenset[str]:
    """The gates somebody may vouch for here: those no row can prove, and the clinic's own for leaving this
    phase.
    """
    return ATTESTED | frozenset(protocol_of(course.protocol).also_needs(steps.Phase(course.phase)))


def gate_words(course: Course, name: str) -> str:
    """What must be true, as a sentence: from the table, or the clinic's own from its protocol."""
    own = protocol_of(course.protocol).gates
    return steps.GATES.get(name) or own.get(name) or f"{steps.words(name).capitalize()}."


# -------------------------------------------------------------------------------------------------- protocols


@cache
def _read(source: str) -> protocols.Protocol:
    reading = protocols.read(source, "protocol")
    if reading.protocol is None:
        raise protocols.ProtocolInvalid(reading.problems)
    return reading.protocol


def protocol_of(version: ProtocolVersion) -> protocols.Protocol:
    """The rules of one stored version."""
    return _read(version.source)


@transaction.atomic
def load_protocols(*, by: Person) -> list[ProtocolVersion]:
    """Put the protocol files that ship with Bothwell before the medical director; those known already stay as
    they are.
    """
    if not _holds_in_clinic(by, StaffIs.LEAD):
        raise Refused("Only the clinic lead loads a protocol.")
    known = {version.sha256: version for version in ProtocolVersion.objects.all()}
    loaded = []
    for path in protocols.shipped():
        rules = protocols.load(path)
        version = known.get(rules.sha256)
        if version is None:
            version = ProtocolVersion(
                clinic_id=by.clinic_id,
                name=rules.name,
                version=rules.version,
                sha256=rules.sha256,
                source=path.read_text(encoding="utf-8"),
            )
            version.save(force_insert=True)
            audit.log("loaded a protocol", by=by, item_kind="protocol", item_id=version.id)
        loaded.append(version)
    return loaded


@transaction.atomic
def sign_protocol(*, by: Person, protocol_id: UUID, signed_name: str) -> ProtocolVersion:
    """The medical director signs one version; from then on new courses may begin under it."""
    if not signed_name.strip():
        raise Refused("Type your name to sign.")
    if not _holds_in_clinic(by, StaffIs.LEAD):
        raise Refused("Only the clinic's medical director or lead signs a protocol.")
    signed = ProtocolVersion.objects.filter(id=protocol_id, signed_at__isnull=True).update(
        signed_by=by, signed_at=timezone.now(), signed_name=signed_name.strip()[:120]
    )
    version = ProtocolVersion.objects.filter(id=protocol_id).first()
    if version is None:
        raise Refused("There is no such protocol here.")
    if signed:
        audit.log("signed a protocol", by=by, item_kind="protocol", item_id=version.id)
    return version


def _holds_in_clinic(by: Person, role: StaffIs) -> bool:
    return StaffRole.objects.filter(open_at(timezone.now()), person=by, role=role).exists()


def protocol_in_use() -> ProtocolVersion | None:
    """The version signed last: what a new course begins with."""
    return ProtocolVersion.objects.filter(signed_at__isnull=False).order_by("-signed_at").first()


# ---------------------------------------------------------------------------------------------------- courses


@transaction.atomic
def begin(*, by: Person, subject: Person, couple: Couple | None, why: str = "Enrolled.") -> Course:
    """Open one person's course at its first phase, under the protocol signed last."""
    version = protocol_in_use()
    if version is None:
        raise Refused("No protocol is signed yet. The clinic's medical director signs one first.")
    course = Course(
        clinic_id=by.clinic_id,
        subject=subject,
        couple=couple,
        author=by,
        protocol=version,
        phase=steps.Phase.REFERRAL,
        state=steps.State.ACTIVE,
        steps_taken=1,
    )
    try:
        with transaction.atomic():
            course.save(force_insert=True)
    except IntegrityError as error:
        raise Refused("This person has an open course already.") from error
    except ProgrammingError as error:  # row-level security refused the insert
        raise Refused("You are not on this person's care team.") from error
    _keep_step(course, by, "begin", steps.Phase.REFERRAL, steps.CourseState(), 1, why)
    audit.log("began a course", by=by, subject=subject, couple=couple, item_kind="pathway", item_id=course.id)
    return course


def roles_towards(by: Person, subject_id: UUID, couple_id: UUID | None) -> frozenset[steps.Role]:
    """What `by` is to this person now, in the words of the pathway's table."""
    if by.id == subject_id:
        return frozenset({steps.Role.PARTNER})
    now = timezone.now()
    about = Q(subject_id=subject_id)
    if couple_id:
        about |= Q(couple_id=couple_id, couple__parted_at__isnull=True)
    held = set(Assignment.objects.filter(open_at(now), about, staff=by).values_list("role", flat=True))
    held |= set(
        StaffRole.objects.filter(
            open_at(now), person=by, role__in=[StaffIs.LEAD, StaffIs.COORDINATOR]
        ).values_list("role", flat=True)
    )
    return frozenset(steps.Role(role) for role in held if role in set(steps.Role))


def open_steps(course: Course, by: Person) -> list[steps.Transition]:
    """The steps `by` could ask for now, gates not yet considered; each once."""
    state = state_of(course)
    found = {
        (row.event, row.to): row
        for role in sorted(roles_towards(by, subject_of(course), course.couple_id))
        for row in steps.open_steps(state, role)
    }
    return list(found.values())


def _check_length(*texts: str) -> None:
    if any(len(text) > settings.LONGEST_TEXT for text in texts):
        most = f"{settings.LONGEST_TEXT:,}"
        raise Refused(f"This is longer than {most} characters. Shorten it; nothing was lost.")


def _kept_before(model: Any, by: Person, request_id: UUID | None) -> Any:
    """The row that an earlier post of the same form made, if it did."""
    return model.objects.filter(id=request_id, author=by).first() if request_id else None


def _need(by: Person, subject_id: UUID, kind: str, sentence: str) -> None:
    """Ask the table of `circles` who may add a row of this kind; refuse with a sentence that helps."""
    couple_id = (
        Membership.objects.filter(person_id=subject_id, couple__parted_at__isnull=True)
        .values_list("couple_id", flat=True)
        .first()
    )
    roles = roles_towards(by, subject_id, couple_id)
    held = {"self" if role is steps.Role.PARTNER else role for role in roles}
    if not held & WRITES[kind]:
        raise Refused(sentence)


def state_of(course: Course) -> steps.CourseState:
    return steps.CourseState(steps.Phase(course.phase), steps.State(course.state))


def met_gates(course: Course) -> frozenset[str]:
    """The gates that rows visible to the viewer prove true now. What they may not see counts as not met."""
    visit = latest_visit(course)
    found: dict[str, Callable[[], bool]] = {
        "workup_clear": lambda: bool(may_clear(course)),
        "joint_decision_signed": lambda: bool((d := decision_of(course)) and is_decided(d)),
        "consents_signed": lambda: course.route != "" and consent_in_force(course) is not None,
        "disclosure_agreement_signed": lambda: (
            course.couple is None or agreement_in_force(course.couple) is not None
        ),
        "preparation_recorded": lambda: is_prepared(preparation_of(course)),
        "first_dose_given": lambda: bool(visit and visit.started_at and visit.ended_at is None),
        "no_dose_given": lambda: visit is None or visit.started_at is None,
        "discharge_signed": lambda: bool(visit and visit.started_at and visit.ended_at),
        "couples_session_held": lambda: _couples_session_held(course),
        "sessions_remain": lambda: 0 < given_in_block(course) < (course.sessions_planned or 0),
    }
    return frozenset(name for name, is_met in found.items() if is_met())


def latest_visit(course: Course) -> Any:
    """The dosing session this person came to last, as far as the viewer sees it. Those only scheduled are no
    visit.
    """
    return course.sessions.filter(arrived_at__isnull=False).order_by("-arrived_at").first()


def given_in_block(course: Course) -> int:
    """How many sessions with a dose the viewer sees since this block began; who may see none counts none."""
    anew = (
        course.steps.filter(
            event=steps.Kind.ADVANCE,
            from_phase__in=[steps.Phase.REVIEW, steps.Phase.MAINTENANCE],
            to_phase=steps.Phase.PREPARATION,
        )
        .order_by("-number")
        .first()
    )
    given = course.sessions.filter(started_at__isnull=False)
    return (given.filter(started_at__gte=anew.recorded_at) if anew else given).count()


def _couples_session_held(course: Course) -> bool:
    """A couples session since couple integration began. The table of sessions belongs to a later slice, so by
    name.
    """
    since = course.steps.filter(to_phase=steps.Phase.INDIVIDUAL_INTEGRATION).order_by("-number").first()
    held = apps.get_model("bothwell", "CoupleSession").objects.filter(couple=course.couple, state="held")
    return bool(since and held.filter(at__gte=since.recorded_at).exists())


@dataclass(frozen=True)
class Taken:
    """What came of asking for a step."""

    course: Course
    sentence: str


@transaction.atomic
def take_step(
    *,
    by: Person,
    course_id: UUID,
    kind: steps.Kind,
    to: steps.Phase | None = None,
    attested: Iterable[str] = (),
    why: str = "",
    hold_kind: HoldReason.Kind = HoldReason.Kind.MEDICAL,
    steps_seen: int | None = None,
    also_met: Iterable[str] = (),
) -> Taken:
    """Ask the table for one step; keep it when it is allowed. `steps_seen` guards against acting on an old
    page.

    A hold's own reason is kept apart (`HoldReason`), because fewer may read it than may know of the hold.
    """
    course = Course.objects.select_related("protocol", "couple", "subject").filter(id=course_id).first()
    if course is None:
        raise Refused("There is no such course.")
    if steps_seen is not None and steps_seen != course.steps_taken:
        raise Stale("This course has moved since the page was opened. Look at it again.")
    vouched = frozenset(attested) & attestable(course)
    gates = met_gates(course) | vouched | frozenset(also_met)
    outcome = _ask(course, by, kind, to, gates, why)
    if not outcome.decision:
        raise Refused(outcome.decision.reason)
    number = course.steps_taken + 1
    _check_length(why)
    moved = Course.objects.filter(id=course.id, steps_taken=course.steps_taken).update(
        phase=outcome.state.phase, state=outcome.state.state, steps_taken=number
    )
    if not moved:
        raise Stale("Somebody else has just moved this course. Look at it again.")
    is_hold = kind == steps.Kind.HOLD
    said = "; ".join(
        [
            *sorted(steps.words(name) for name in vouched),
            *([why.strip()] if why.strip() and not is_hold else []),
        ]
    )
    kept = _keep_step(
        course,
        by,
        kind,
        steps.Phase(course.phase),
        outcome.state,
        number,
        "Clinical hold." if is_hold else said or outcome.decision.reason,
    )
    if is_hold:
        HoldReason(
            clinic_id=course.clinic_id,
            subject_id=course.subject_id,
            couple_id=course.couple_id,
            author=by,
            step=kept,
            kind=hold_kind,
            text=why.strip(),
        ).save(force_insert=True)
    audit.log(f"step: {kind}", by=by, subject=course.subject_id, item_kind="pathway", item_id=course.id)
    tell("person", subject_of(course))
    course.refresh_from_db()
    return Taken(course, outcome.decision.reason)


def _ask(
    course: Course, by: Person, kind: steps.Kind, to: steps.Phase | None, gates: frozenset[str], why: str
) -> steps.Outcome:
    """The table's answer in the role that gets furthest; nobody's roles are added up within one step."""
    own = protocol_of(course.protocol).also_needs(steps.Phase(course.phase))
    answers = [
        steps.step(state_of(course), steps.Event(kind, role, to, gates, why), own)
        for role in sorted(roles_towards(by, subject_of(course), course.couple_id))
    ]
    if not answers:
        raise Refused("You are not on this person's care team.")
    return next((answer for answer in answers if answer.decision), answers[0])


def _keep_step(
    course: Course,
    by: Person,
    event: str,
    origin: steps.Phase,
    after: steps.CourseState,
    number: int,
    why: str,
) -> Step:
    kept = Step(
        clinic_id=course.clinic_id,
        subject_id=course.subject_id,
        couple_id=course.couple_id,
        author=by,
        course=course,
        number=number,
        event=event,
        from_phase=origin,
        to_phase=after.phase,
        to_state=after.state,
        why=why,
    )
    kept.save(force_insert=True)
    return kept


def subject_of(row: Any) -> UUID:
    """The person a row is about; rows of a course always have one."""
    subject: UUID = row.subject_id
    return subject


# ---------------------------------------------------------------------------------------------------- work-up


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
    _need(by, subject.id, "medical", "Only the prescriber and the nurse record medical facts.")
    unknown = set(values) - set(facts.SPECS)
    if unknown:
        raise Refused(f"These are not facts of the work-up: {', '.join(sorted(unknown))}.")
    if observed_at > timezone.now():
        raise Refused("The time of observation lies in the future. Check the date.")
    if not source.strip():
        raise Refused("Say where this comes from: history, visit, laboratory or interview.")
    for code, value in values.items():
        _check_value(code, value)
    _check_length(note)
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
    _need(by, subject_of(wrong), "medical", "Only the prescriber and the nurse correct medical facts.")
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
    _need(by, subject_of(course), "order", "Only the prescriber decides a hold.")
    if len(reason.strip()) < 10:
        raise Refused("Write the reason in a sentence; it stands in the record.")
    _check_length(reason)
    if kept := _kept_before(Resolution, by, request_id):
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


# --------------------------------------------------------------------------------------------- joint decision


def decision_of(course: Course) -> JointDecision | None:
    """The newest question put to the three."""
    return course.decisions.prefetch_related("signatures__author").order_by("-recorded_at").first()


def is_decided(decision: JointDecision) -> bool:
    """All three have signed to go on."""
    signed = {s.signs_as: s.verdict for s in decision.signatures.all()}
    return len(signed) == 3 and set(signed.values()) == {Verdict.PROCEED}


@transaction.atomic
def open_decision(
    *, by: Person, course: Course, route: str, summary: str, request_id: UUID | None = None
) -> JointDecision:
    """Put the question to the three: in words that the partner will read. One question at a time."""
    _need(
        by, subject_of(course), "decision", "The prescriber or the couples therapist opens a joint decision."
    )
    if kept := _kept_before(JointDecision, by, request_id):
        return kept  # type: ignore[no-any-return]
    course = _locked(course)
    if course.state != steps.State.ACTIVE:
        raise Refused(f"This course is {steps.words(course.state)}; nothing is decided in it now.")
    if course.phase != steps.Phase.JOINT_DECISION:
        raise Refused("The joint decision follows the evaluation. Take that step first.")
    if route not in {str(r) for r in protocol_of(course.protocol).routes}:
        raise Refused("The protocol does not know this route.")
    if len(summary.strip()) < 20:
        raise Refused(
            "Write what is proposed and why, in plain words: the person will read it before signing."
        )
    _check_length(summary)
    newest = decision_of(course)
    if newest and all(one.verdict == Verdict.PROCEED for one in newest.signatures.all()):
        raise Refused("A question is before the three already; it is answered first.")
    decision = JointDecision(
        clinic_id=by.clinic_id,
        subject_id=course.subject_id,
        couple_id=course.couple_id,
        author=by,
        course=course,
        route=route,
        summary=summary.strip(),
        **({"id": request_id} if request_id else {}),
    )
    decision.save(force_insert=True)
    audit.log(
        "opened a joint decision",
        by=by,
        subject=course.subject_id,
        couple=course.couple_id,
        item_kind="decision",
        item_id=decision.id,
    )
    tell("person", subject_of(course))
    return decision


def _locked(course: Course) -> Course:
    """The course as it stands now, held until this transaction ends."""
    rows = Course.objects.select_for_update(of=("self",)).select_related("protocol", "couple")
    return rows.get(id=course.id)


@transaction.atomic
def sign_decision(
    *, by: Person, decision_id: UUID, verdict: Verdict, words: str, signed_name: str
) -> DecisionSignature:
    """One of the three signs. Clinicians need the credentials for this work on file; the partner signs last.

    A verdict other than going on needs words: what must change, or why not. Signing twice changes nothing.
    """
    decision = (
        JointDecision.objects.select_related("course", "course__protocol").filter(id=decision_id).first()
    )
    if decision is None:
        raise Refused("There is no such decision.")
    _check_length(words)
    if not signed_name.strip():
        raise Refused("Type your name to sign.")
    if verdict != Verdict.PROCEED and not words.strip():
        raise Refused("Say what must change, or why not, in a sentence.")
    signs_as = _signs_as(by, decision)
    earlier = DecisionSignature.objects.filter(decision=decision, signs_as=signs_as).first()
    if earlier:
        return earlier
    _check_still_asked(decision)
    _check_order(decision, signs_as, verdict)
    signature = DecisionSignature(
        clinic_id=by.clinic_id,
        subject_id=decision.subject_id,
        couple_id=decision.couple_id,
        author=by,
        decision=decision,
        signs_as=signs_as,
        verdict=verdict,
        words=words.strip(),
        signed_name=signed_name.strip()[:120],
        credentials=_credentials(by, signs_as, verdict),
    )
    try:
        with transaction.atomic():
            signature.save(force_insert=True)
    except IntegrityError as error:
        raise Stale("Somebody has just signed in this role. Look at it again.") from error
    audit.log(
        "signed",
        by=by,
        subject=decision.subject_id,
        couple=decision.couple_id,
        item_kind="decision",
        item_id=decision.id,
        why=verdict,
    )
    if is_decided(JointDecision.objects.prefetch_related("signatures").get(id=decision.id)):
        Course.objects.filter(id=decision.course_id).update(route=decision.route)
    tell("person", subject_of(decision))
    return signature


def _signs_as(by: Person, decision: JointDecision) -> DecisionSignature.As:
    roles = roles_towards(by, subject_of(decision), decision.couple_id)
    for role in (steps.Role.PARTNER, steps.Role.PRESCRIBER, steps.Role.COUPLES_THERAPIST):
        if role in roles:
            return DecisionSignature.As(role)
    raise Refused(
        "This decision is signed by the prescriber, the couples therapist and the person concerned."
    )


def _check_still_asked(decision: JointDecision) -> None:
    if decision.course.state in (steps.State.STOPPED, steps.State.ENDED):
        state = steps.words(decision.course.state)
        raise Refused(f"This course is {state}; nothing is signed in it any more.")
    newest = decision_of(decision.course)
    if newest and newest.id != decision.id:
        raise Stale("A newer question has been put since. Look at that one.")


def _check_order(decision: JointDecision, signs_as: DecisionSignature.As, verdict: Verdict) -> None:
    signed = set(decision.signatures.values_list("signs_as", flat=True))
    if signs_as == DecisionSignature.As.PARTNER and verdict == Verdict.PROCEED and len(signed) < 2:
        raise Refused(
            "Your prescriber and your couples therapist sign first, so that you know what both think."
        )
    if signs_as == DecisionSignature.As.PRESCRIBER and verdict == Verdict.PROCEED:
        clear = may_clear(decision.course)
        if not clear:
            raise Refused(clear.reason)


def _credentials(by: Person, signs_as: DecisionSignature.As, verdict: Verdict) -> list[str]:
    """Those on file and valid. To go on, the clinicians between them know ketamine-assisted *and* couples
    work.
    """
    if signs_as == DecisionSignature.As.PARTNER:
        return []
    today = timezone.localdate()
    held = set(
        Credential.objects.filter(
            Q(expires_on__isnull=True) | Q(expires_on__gte=today), person=by
        ).values_list("kind", flat=True)
    )
    needed = {Credential.Kind.LICENCE, Credential.Kind.KETAMINE}
    if signs_as == DecisionSignature.As.COUPLES_THERAPIST:
        needed.add(Credential.Kind.COUPLES)
    missing = needed - held
    if missing and verdict == Verdict.PROCEED:
        names = ", ".join(Credential.Kind(kind).label for kind in sorted(missing))
        raise Refused(f"To sign, these must be on file and valid: {names}. The clinic lead files them.")
    return sorted(held)


# --------------------------------------------------------------------------------------- consent, preparation


def consent_in_force(course: Course) -> Consent | None:
    """The signed treatment consent for this course's route."""
    return (
        Consent.objects.filter(
            subject_id=course.subject_id,
            text__kind=ConsentText.Kind.TREATMENT,
            text__code=course.route,
            withdrawn_at__isnull=True,
        )
        .order_by("-recorded_at")
        .first()
    )


def preparation_of(course: Course) -> Preparation | None:
    """What was arranged last."""
    return course.preparations.order_by("-recorded_at").first()


def is_prepared(preparation: Preparation | None) -> bool:
    return bool(
        preparation
        and preparation.escort_name
        and preparation.fasting_explained
        and preparation.antiemetic_plan
    )


@transaction.atomic
def prepare(
    *,
    by: Person,
    course: Course,
    escort_name: str,
    escort_phone: str,
    fasting_explained: bool,
    antiemetic_plan: str,
    note: str = "",
) -> Preparation:
    """Keep what is arranged for the next session. A change is a new row; the newest counts, the same again is
    none.
    """
    _need(by, subject_of(course), "preparation", "The care team of this person records what is prepared.")
    _check_length(note)
    row = Preparation(
        clinic_id=by.clinic_id,
        subject_id=course.subject_id,
        couple_id=course.couple_id,
        author=by,
        course=course,
        escort_name=escort_name.strip()[:120],
        escort_phone=escort_phone.strip()[:40],
        fasting_explained=fasting_explained,
        antiemetic_plan=antiemetic_plan.strip()[:200],
        note=note.strip(),
    )
    last = preparation_of(course)
    if last and all(getattr(last, name) == getattr(row, name) for name in _PREPARED):
        return last
    row.save(force_insert=True)
    audit.log("prepared", by=by, subject=course.subject_id, item_kind="preparation", item_id=row.id)
    return row


_PREPARED = ("escort_name", "escort_phone", "fasting_explained", "antiemetic_plan", "note")


@transaction.atomic
def plan_series(*, by: Person, course: Course, sessions: int) -> None:
    """How many sessions are planned in this block; the prescriber says so."""
    _need(by, subject_of(course), "order", "Only the prescriber plans a series.")
    if course.state in (steps.State.STOPPED, steps.State.ENDED):
        raise Refused(f"This course is {steps.words(course.state)}; nothing is planned in it any more.")
    if not 1 <= sessions <= 12:
        raise Refused(
            "A block has between 1 and 12 sessions; a longer course is several blocks with a review between."
        )
    if (
        not Course.objects.filter(id=course.id)
        .exclude(sessions_planned=sessions)
        .update(sessions_planned=sessions)
    ):
        return
    audit.log(
        "planned a series",
        by=by,
        subject=course.subject_id,
        item_kind="pathway",
        item_id=course.id,
        why=str(sessions),
    )


def partner_of(subject_id: UUID, couple_id: UUID | None) -> UUID | None:
    """The other member of this couple."""
    if couple_id is None:
        return None
    return (
        Membership.objects.filter(couple_id=couple_id)
        .exclude(person_id=subject_id)
        .values_list("person_id", flat=True)
        .first()
    )
