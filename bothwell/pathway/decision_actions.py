"""The joint decision: opened, signed by each in turn, and the consent it rests on.

Nothing here weighs a reason; every signature is a person's.
"""

from collections.abc import Mapping
from typing import Final
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils import timezone

from bothwell.couples.models import Credential, Person
from bothwell.later import tell
from bothwell.pathway import steps
from bothwell.pathway.models import Course, DecisionSignature, JointDecision, Verdict
from bothwell.pathway.protocol_actions import protocol_of
from bothwell.pathway.rights_actions import (
    check_length,
    kept_before,
    need_to_write,
    roles_towards,
    subject_of,
)
from bothwell.pathway.workup_actions import may_clear
from bothwell.privacy import audit
from bothwell.privacy.models import Consent, ConsentText
from bothwell.refusal import Refused, Stale

CREDENTIALS_NEEDED: Final[Mapping[str, tuple[Credential.Kind, ...]]] = {
    DecisionSignature.As.PRESCRIBER: (Credential.Kind.LICENCE, Credential.Kind.KETAMINE),
    DecisionSignature.As.COUPLES_THERAPIST: (
        Credential.Kind.LICENCE,
        Credential.Kind.KETAMINE,
        Credential.Kind.COUPLES,
    ),
}
"""What each clinician must have on file, and valid, to sign that it goes on."""


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
    need_to_write(
        by, subject_of(course), "decision", "The prescriber or the couples therapist opens a joint decision."
    )
    said = {"course_id": course.id, "route": route, "summary": summary.strip()}
    if kept := kept_before(JointDecision, by, request_id, **said):
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
    check_length(summary)
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
    check_length(words)
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
    """Those on file and valid. Raises Refused where one is missing that going on needs."""
    if signs_as == DecisionSignature.As.PARTNER:
        return []
    missing = credentials_missing(by, signs_as)
    if missing and verdict == Verdict.PROCEED:
        names = ", ".join(kind.label for kind in missing)
        raise Refused(f"To sign, these must be on file and valid: {names}. The clinic lead files them.")
    return sorted(_valid_kinds(by))


def credentials_missing(by: Person, signs_as: str) -> list[Credential.Kind]:
    """What `by` lacks, on file and valid today, to sign as this one of the three that it goes on."""
    held = _valid_kinds(by)
    return [kind for kind in CREDENTIALS_NEEDED.get(signs_as, ()) if kind not in held]


def _valid_kinds(by: Person) -> set[str]:
    unexpired = Q(expires_on__isnull=True) | Q(expires_on__gte=timezone.localdate())
    return set(Credential.objects.filter(unexpired, person=by).values_list("kind", flat=True))


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
