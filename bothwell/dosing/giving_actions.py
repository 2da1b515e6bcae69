"""What is given in a session: the dose from its start to its end, medicines beside it, and what those did.

Nothing here decides whether a dose may begin: the gates do. Minutes that have run end nothing; a person charts the stop.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import transaction
from django.utils import timezone

from bothwell.couples.models import Person
from bothwell.dosing import gates as gating
from bothwell.dosing import order as ordering
from bothwell.dosing import under_way
from bothwell.dosing.gate_actions import gates_of
from bothwell.dosing.models import Administration, DosingSession, Order
from bothwell.dosing.order_actions import (
    as_corrected,
    bag_of,
    is_of_the_order,
    order_for,
    rate_to_expect,
    volume_in_bag_ml,
)
from bothwell.dosing.session_actions import (
    about,
    arrival_of,
    change,
    held,
    must_be_open,
    must_chart,
    session_of,
    tell_all,
)
from bothwell.later import later
from bothwell.pathway import course_actions, protocol_actions, steps
from bothwell.pathway.eligibility import Pressure
from bothwell.pathway.schema import Route
from bothwell.privacy import audit
from bothwell.refusal import Refused, SentBefore, Stale, Unsure


@transaction.atomic
def start(
    *,
    by: Person,
    session_id: UUID,
    pressures: Sequence[Pressure],
    saturation_at: datetime | None,
    request_id: UUID,
    order_id: UUID | None,
    at: datetime | None = None,
    rate_ml_per_h: Decimal | None = None,
    rate_reason: str = "",
    sure_of_ml_per_h: Decimal | None = None,
) -> DosingSession:
    """The first dose of the order is given, every gate passed. A repeated post changes nothing; SentBefore is raised where
    the same post said something else before.

    `order_id`: the order that was shown; where another was signed meanwhile, nothing starts before that one was read.
    `at`: when, if not now; every gate must have been passed by then. `rate_ml_per_h`: what the pump shows, at
    which the ordered minutes give the whole dose. `rate_reason`: why it is not what the bag of the order comes to. Where it
    names no bag, Unsure is raised of a rate that would take a huge one, unless it is the one they are `sure_of_ml_per_h`.
    """
    session = held(session_id)
    if begun := Administration.objects.filter(session=session, request_id=request_id).first():
        _must_be_as_begun(begun, order_id, at, rate_ml_per_h, rate_reason.strip()[:300])
        return session
    must_be_open(session)
    must_chart(by, session)
    if session.started_at is not None:
        raise Refused("The dose has been started already.")
    if rate_ml_per_h is not None:
        Refused.unless(ordering.possible_rate(rate_ml_per_h))
    at = _when(session, at, timezone.now())
    Refused.unless(gating.may_start(gates_of(session, pressures, saturation_at, at)))
    ordered = order_for(session)
    if ordered is None:
        raise Refused("The prescriber has not signed an order for this session.")
    if ordered.id != order_id:
        raise Refused("The prescriber signed another order meanwhile. Read it, then press Start again.")
    why = _must_agree(ordered, rate_ml_per_h, rate_reason.strip())
    if rate_ml_per_h is not None and ordered.bag_ml is None and ordered.minutes:
        _must_be_meant(ordered, (), rate_ml_per_h, sure_of_ml_per_h)
    change(session, {"started_at": None, "ended_at": None}, started_at=at, order=ordered)
    event, dose_mg = _first(session, ordered)
    Administration(
        **about(by, session), request_id=request_id, event=event, substance=ordered.product,
        dose_mg=dose_mg, route=ordered.route, at=at,
        rate_ml_per_h=rate_ml_per_h if event == Administration.Event.START else None, note=why[:300],
    ).save(force_insert=True)  # fmt: skip
    audit.log(
        "gave the first dose",
        by=by,
        subject=session.subject_id,
        item_kind="dosing.flowsheet",
        item_id=session.id,
    )
    if session.course.phase == steps.Phase.PREPARATION:
        # The gates just passed say more than the preparation did: escort, fasting, antiemetic as they are
        # today. That this dose was given is known here; other sessions may stand later in the calendar.
        course_actions.take_step(
            by=by,
            course_id=session.course_id,
            kind=steps.Kind.ADVANCE,
            to=steps.Phase.DOSING_SERIES,
            also_met=("preparation_recorded", "first_dose_given"),
        )
    # What was asked before this session ends now, not at the next full hour: nobody answers it under the medicine.
    later("measures.plan", clinic=session.clinic_id, person=session.subject_id)
    tell_all(session)
    return session_of(session_id)


def _must_be_as_begun(
    begun: Administration,
    order_id: UUID | None,
    at: datetime | None,
    rate_ml_per_h: Decimal | None,
    reason: str,
) -> None:
    """Raise SentBefore unless the post that began the dose says again what it said then: what the pump showed, when, and why."""
    is_infusion = begun.event == Administration.Event.START
    is_same = (
        begun.event in (Administration.Event.START, Administration.Event.DOSE, Administration.Event.GIVEN)
        and begun.at == begun.session.started_at
        and begun.session.order_id == order_id
        and (not is_infusion or begun.rate_ml_per_h == rate_ml_per_h)
        # A reason that the rate did not ask for was not kept.
        and begun.note in ("", reason)
        and (at is None or _no_earlier(at, begun.at) == begun.at)
    )
    if not is_same:
        raise SentBefore


def _must_agree(ordered: Order, rate_ml_per_h: Decimal | None, reason: str) -> str:
    """Why the pump does not run as the bag of the order comes to; empty where it does, or where no bag was ordered."""
    made_up = bag_of(ordered)
    if made_up is None or (rate_ml_per_h is not None and ordering.is_rate_of(made_up, rate_ml_per_h)):
        return ""
    if not reason:
        shown = (
            "no rate is given"
            if rate_ml_per_h is None
            else f"the pump shows {rate_ml_per_h.normalize():f} mL/h"
        )
        raise Refused(f"The order comes to {made_up.working}; {shown}. Set the pump, or say why it differs.")
    return reason


def _first(session: DosingSession, ordered: Order) -> tuple[Administration.Event, Decimal]:
    """What is charted with the start: an infusion begun, one device of several, or the whole dose (mg)."""
    if ordered.minutes:
        return Administration.Event.START, ordered.dose_mg
    plan = protocol_actions.protocol_of(session.course.protocol).routes.get(Route(ordered.route))
    if plan and plan.dose.mg_per_device:
        return Administration.Event.DOSE, plan.dose.mg_per_device.value
    return Administration.Event.GIVEN, ordered.dose_mg


def _when(session: DosingSession, at: datetime | None, now: datetime) -> datetime:
    """A time typed by hand, or now. It lies between the arrival and now; a clock's minute reaches to its end."""
    if at is None:
        return now
    arrived = arrival_of(session)
    at = _no_earlier(at, arrived)
    if not arrived <= at <= now:
        raise Refused("The time must lie between the arrival and now.")
    return at


