"""The form of a drug's safety programme for one session: kept as a draft, signed by a clinician, marked as sent.

Sending it is the clinic's own act: nothing here reaches the programme. Nothing signed is ever changed or taken back.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import transaction
from django.utils import timezone

from bothwell.couples.models import Contact, Person
from bothwell.dosing import session_actions
from bothwell.dosing.models import Administration, DosingSession, VialUse
from bothwell.later import tell
from bothwell.monitoring import programme
from bothwell.monitoring.models import AdverseEvent, ProgrammeForm, Sample
from bothwell.monitoring.programme import Form
from bothwell.monitoring.programme_prefill import Facts, Measured
from bothwell.monitoring.vitals import format_number, pair_pressures
from bothwell.pathway.models import MedicalFact
from bothwell.privacy import audit
from bothwell.refusal import Refused, Stale
from bothwell.turns import one_after_another

MEDICINES = ("lorazepam_equivalent_mg_per_day", "opioids_or_depressants", "psychostimulants", "maoi")
State = ProgrammeForm.State


# ── what there is ─────────────────────────────────────────────────────────────────────────────────────────


def route_of(session: DosingSession) -> str:
    """How this session's dose was given: by its order, else by its course."""
    return str(session.order.route if session.order else session.course.route)


def forms_for(session: DosingSession) -> list[Form]:
    """The forms asked for after this session, the newest first; none before a dose, or for another route."""
    return programme.for_route(route_of(session)) if session.started_at else []


def newest(session: DosingSession) -> ProgrammeForm | None:
    """The form as it stands; none if nobody has begun it."""
    return ProgrammeForm.objects.select_related("author").filter(session=session).order_by("-number").first()


def states_of(session: DosingSession) -> list[ProgrammeForm]:
    """Every saving, the newest first."""
    return list(ProgrammeForm.objects.select_related("author").filter(session=session).order_by("-number"))


def facts_of(session: DosingSession, form: Form) -> Facts:
    """What the record knows that this form asks for, as far as the viewer may see it."""
    contact = Contact.objects.filter(subject_id=session.subject_id).first()
    order = session.order
    earlier = DosingSession.objects.filter(subject_id=session.subject_id, started_at__lt=session.started_at)
    others = [one for one in earlier.select_related("order", "course") if route_of(one) == route_of(session)]
    charted = _charted(session)
    serious = AdverseEvent.objects.filter(session=session, is_serious=True, revised_by__isnull=True)
    return Facts(
        zone=ZoneInfo(session.clinic.timezone),
        full_name=contact.full_name if contact else "",
        born_on=contact.born_on if contact else None,
        is_first_treatment=not others,
        started_at=session.started_at,
        ended_at=session.ended_at,
        dose_mg=_dose_mg(session),
        lots=_lots(session),
        pressures=charted.pop("pressure", ()),
        spo2_values=_spo2_values(session),
        sedation=charted.get("sedation", ()),
        dissociation=charted.get("dissociation", ()),
        serious_events=serious.count(),
        medicines=_medicines(session),
        clinician_name=order.author.signs_as if order and order.author else "",
        setting_name=session.clinic.name,
        carried=_carried(session, form),
    )


def _charted(session: DosingSession) -> dict[str, list[Measured]]:
    rows = Sample.objects.filter(
        session=session, is_artefact=False, corrected_by__isnull=True,
        code__in=("systolic", "diastolic", "sedation", "dissociation"),
    ).order_by("observed_at", "recorded_at")  # fmt: skip
    found: dict[str, list[Measured]] = {}
    for row in rows:
        found.setdefault(row.code, []).append(Measured(row.observed_at, row.value))
    pairs = pair_pressures(list(rows))
    found["pressure"] = [
        Measured(one.observed_at, f"{format_number(one.systolic)}/{format_number(one.diastolic)}")
        for one in pairs
        if one.systolic is not None and one.diastolic is not None
    ]
    return found


