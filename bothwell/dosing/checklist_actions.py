"""The checklist before a dose, answered by people, one item after another.

Nothing here judges an answer: `gates` does. An answer is never changed; the next one stands beside it.
"""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import transaction
from django.utils import timezone

from bothwell.couples.models import Person, Role, StaffRole, open_at
from bothwell.dosing import gates as gating
from bothwell.dosing.models import DosingSession, GateCheck
from bothwell.dosing.pregnancy import PregnancyTest
from bothwell.dosing.session_actions import about, held, must_be_open, must_chart, tell_all
from bothwell.instruments import safety_actions
from bothwell.pathway import decision_actions, facts, rights_actions, steps
from bothwell.privacy import audit
from bothwell.privacy.signing_actions import reaffirm
from bothwell.refusal import Refused, SentBefore

CHECKED = {
    "consent_reaffirmed": "that today's session is wanted",
    "suicide_rescreened": "the questions about safety",
    "weight": "the weight",
    "fasting": "fasting",
    "antiemetic": "the medicine against nausea",
    "escort": "who takes them home",
    "pressure_override": "the blood pressure, and decided to go on",
    "interval_override": "the days since the last dose, and decided to go on",
    "medications": "changes of medicines",
    "medications_seen": "the changed medicines, as a prescriber",
    "pregnancy": "the pregnancy test",
    "equipment": "the equipment at the bed",
    "staffing": "who is on duty",
}
"""What each item of the checklist is called in the log, after "checked"."""


@transaction.atomic
def check(
    *, by: Person, session_id: UUID, name: str, value: Any, note: str = "", request_id: UUID | None = None
) -> GateCheck:
    """One item of the checklist, answered by a person. Answering again is a new row; the newest counts.

    `value` by `name`: consent_reaffirmed bool · suicide_rescreened {risk: bool} · medications {changed: bool,
    what} · medications_seen True, by a prescriber · pregnancy {result} · fasting {confirmed: bool, food_at,
    drink_at: ISO 8601} · weight kg · antiemetic offered, given, declined · escort {name, phone, is_here} ·
    equipment a list of codes · staffing {prescriber, nurse, second: ids} · pressure_override,
    interval_override the prescriber's reason. A Yes about suicide raises the safety task too, once, in the same transaction.
    Raises Refused with what would be taken; SentBefore where the same post said something else before.
    """
    session = held(session_id)
    if earlier := _sent_before(by, session, request_id, name, value, note):
        return earlier
    must_be_open(session)
    must_chart(by, session)
    clean = _answer(by, session, name, value)
    row = GateCheck(
        **about(by, session), request_id=request_id, name=name, value=clean, note=note.strip()[:300]
    )
    row.save(force_insert=True)
    if name == "consent_reaffirmed" and clean:
        _reaffirm(by, session)
    if name == "suicide_rescreened" and clean["risk"]:
        _raise_task(by, session)
    audit.log(
        f"checked {CHECKED[name]}",
        by=by,
        subject=session.subject_id,
        item_kind="dosing.flowsheet",
        item_id=session.id,
    )
    tell_all(session)
    return row


def _sent_before(
    by: Person, session: DosingSession, request_id: UUID | None, name: str, value: Any, note: str
) -> GateCheck | None:
    """What the same post kept before. Raises SentBefore where it said something else."""
    rows = GateCheck.objects.filter(session=session, request_id=request_id)
    kept = rows.first() if request_id else None
    if kept is None:
        return None
    # Another item first: only the same one has a value of that shape.
    if (kept.name, kept.note) != (name, note.strip()[:300]) or not _says_the_same(by, session, kept, value):
        raise SentBefore
    return kept


def _says_the_same(by: Person, session: DosingSession, kept: GateCheck, value: Any) -> bool:
    """Whether this would be kept as what stands. Who is here counts by who they are, not by what they are called now."""
    if kept.name == "staffing":
        said = value if isinstance(value, Mapping) else {}
        return {part: who["id"] for part, who in kept.value.items()} == {
            part: str(who) for part, who in said.items()
        }
    return bool(kept.value == _answer(by, session, kept.name, value))


def _raise_task(by: Person, session: DosingSession) -> None:
    """What was said at the bed asks for the same as a positive answer to a questionnaire."""
    safety_actions.raise_told(
        by=by,
        subject_id=session.subject_id,
        couple_id=session.couple_id,
        how="at the bed, before a dose" if session.started_at is None else "at the bed, after a dose",
        is_acute=False,
    )