def _no_earlier(at: datetime, than: datetime) -> datetime:
    """What is typed as 14:05 may have been at 14:05:40, after something charted at 14:05:20."""
    return than if than.replace(second=0, microsecond=0) <= at < than else at


@transaction.atomic
def administer(
    *,
    by: Person,
    session_id: UUID,
    event: Administration.Event,
    substance: str,
    request_id: UUID,
    dose_mg: Decimal | None = None,
    route: str = "",
    at: datetime | None = None,
    note: str = "",
    rate_ml_per_h: Decimal | None = None,
    sure_of_ml_per_h: Decimal | None = None,
    indication: str = "",
    ordered_how: str = "",
    prescriber_told_at: datetime | None = None,
    effect_of: UUID | None = None,
) -> Administration:
    """Something given, paused, resumed, stopped or run at another rate (mL/h); a further part of the dose; what a
    medicine did. A repeated post changes nothing. Raises Refused with what is wrong; SentBefore where the same post said
    something else before; Unsure of a rate far from the ordered one, unless it is the one they are `sure_of_ml_per_h`.
    """
    session = held(session_id)
    said: dict[str, Any] = {
        "event": event, "note": note.strip()[:300], "indication": indication.strip()[:120], "ordered_how": ordered_how,
        "rate_ml_per_h": rate_ml_per_h if event == Administration.Event.RATE else None,
    }  # fmt: skip
    match event:
        case Administration.Event.GIVEN:
            said |= {"substance": substance.strip()[:120], "dose_mg": dose_mg, "route": route}
        case Administration.Event.EFFECT:
            said |= {"effect_of_id": effect_of}
    if earlier := _sent_before(session, request_id, said, at=at, prescriber_told_at=prescriber_told_at):
        return earlier
    must_be_open(session)
    must_chart(by, session)
    now = timezone.now()
    at = _when(session, at, now)
    if prescriber_told_at:
        prescriber_told_at = _when(session, prescriber_told_at, now)
    match event:
        case Administration.Event.GIVEN:
            _must_be_beside_the_dose(session, substance)
        case Administration.Event.EFFECT:
            cause, at = _cause(session, effect_of, at, note)
            said |= {"substance": cause.substance, "dose_mg": dose_mg, "route": route}
        case _:
            at = _must_fit(session, event, at, rate_ml_per_h)
            if event == Administration.Event.RATE and rate_ml_per_h is not None:
                _must_be_meant(session.order, given_in(session), rate_ml_per_h, sure_of_ml_per_h)
            said |= _of_the_dose(session, event)
    row = Administration(
        **about(by, session), **said, request_id=request_id, at=at, prescriber_told_at=prescriber_told_at
    )
    row.save(force_insert=True)
    audit.log(
        _log_words(event), by=by, subject=session.subject_id, item_kind="dosing.flowsheet", item_id=row.id
    )
    tell_all(session)
    return row