def _spo2_values(session: DosingSession) -> int:
    until = session.ended_at or timezone.now()
    rows = Sample.objects.filter(session=session, code="spo2", is_artefact=False, corrected_by__isnull=True)
    return rows.filter(observed_at__gte=session.started_at, observed_at__lte=until).count()


def _dose_mg(session: DosingSession) -> Any:
    """All of what was ordered that was given, in mg; what was given beside it does not count."""
    events = Administration.Event
    rows = Administration.objects.filter(
        session=session, event__in=(events.START, events.DOSE, events.GIVEN), dose_mg__isnull=False
    )
    if session.order:
        rows = rows.filter(substance=session.order.product)
    return sum(row.dose_mg for row in rows if row.dose_mg is not None) or None


def _lots(session: DosingSession) -> tuple[str, ...]:
    uses = (
        VialUse.objects.select_related("event__vial").filter(session=session).order_by("event__recorded_at")
    )
    return tuple(dict.fromkeys(use.event.vial.lot for use in uses))


def _medicines(session: DosingSession) -> dict[str, tuple[Any, datetime]]:
    rows = MedicalFact.objects.filter(
        subject_id=session.subject_id, code__in=MEDICINES, corrected_by__isnull=True
    )
    return {row.code: (row.value, row.observed_at) for row in rows.order_by("observed_at", "recorded_at")}


def _carried(session: DosingSession, form: Form) -> dict[str, str]:
    """What the newest signed form of another session says of the clinic itself, and only that."""
    keys = {one.key for one in form.fields if one.is_carried}
    signed = ProgrammeForm.objects.filter(state__in=(State.SIGNED, State.SENT)).exclude(session=session)
    row = signed.order_by("-recorded_at").first() if keys else None
    return {key: row.answers[key] for key in keys if row.answers.get(key)} if row else {}


# ── what is done with it ──────────────────────────────────────────────────────────────────────────────────


@transaction.atomic
def save_draft(
    *, by: Person, session_id: UUID, form: str, answers: Mapping[str, str], after: int, request_id: UUID
) -> ProgrammeForm:
    """The answers as they are now, complete or not. `after`: the number the page was made from.

    Raises Stale where somebody saved in between, Refused for an answer that cannot be read or a signed form.
    """
    session = _held(by, session_id)
    if kept := _kept(session, request_id):
        return kept
    asked, last = _form(session, form), newest(session)
    _must_follow(last, after)
    _must_be_draft(last)
    return _add(by, session, asked, State.DRAFT, _readable(asked, answers), last, request_id)


@transaction.atomic
def sign(
    *, by: Person, session_id: UUID, form: str, answers: Mapping[str, str], signed_name: str, after: int,
    request_id: UUID,
) -> ProgrammeForm:  # fmt: skip
    """A clinician signs the form as it is. Raises Refused, naming every required field that is empty."""
    session = _held(by, session_id)
    if kept := _kept(session, request_id):
        return kept
    asked, last = _form(session, form), newest(session)
    _must_follow(last, after)
    _must_be_draft(last)
    if session.ended_at is None:
        raise Refused("The session is still open: the form is signed after the signed end.")
    said = programme.settled(asked, _readable(asked, answers))
    if empty := programme.missing(asked, said):
        raise Refused(f"Still to be answered: {', '.join(one.label for one in empty)}.")
    if not signed_name.strip():
        raise Refused("Type your name to sign.")
    return _add(
        by, session, asked, State.SIGNED, said, last, request_id, signed_name=signed_name.strip()[:120]
    )