def _answer(by: Person, session: DosingSession, name: str, value: Any) -> Any:
    """The answer as it is kept, or Refused with what would be taken."""
    match name, value:
        case "consent_reaffirmed", bool():
            return value
        case "suicide_rescreened", {"risk": bool() as risk}:
            return {"risk": risk}
        case "weight", _:
            return _weighed(value)
        case "fasting", {"confirmed": bool() as confirmed}:
            return {"confirmed": confirmed, **_fasted(value)}
        case "antiemetic", str() if value in list(gating.Antiemetic):
            return value
        case "escort", {"name": str() as who, "phone": str() as phone, "is_here": bool() as is_here}:
            return _escorted(who.strip(), phone.strip(), is_here)
        case "pressure_override", str():
            return _override(by, session, value, "above the hold limit")
        case "interval_override", str():
            return _override(by, session, value, "so soon after the last dose")
        case "medications", {"changed": bool() as changed, "what": str() as what}:
            return _changed(changed, what.strip())
        case "medications_seen", True:
            return _seen(by, session)
        case "pregnancy", {"result": str() as result} if result in list(PregnancyTest):
            return {"result": result}
        case "equipment", list():
            return [code for code, _ in gating.EQUIPMENT if code in value]
        case "staffing", {"prescriber": prescriber, "nurse": nurse, "second": second}:
            return _team(by, str(prescriber), str(nurse), str(second))
    raise Refused("This is not an answer to an item of the checklist.")


def _escorted(name: str, phone: str, is_here: bool) -> dict[str, Any]:
    if not name:
        raise Refused("Name who will take the person home.")
    if not is_here and sum(each.isdigit() for each in phone) < 3:
        raise Refused("How is the escort reached? Give a telephone number, or say that they are here.")
    return {"name": name[:120], "phone": phone[:40], "is_here": is_here}


def _changed(is_changed: bool, what: str) -> dict[str, Any]:
    if is_changed and not what:
        raise Refused("Say which medicine changed, and how.")
    return {"changed": is_changed, "what": what[:600] if is_changed else ""}


def _seen(by: Person, session: DosingSession) -> bool:
    if steps.Role.PRESCRIBER not in rights_actions.roles_towards(by, session.subject_id, session.couple_id):
        raise Refused("Only the prescriber can say that they have seen it.")
    return True


def _team(by: Person, prescriber: str, nurse: str, second: str) -> dict[str, Any]:
    """Who is here, each with the role in this clinic; their names are kept as they were on that day."""
    if second == nurse:
        raise Refused("The second checker must be somebody else than the nurse.")
    known = {Role.PRESCRIBER: staff_who_are(Role.PRESCRIBER), Role.NURSE: staff_who_are(Role.NURSE)}
    checkers = {**known[Role.PRESCRIBER], **known[Role.NURSE]}
    asked = (
        (
            "prescriber",
            prescriber,
            known[Role.PRESCRIBER],
            "The prescriber on site must be one of this clinic's.",
        ),
        ("nurse", nurse, known[Role.NURSE], "The nurse must be one of this clinic's."),
        ("second", second, checkers, "The second checker must be a nurse or prescriber of this clinic."),
    )
    for _, who, among, words in asked:
        if who not in among:
            raise Refused(words)
    return {part: {"id": who, "name": among[who].signs_as} for part, who, among, _ in asked}


def staff_who_are(role: Role) -> dict[str, Person]:
    """Everyone in the viewer's clinic who is qualified as this now, by id as text, in the order of their names."""
    held = StaffRole.objects.filter(open_at(timezone.now()), role=role).select_related("person")
    return {str(one.person_id): one.person for one in held.order_by("person__name_used", "person_id")}


def _weighed(value: Any) -> str:
    try:
        kg = Decimal(str(value))
    except InvalidOperation:
        raise Refused("The weight is a number of kilograms.") from None
    Refused.unless(facts.can_be("weight_kg", kg))
    return str(kg.quantize(Decimal("0.1")))


def _fasted(value: Mapping[str, Any]) -> dict[str, str]:
    """When food and drink were last taken. Fasting cannot be judged without both, nor by a time to come."""
    times = {}
    for name, words in (("food_at", "food"), ("drink_at", "drink")):
        if not value.get(name):
            raise Refused(f"When was the last {words}?")
        at = datetime.fromisoformat(value[name])
        if at > timezone.now():
            raise Refused(f"The time of the last {words} has not come yet.")
        times[name] = at.isoformat()
    return times


def _override(by: Person, session: DosingSession, value: str, although: str) -> str:
    if steps.Role.PRESCRIBER not in rights_actions.roles_towards(by, session.subject_id, session.couple_id):
        raise Refused(f"Only the prescriber may decide to go on {although}.")
    if len(value.strip()) < 10:
        raise Refused("Write the reason in a sentence; it stands in the record.")
    return value.strip()


def _reaffirm(by: Person, session: DosingSession) -> None:
    consent = decision_actions.consent_in_force(session.course)
    if consent is None:
        raise Refused("There is no signed treatment consent for this route to reaffirm.")
    zone = ZoneInfo(session.clinic.timezone)
    reaffirm(by=by, consent=consent, on_day=timezone.now().astimezone(zone))


def checks_of(session: DosingSession) -> dict[str, GateCheck]:
    """The newest answer to each item of the checklist."""
    rows = GateCheck.objects.filter(session=session).select_related("author").order_by("recorded_at")
    return {row.name: row for row in rows}