@transaction.atomic
def correct_rate(
    *,
    by: Person,
    session_id: UUID,
    of: UUID,
    stood_ml_per_h: Decimal | None,
    rate_ml_per_h: Decimal,
    reason: str,
    request_id: UUID,
    sure_of_ml_per_h: Decimal | None = None,
) -> Administration:
    """Put the right rate (mL/h) in the place of one that was charted wrong; both stay on record, and what ran in is
    reckoned by the right one. `of`: the start or the change of rate; `stood_ml_per_h`: what stood there as it was read.

    A repeated post changes nothing. Raises Refused; Stale where it was corrected meanwhile; SentBefore and Unsure as
    `administer` does.
    """
    session = held(session_id)
    said: dict[str, Any] = {
        "event": Administration.Event.CORRECT, "corrects_id": of, "rate_ml_per_h": rate_ml_per_h,
        "note": reason.strip()[:300],
    }  # fmt: skip
    if earlier := _sent_before(session, request_id, said):
        return earlier
    must_be_open(session)
    must_chart(by, session)
    rated = (Administration.Event.START, Administration.Event.RATE)
    wrong = next((row for row in given_in(session) if row.id == of and row.event in rated), None)
    if wrong is None:
        raise Refused("There is no such rate in this session.")
    if wrong.rate_ml_per_h != stood_ml_per_h:
        raise Stale("This rate was corrected already. Look at it again.")
    if not reason.strip():
        raise Refused("Say why the rate was wrong.")
    if rate_ml_per_h == wrong.rate_ml_per_h:
        raise Refused("This is the rate that stands there. Write the one the pump showed.")
    # What is wrong tells nothing of what is right.
    before = [row for row in given_in(session) if row.at <= wrong.at and row.id != wrong.id]
    _must_be_meant(session.order, before, rate_ml_per_h, sure_of_ml_per_h)
    row = Administration(
        **about(by, session), **said, request_id=request_id, at=wrong.at, substance=wrong.substance, route=wrong.route,
    )  # fmt: skip
    row.save(force_insert=True)
    audit.log(
        _log_words(Administration.Event.CORRECT),
        by=by,
        subject=session.subject_id,
        item_kind="dosing.flowsheet",
        item_id=row.id,
    )
    tell_all(session)
    return row


def _must_be_meant(
    ordered: Order | None, given: Sequence[Administration], rate_ml_per_h: Decimal, sure_of: Decimal | None
) -> None:
    """Raise Refused for a rate no pump shows; Unsure for one far from what is expected by these rows, unless they are sure."""
    Refused.unless(ordering.possible_rate(rate_ml_per_h))
    if ordered is None or sure_of == rate_ml_per_h:
        return
    if question := ordering.ask_about_rate(rate_to_expect(given, ordered), rate_ml_per_h, ordered.minutes):
        raise Unsure(question)


