"""How a session ends: going home, leaving early, turning back; and in a few sentences how it went.

Nothing here judges whether somebody is fit to go: `discharge` does, and a clinician signs.
"""

from collections.abc import Sequence
from dataclasses import asdict, replace
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from bothwell.couples.models import Person
from bothwell.dosing import discharge as discharging
from bothwell.dosing import gate_actions, giving_actions
from bothwell.dosing.models import Discharge, DosingSession, SessionSummary
from bothwell.dosing.session_actions import (
    SUMMARISE,
    about,
    change,
    held,
    must_be_open,
    must_chart,
    session_of,
    tell_all,
)
from bothwell.pathway import course_actions, protocol_actions, rights_actions, steps
from bothwell.pathway.models import Course
from bothwell.privacy import audit
from bothwell.refusal import Refused, SentBefore, Stale


def discharge_criteria(
    session: DosingSession, condition: discharging.Condition
) -> list[discharging.Criterion]:
    """Every criterion of the signed protocol for going home, met or not.

    What the session's own rows say of `condition` is read here, whatever stands in it: whether a dose is being given, when the
    last one was, and what was answered about suicide since.
    """
    given = giving_actions.given_in(session)
    stands = replace(
        condition,
        is_dose_running=giving_actions.is_running(session, given),
        last_dose_at=giving_actions.last_dose_at(session, given),
        suicide=gate_actions.may_go_home(session, giving_actions.last_of_the_dose_at(session, given)),
    )
    return discharging.criteria(stands, protocol_actions.protocol_of(session.course.protocol))


@transaction.atomic
def sign_discharge(
    *, by: Person, session_id: UUID, condition: discharging.Condition, signed_name: str
) -> Discharge:
    """A clinician signs that every criterion is met: the person may go home with their escort."""
    session = held(session_id)
    if earlier := _signed_before(by, session, "discharged", "", signed_name):
        return earlier
    must_be_open(session)
    must_chart(by, session)
    found = discharge_criteria(session, condition)
    Refused.unless(discharging.may_discharge(found))
    return _end(by, session, "discharged", found, "", signed_name)


@transaction.atomic
def leave_early(*, by: Person, session_id: UUID, reason: str, signed_name: str) -> Discharge:
    """The person leaves before the criteria are met, against advice: documented, never silent.

    Not while the dose is given: what ran in is told by the stop, and after the end nothing more of it is charted.
    """
    session = held(session_id)
    if earlier := _signed_before(by, session, "left_early", reason, signed_name):
        return earlier
    must_be_open(session)
    must_chart(by, session)
    if session.started_at is None:
        raise Refused("No dose was given. Turn back instead.")
    if giving_actions.is_running(session):
        raise Refused(
            f"{discharging.STILL_GIVEN} Chart its end first, in the room: the key of the dose has the stop."
        )
    if len(reason.strip()) < 10:
        raise Refused("Write what happened and what was advised, in a sentence.")
    return _end(by, session, "left_early", [], reason, signed_name)


@transaction.atomic
def turn_back(*, by: Person, session_id: UUID, reason: str, signed_name: str) -> Discharge:
    """Arrived, but no dose today: everything recorded is kept, and the course steps back to preparation."""
    session = held(session_id)
    if earlier := _signed_before(by, session, "turned_back", reason, signed_name):
        return earlier
    must_be_open(session)
    must_chart(by, session)
    if session.started_at is not None:
        raise Refused("A dose was given; this session ends with a discharge.")
    if len(reason.strip()) < 10:
        raise Refused("Write why, in a sentence: the next person who prepares reads it.")
    return _end(by, session, "turned_back", [], reason, signed_name)


def _signed_before(
    by: Person, session: DosingSession, outcome: str, reason: str, signed_name: str
) -> Discharge | None:
    """The end of this session, where this very person signed the same. Raises Stale where it ended otherwise."""
    kept = Discharge.objects.filter(session=session).first()
    if kept is None:
        return None
    said = (by.id, outcome, reason.strip(), signed_name.strip()[:120])
    if said != (kept.author_id, kept.outcome, kept.reason, kept.signed_name):
        raise Stale(
            "This session was signed off already, in other words. Those stand: look at them. Nothing of yours was kept."
        )
    return kept


def _end(
    by: Person,
    session: DosingSession,
    outcome: str,
    found: Sequence[discharging.Criterion],
    reason: str,
    signed_name: str,
) -> Discharge:
    if not signed_name.strip():
        raise Refused("Type your name to sign.")
    row = Discharge(
        **about(by, session), outcome=outcome, criteria=[asdict(criterion) for criterion in found],
        reason=reason.strip(), signed_name=signed_name.strip()[:120],
    )  # fmt: skip
    row.save(force_insert=True)
    change(session, {"ended_at": None}, ended_at=timezone.now(), outcome=outcome)
    audit.log(outcome, by=by, subject=session.subject_id, item_kind="dosing.flowsheet", item_id=session.id)
    course = Course.objects.get(id=session.course_id)
    if course.state == steps.State.ACTIVE and outcome == "turned_back":
        course_actions.take_step(
            by=by, course_id=course.id, kind=steps.Kind.STEP_BACK, why=reason, also_met=("no_dose_given",)
        )
    elif course.state == steps.State.ACTIVE and course.phase == steps.Phase.DOSING_SERIES:
        course_actions.take_step(
            by=by,
            course_id=course.id,
            kind=steps.Kind.ADVANCE,
            to=steps.Phase.INDIVIDUAL_INTEGRATION,
            also_met=("discharge_signed",),
        )
    tell_all(session)
    return row


@transaction.atomic
def summarise(*, by: Person, session_id: UUID, text: str, request_id: UUID | None = None) -> SessionSummary:
    """How it went, in a few sentences for the care team and the person; a later one stands beside it.

    Raises SentBefore where the same form said something else before.
    """
    session = session_of(session_id)
    if not rights_actions.roles_towards(by, session.subject_id, session.couple_id) & SUMMARISE:
        raise Refused("This is written by the person's nurse, prescriber or individual therapist.")
    earlier = SessionSummary.objects.filter(session=session, request_id=request_id).first()
    if request_id and earlier:
        if (earlier.author_id, earlier.text) != (by.id, text.strip()):
            raise SentBefore
        return earlier
    if not text.strip():
        raise Refused("Write a sentence or two.")
    if len(text) > settings.LONGEST_TEXT:
        raise Refused(f"A summary holds up to {settings.LONGEST_TEXT} characters. Shorten it.")
    row = SessionSummary(**about(by, session), request_id=request_id, text=text.strip())
    row.save(force_insert=True)
    audit.log(
        "summarised a session", by=by, subject=session.subject_id, item_kind="dosing.summary", item_id=row.id
    )
    tell_all(session)
    return row