@transaction.atomic
def mark_sent(
    *, by: Person, session_id: UUID, how: str, reference: str, sent_at: datetime, after: int, request_id: UUID
) -> ProgrammeForm:
    """The clinic has sent the signed form, in this way, with this reference."""
    session = _held(by, session_id)
    if kept := _kept(session, request_id):
        return kept
    last = newest(session)
    _must_follow(last, after)
    if last is None or last.state != State.SIGNED:
        raise Refused("Only a signed form can be marked as sent.")
    if not how.strip():
        raise Refused("Say how it was sent.")
    if not last.recorded_at.replace(second=0, microsecond=0) <= sent_at <= timezone.now():
        raise Refused("It was sent after it was signed, and not later than now.")
    words = f"{how.strip()}, reference {reference.strip()}" if reference.strip() else how.strip()
    if len(words) > 300:
        raise Refused("How it was sent, with the reference, holds up to 280 characters. Shorten it.")
    return _add(
        by, session, programme.shipped()[last.form], State.SENT, last.answers, last, request_id,
        signed_name=last.signed_name, sent_at=sent_at, sent_how=words,
    )  # fmt: skip


@transaction.atomic
def reopen(*, by: Person, session_id: UUID, reason: str, after: int, request_id: UUID) -> ProgrammeForm:
    """A new draft beside the signed form, which stays on record."""
    session = _held(by, session_id)
    if kept := _kept(session, request_id):
        return kept
    last = newest(session)
    _must_follow(last, after)
    if last is None or last.state == State.DRAFT:
        raise Refused("The form is open already.")
    if not reason.strip():
        raise Refused("Say why it is opened again.")
    if len(reason.strip()) > 300:
        raise Refused("The reason holds up to 300 characters. Shorten it.")
    form = programme.shipped()[last.form]
    return _add(by, session, form, State.DRAFT, last.answers, last, request_id, reason=reason.strip())


WORDS = {State.DRAFT: "saved a programme form", State.SIGNED: "signed a programme form",
         State.SENT: "marked a programme form as sent"}  # fmt: skip


def _add(
    by: Person, session: DosingSession, form: Form, state: str, answers: Mapping[str, str],
    last: ProgrammeForm | None, request_id: UUID, **more: Any,
) -> ProgrammeForm:  # fmt: skip
    row = ProgrammeForm(
        clinic_id=by.clinic_id, subject_id=session.subject_id, couple_id=session.couple_id, author=by,
        session=session, form=form.id, number=last.number + 1 if last else 1, state=state,
        answers=dict(answers), request_id=request_id, **more,
    )  # fmt: skip
    row.save(force_insert=True)
    words = "opened a programme form again" if "reason" in more else WORDS[State(state)]
    audit.log(words, by=by, subject=session.subject_id, item_kind="dosing.flowsheet", item_id=row.id)
    tell("room", session.id)
    return row


def _held(by: Person, session_id: UUID) -> DosingSession:
    """The session with its forms locked until the transaction ends; Refused for anyone not at this bed."""
    one_after_another(f"programme {session_id}")
    session = (
        DosingSession.objects.select_related("clinic", "course", "order__author")
        .filter(id=session_id)
        .first()
    )
    if session is None or not session_actions.may_chart(by, session):
        raise Refused("Only this person's nurse or prescriber can do this.")
    return session


def _kept(session: DosingSession, request_id: UUID) -> ProgrammeForm | None:
    return ProgrammeForm.objects.filter(session=session, request_id=request_id).first()


def _form(session: DosingSession, key: str) -> Form:
    for form in forms_for(session):
        if form.id == key:
            return form
    raise Refused("No such form is asked for after this session.")


def _must_follow(last: ProgrammeForm | None, after: int) -> None:
    if (last.number if last else 0) != after:
        raise Stale("Somebody else has just saved this form. Compare with theirs, then save again.")


def _must_be_draft(last: ProgrammeForm | None) -> None:
    if last is not None and last.state != State.DRAFT:
        raise Refused("This form is signed. Open it again, with a reason, to change it.")


def _readable(form: Form, answers: Mapping[str, str]) -> dict[str, str]:
    """Every answer as it is kept. Raises Refused at the first that cannot be read."""
    found = {}
    for one in form.fields:
        said = programme.read(one, answers.get(one.key, ""))
        if said.trouble:
            raise Refused(f"{one.label}: {said.trouble}")
        found[one.key] = said.value
    return found