def _sent_before(
    session: DosingSession, request_id: UUID, said: Mapping[str, Any], **times: datetime | None
) -> Administration | None:
    """What the same post charted before. Raises SentBefore where it said something else (`said`, by column), or another
    time, where one is typed: as it was kept, it may stand later in that minute.
    """
    kept = Administration.objects.filter(session=session, request_id=request_id).first()
    if kept is None:
        return None
    is_same = all(getattr(kept, column) == value for column, value in said.items())
    for column, typed in times.items():
        at = getattr(kept, column)
        is_same &= typed is None or (at is not None and _no_earlier(typed, at) == at)
    if not is_same:
        raise SentBefore
    return kept


def _log_words(event: Administration.Event) -> str:
    match event:
        case Administration.Event.GIVEN:
            return "gave a medicine"
        case Administration.Event.EFFECT:
            return "charted what a medicine did"
    return f"dose: {event}"


def _must_be_beside_the_dose(session: DosingSession, substance: str) -> None:
    """Refuse what has no name, and the dose itself before its start: charted as a medicine it would pass no gate, and the
    session would count as one without a dose.
    """
    if not substance.strip():
        raise Refused("Say what was given.")
    if session.started_at is not None:
        return
    ordered = order_for(session)
    if ordering.names_ketamine(substance) or (
        ordered and ordering.names_the_same(substance, ordered.product)
    ):
        raise Refused(
            "This is the dose: it is charted with Start, when every gate is passed. If it was given without that, write a "
            "note of what was given and when, and call the prescriber now."
        )


def _cause(
    session: DosingSession, given_id: UUID | None, at: datetime, note: str
) -> tuple[Administration, datetime]:
    """The medicine an effect is charted of, and when, never before it was given."""
    medicines = Administration.objects.filter(session=session, event=Administration.Event.GIVEN)
    cause = medicines.filter(id=given_id).first() if given_id else None
    if cause is None:
        raise Refused("There is no such medicine in this session.")
    if not note.strip():
        raise Refused("Say what it did, or that it did nothing.")
    at = _no_earlier(at, cause.at)
    if at < cause.at:
        raise Refused("An effect cannot come before the medicine.")
    return cause, at


def _of_the_dose(session: DosingSession, event: Administration.Event) -> dict[str, Any]:
    """Product, route and dose (mg), by column, of what happens to the dose itself: as ordered, never as typed."""
    ordered = session.order
    if ordered is None:
        raise Refused("There is no order in this session.")
    mg = _first(session, ordered)[1] if event == Administration.Event.DOSE else None
    return {"substance": ordered.product, "route": ordered.route, "dose_mg": mg}


ALL_OF_A_DOSE = frozenset({"start", "rate", "pause", "resume", "stop", "dose", "spat", "swallow"})


def _must_fit(
    session: DosingSession, event: Administration.Event, at: datetime, rate_ml_per_h: Decimal | None
) -> datetime:
    """The time at which this can have happened to the dose, after all that was charted; Refused if it cannot."""
    if session.started_at is None:
        raise Refused("Nothing is running: the dose has not been started.")
    rows = given_in(session)
    last = max((one.at for one in rows if one.event in ALL_OF_A_DOSE), default=session.started_at)
    at = _no_earlier(at, last)
    if at < last:
        clock = last.astimezone(ZoneInfo(session.clinic.timezone)).strftime("%H:%M")
        raise Refused(f"Something later was charted already, at {clock}. Give a time after that.")
    if event == Administration.Event.RATE and not (rate_ml_per_h and rate_ml_per_h > 0):
        raise Refused("Give the rate as the pump shows it, in mL/h, above 0.")
    if session.order is not None and session.order.minutes:
        _must_fit_infusion(infusion_of(session, at, rows), event)
    else:
        _must_fit_parts(session, parts_of(session, at, rows), event, at)
    return at


def _must_fit_infusion(state: under_way.Infusion | None, event: Administration.Event) -> None:
    """Paused or run at another rate while it runs, resumed after a pause, stopped once."""
    events = Administration.Event
    if state is None or event not in (events.RATE, events.PAUSE, events.RESUME, events.STOP):
        raise Refused("There is no infusion to change.")
    if state.is_over:
        raise Refused("The infusion is over: its stop is charted.")
    if event == events.RESUME and not state.is_paused:
        raise Refused("The infusion is not paused.")
    if event == events.PAUSE and not state.is_running:
        raise Refused("The infusion is not running.")
    if event == events.RATE and state.is_ending:
        raise Refused("All that was ordered has run in: chart the stop.")


def _must_fit_parts(
    session: DosingSession, parts: under_way.Parts | None, event: Administration.Event, at: datetime
) -> None:
    """Devices one after another, so many minutes apart; what is in the mouth goes once."""
    events = Administration.Event
    mouth = (events.SPAT, events.SWALLOWED)
    takes = mouth if session.course.route == Route.SL else (events.DOSE, events.STOP)
    if parts is None or event not in takes:
        raise Refused("There is no infusion to change.")
    if parts.is_over:
        raise Refused("The dose is over: nothing more of it is charted.")
    if event == events.DOSE and parts.next_at and at < parts.next_at:
        clock = parts.next_at.astimezone(ZoneInfo(session.clinic.timezone)).strftime("%H:%M:%S")
        raise Refused(f"Too early: the next device is given from {clock}.")


def given_in(session: DosingSession) -> list[Administration]:
    """Everything given in a session, in order; each rate as it was corrected last."""
    rows = Administration.objects.select_related("author").filter(session=session)
    return as_corrected(rows.order_by("at", "recorded_at"))


def last_of_the_dose_at(
    session: DosingSession, given: Sequence[Administration] | None = None
) -> datetime | None:
    """When something of the dose was charted last: how the person is is judged by what was seen after it.

    What was ordered may also be charted as given once more, as a medicine is: that is a further part of the dose.
    """
    rows = given_in(session) if given is None else given
    last: datetime | None = max(
        (one.at for one in rows if one.event in ALL_OF_A_DOSE or _is_more_of_it(one, session.order)),
        default=session.started_at,
    )
    return last


def last_dose_at(session: DosingSession, given: Sequence[Administration] | None = None) -> datetime | None:
    """When the last dose was given: an infusion begun, a device, an injection; a further one counts anew."""
    begun = (Administration.Event.START, Administration.Event.DOSE)
    rows = given_in(session) if given is None else given
    return max(
        (one.at for one in rows if one.event in begun or _is_more_of_it(one, session.order)),
        default=session.started_at,
    )


def _is_more_of_it(row: Administration, ordered: Order | None) -> bool:
    is_named = ordered is not None and ordering.names_the_same(row.substance, ordered.product)
    return row.event == Administration.Event.GIVEN and (is_named or is_of_the_order(row, ordered))


def infusion_of(
    session: DosingSession, now: datetime, given: Sequence[Administration] | None = None
) -> under_way.Infusion | None:
    """How far this session's infusion has come; none where there is none."""
    if session.started_at is None or session.order is None:
        return None
    rows = given_in(session) if given is None else given
    return under_way.infusion(
        rows, session.order.minutes, now, volume_in_bag_ml(rows, session.order),
        is_as_ordered=began_as_ordered(rows, session.order),
    )  # fmt: skip


def began_as_ordered(given: Sequence[Administration], ordered: Order) -> bool:
    """Whether the pump began at the rate of the ordered bag, as charted; it did where the order names no bag."""
    return bag_of(ordered) is None or volume_in_bag_ml(given, ordered) is not None


def parts_of(
    session: DosingSession, now: datetime, given: Sequence[Administration] | None = None
) -> under_way.Parts | None:
    """How far a nasal or sublingual dose has come; none on another route, or where nothing of it was charted."""
    ordered = session.order
    if session.started_at is None or ordered is None or ordered.minutes:
        return None
    rows = given_in(session) if given is None else given
    if ordered.route == Route.SL:
        began = [one for one in rows if one.event == "given" and one.at == session.started_at]
        return under_way.held_in_mouth(rows, session.started_at, now) if began else None
    plan = protocol_actions.protocol_of(session.course.protocol).routes.get(Route(ordered.route))
    of = ordering.devices(plan.dose, ordered.dose_mg) if plan else None
    if not plan or not of:
        return None
    between = plan.dose.minutes_between_devices
    return under_way.devices_of(rows, of, between.value if between else Decimal(0))


def is_running(session: DosingSession, given: Sequence[Administration] | None = None) -> bool:
    """Whether a dose is being given: begun, and its end not charted. Minutes that have run are no end."""
    if session.started_at is None or session.ended_at is not None:
        return False
    now = timezone.now()
    rows = given_in(session) if given is None else given
    infused, parts = infusion_of(session, now, rows), parts_of(session, now, rows)
    return bool((infused and not infused.is_over) or (parts and not parts.is_over))
