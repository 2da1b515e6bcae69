"""Asks everybody in care what is due, and once a day may say by a neutral mail that something waits.

It runs as the clinic's own service and names no author. It sees who, what and when, never an answer; it never asks
about violence. However large the clinic, a run is the same few statements.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from functools import cache, lru_cache
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import connection, transaction
from django.db.models import Q, QuerySet

from bothwell.couples.models import Clinic, Contact, Membership, Person, PersonKind, new_id
from bothwell.dosing.models import DosingSession
from bothwell.instruments import shelf
from bothwell.instruments.due import waiting
from bothwell.instruments.models import Reminder, Request, Response
from bothwell.integration import waves
from bothwell.integration.models import CouplePause
from bothwell.integration.waves import Anchors, Asking, Ended, Plan, Sent, Session
from bothwell.later import later_all
from bothwell.pathway import protocol as protocols
from bothwell.pathway.models import Course, ProtocolVersion
from bothwell.pathway.protocol_actions import protocol_of
from bothwell.pathway.schema import Anchor, Protocol, Reminding, Wave
from bothwell.pathway.steps import Phase, State
from bothwell.privacy import audit

IN_CARE: Final = (State.ACTIVE, State.ON_HOLD)
SERIES_IS_OVER: Final = (Phase.REVIEW, Phase.ENDED)
REMINDED_UNTIL: Final = timedelta(hours=10)
"""How long after its hour a reminder may still go out, when the service was down: never at night."""
LOOKS_BACK: Final = timedelta(days=30)
"""Nobody is reminded of what was due longer ago."""


@dataclass(frozen=True)
class Planned:
    """How many requests a run made, and how many it closed because their session will not be."""

    asked: int
    closed: int


# ------------------------------------------------------------------------------------------------------- asking


@transaction.atomic
def plan(*, clinic: Clinic, now: datetime, people: Collection[UUID] | None = None) -> Planned:
    """Make the requests that should exist now, for everybody in care here or only for `people`.

    What is there stays as it is, so it may run as often as one likes, also twice at once.
    """
    rules = plan_of(clinic)
    everybody = anchors(clinic, people)
    wanted = {about.person: waves.should_ask(rules, about, now) for about in everybody}
    standing = _standing(list(wanted), now)
    open_now: defaultdict[UUID, set[tuple[str, str]]] = defaultdict(set)
    for row in standing:
        open_now[row["subject_id"]].add((row["instrument"], row["wave"]))

    def missing() -> list[Asking]:
        return [
            each
            for about in everybody
            for each in wanted[about.person]
            if (each.instrument, each.wave) not in open_now[about.person]
            and not waves.asked_as_a_couple(rules, about, each, open_now[about.person])
        ]

    # What was answered lately matters only to what would be asked anew.
    for about in _with_answers(rules, everybody, missing(), now):
        wanted[about.person] = waves.should_ask(rules, about, now)
    new = missing()
    asked = _insert(clinic, new, now) if new else []
    closed = _close(rules, standing, [asking for each in wanted.values() for asking in each], now)
    if asked or closed:
        audit.log_service("planner", "asked what is due", clinic=clinic.id)
        _tell({*asked, *closed})
    return Planned(len(asked), len(closed))


def plan_of(clinic: Clinic) -> Plan:
    """The waves in force in this clinic, with those questionnaires it has; two statements at most."""
    rules = in_force(clinic.id)
    ids = dict.fromkeys(each.id for wave in rules.waves for each in wave.instruments)
    found = shelf.find_all(clinic.id, [(id, "") for id in ids])
    instruments = {id: instrument for (id, _), instrument in found.items()}
    return Plan(rules.waves, rules.covers, instruments, ZoneInfo(clinic.timezone))


def in_force(clinic_id: UUID) -> Protocol:
    """The protocol signed last in this clinic. One that says nothing of waves, or none at all: those shipped."""
    signed = ProtocolVersion.objects.filter(clinic_id=clinic_id, signed_at__isnull=False)
    version = signed.order_by("-signed_at").values_list("id", flat=True).first()
    return _completed(version) if version else _shipped()


@lru_cache(maxsize=64)
def _completed(version: UUID) -> Protocol:
    """A signed text never changes, so it is read once."""
    own = protocol_of(ProtocolVersion.objects.get(id=version))
    if not own.waves:
        own = replace(own, waves=_shipped().waves, covers=_shipped().covers)
    return own if own.reminding else replace(own, reminding=_shipped().reminding)


@cache
def _shipped() -> Protocol:
    return protocols.load(protocols.shipped()[0])


def anchors(clinic: Clinic, people: Collection[UUID] | None = None) -> list[Anchors]:
    """From what each person's questions are counted: five statements, however many people."""
    person = Q(subject__in=people) if people is not None else Q()
    persons = Person.objects.filter(clinic=clinic, kind=PersonKind.PARTNER)
    if people is not None:
        persons = persons.filter(id__in=people)
    couples = _couples(clinic, people)
    paused = set(
        CouplePause.objects.filter(clinic=clinic, until__isnull=True).values_list("couple_id", flat=True)
    )
    courses = _by_subject(Course.objects.filter(person, clinic=clinic), "subject_id", *_COURSE)
    sessions = _by_subject(
        DosingSession.objects.filter(person, clinic=clinic).order_by("scheduled_at"), "subject_id", *_SESSION
    )
    found = []
    for id, created_at in persons.values_list("id", "created_at"):
        couple, formed_at = couples.get(id, (None, created_at))
        found.append(
            Anchors(
                person=id,
                began_at=formed_at,
                couple=couple,
                is_paused=couple in paused,
                is_treated=any(course["state"] in IN_CARE for course in courses[id]),
                sessions=tuple(_session(row) for row in sessions[id]),
                ended=tuple(_ended(courses[id], sessions[id])),
            )
        )
    return found


_COURSE: Final = ("id", "state", "phase", "sessions_planned")
_SESSION: Final = ("id", "course_id", "scheduled_at", "started_at", "ended_at", "outcome")
_SENT: Final = ("instrument", "wave", "sent_at")


def _couples(clinic: Clinic, people: Collection[UUID] | None) -> dict[UUID, tuple[UUID, datetime]]:
    together = Membership.objects.filter(clinic=clinic, until__isnull=True, couple__parted_at__isnull=True)
    if people is not None:
        together = together.filter(person__in=people)
    rows = together.values_list("person_id", "couple_id", "couple__formed_at")
    return {person: (couple, formed_at) for person, couple, formed_at in rows}


def _by_subject(rows: Any, key: str, *columns: str) -> Mapping[UUID, list[dict[str, Any]]]:
    found: defaultdict[UUID, list[dict[str, Any]]] = defaultdict(list)
    for row in rows.values(key, *columns):
        found[row[key]].append(row)
    return found


def _with_answers(
    rules: Plan, everybody: Iterable[Anchors], new: Iterable[Asking], now: datetime
) -> list[Anchors]:
    """Those who would be asked anew in a wave that yields, or at a beginning, with what they answered lately."""
    stems = tuple(f"{wave.stem} " for wave in rules.waves if wave.yields_to or _is_first(wave))
    people = {asking.person for asking in new if asking.wave.startswith(stems)} if stems else set()
    if not people:
        return []
    sent = _by_subject(_lately_sent(rules, people, now), "subject_id", *_SENT)
    return [
        replace(about, sent=tuple(Sent(r["instrument"], r["wave"], r["sent_at"]) for r in sent[about.person]))
        for about in everybody
        if about.person in people
    ]


def _is_first(wave: Wave) -> bool:
    return wave.anchor is Anchor.BEGINNING and wave.due_after_days is not None


def _lately_sent(rules: Plan, people: Collection[UUID], now: datetime) -> Any:
    """What was answered so lately that a lighter wave may leave it out, or who parted is not asked it a second time at a
    beginning that goes on; found by person, never by time alone.
    """
    first = [wave for wave in rules.waves if _is_first(wave)]
    yielding = [wave for wave in rules.waves if wave.yields_within_days]
    days = max((int(w.yields_within_days.value) for w in yielding if w.yields_within_days), default=0)
    open_for = max((float(wave.lapses_after_hours.value) for wave in yielding), default=0.0)
    covering = {
        id
        for wave in yielding
        for each in wave.instruments
        if each.id in rules.usable
        for id in rules.covering[each.id]
    } | {each.id for wave in first for each in wave.instruments}
    going_on = max(
        (
            float(w.due_after_days.value) * 24 + float(w.lapses_after_hours.value)
            for w in first
            if w.due_after_days
        ),
        default=0.0,
    )
    since = max(timedelta(days=days, hours=open_for + 24), timedelta(hours=going_on + 24))
    return Response.objects.filter(
        subject__in=people,
        instrument__in=sorted(covering),
        status=Response.Status.SENT,
        sent_at__gt=now - since,
    )


def _session(row: Mapping[str, Any]) -> Session:
    return Session(row["id"], row["scheduled_at"], row["started_at"], row["outcome"])


def _ended(courses: Iterable[Mapping[str, Any]], sessions: Iterable[Mapping[str, Any]]) -> Iterable[Ended]:
    """The end of each series: its last planned session was given, or the review came sooner."""
    for course in courses:
        given = [
            row
            for row in sessions
            if row["course_id"] == course["id"] and row["ended_at"] and _session(row).was_given
        ]
        planned = course["sessions_planned"]
        if planned and len(given) >= planned:
            yield Ended(course["id"], given[planned - 1]["ended_at"])
        elif given and course["phase"] in SERIES_IS_OVER:
            yield Ended(course["id"], given[-1]["ended_at"])


def _standing(people: list[UUID], now: datetime) -> list[dict[str, Any]]:
    """The requests of these people that are not over."""
    rows = Request.objects.filter(Q(lapses_at__gt=now) | Q(lapses_at__isnull=True), subject__in=people)
    return [{**row} for row in rows.values("id", "subject_id", "author_id", "instrument", "wave")]


_INSERT: Final = """
insert into bothwell_request
  (id, clinic_id, recorded_at, subject_id, instrument, instrument_version, kind, wave, couple_id, due_at, lapses_at)
select id, %s, %s, subject, instrument, version, kind, wave, couple, due_at, lapses_at
from unnest(%s::uuid[], %s::uuid[], %s::text[], %s::text[], %s::text[], %s::text[], %s::uuid[],
            %s::timestamptz[], %s::timestamptz[])
  as wanted (id, subject, instrument, version, kind, wave, couple, due_at, lapses_at)
on conflict do nothing
returning subject_id
"""


def _insert(clinic: Clinic, new: list[Asking], now: datetime) -> list[UUID]:
    """Who was asked something: once for each thing."""
    columns: list[Any] = [
        [new_id() for _ in new],
        [each.person for each in new],
        [each.instrument for each in new],
        [each.version for each in new],
        [each.kind.value for each in new],
        [each.wave for each in new],
        [each.couple for each in new],
        [each.due_at for each in new],
        [each.lapses_at for each in new],
    ]
    with connection.cursor() as cursor:
        cursor.execute(_INSERT, [clinic.id, now, *columns])
        return [row[0] for row in cursor.fetchall()]


def _close(rules: Plan, standing: list[dict[str, Any]], wanted: list[Asking], now: datetime) -> list[UUID]:
    """End what was asked before a dose that is begun, cancelled or moved; gives back whose it was."""
    stems = [f"{wave.stem} " for wave in rules.waves if wave.due_before_hours]
    stands = {(asking.person, asking.wave) for asking in wanted}
    over = [
        row
        for row in standing
        if row["author_id"] is None
        and row["wave"].startswith(tuple(stems))
        and (row["subject_id"], row["wave"]) not in stands
    ]
    if over:
        Request.objects.filter(id__in=[row["id"] for row in over], lapses_at__gt=now).update(lapses_at=now)
    return [row["subject_id"] for row in over]


def _tell(people: Collection[UUID]) -> None:
    """Each one's own open pages look again; nobody else's."""
    with connection.cursor() as cursor:
        cursor.execute(
            "select pg_notify('bothwell', 'person:' || who) from unnest(%s::text[]) who",
            [[str(person) for person in people]],
        )


# ----------------------------------------------------------------------------------------------------- reminding


@transaction.atomic
def remind(*, clinic: Clinic, now: datetime) -> int:
    """Note a reminder for everybody who should get one now, and defer its mail; gives back how many.

    Only for what is due and not begun, only to a safe address, only if wanted, once a day, and for one wave no
    more often than the plan says. The other partner is never looked at.
    """
    local, rule = now.astimezone(ZoneInfo(clinic.timezone)), reminding(clinic.id)
    if not is_the_hour(local, rule):
        return 0
    rows = [
        Reminder(clinic=clinic, subject_id=subject, on=local.date(), recorded_at=now)
        for subject in _to_remind(clinic, rule, now)
    ]
    Reminder.objects.bulk_create(rows, ignore_conflicts=True)
    new = Reminder.objects.filter(id__in=[row.id for row in rows]).values_list("id", flat=True)
    jobs = [{"reminder": id} for id in new]
    later_all("measures.mail", jobs)
    return len(jobs)


def reminding(clinic_id: UUID) -> Reminding:
    """When this clinic reminds, and how often."""
    rule = in_force(clinic_id).reminding
    assert rule is not None, "the protocol that ships says when to remind"
    return rule


def is_the_hour(local: datetime, rule: Reminding) -> bool:
    """Whether a reminder may go out at this time on the clinic's clock."""
    begins = local.replace(hour=int(rule.at_hour.value), minute=0, second=0, microsecond=0)
    return begins <= local < begins + REMINDED_UNTIL and local.date() == begins.date()


def _to_remind(clinic: Clinic, rule: Reminding, now: datetime) -> list[UUID]:
    """Three statements: who can be reached, who has something unbegun since when, and when they were last told."""
    zone = ZoneInfo(clinic.timezone)
    today = now.astimezone(zone).date()
    contacts = Contact.objects.filter(clinic=clinic, wants_reminders=True).exclude(safe_email="")
    reachable = set(contacts.values_list("subject_id", flat=True))
    since: dict[UUID, set[date]] = defaultdict(set)
    unbegun = _unbegun(now, zone).filter(clinic=clinic)
    for subject, due_at in unbegun.values_list("subject_id", "due_at").distinct():
        if subject in reachable:
            since[subject].add(due_at.astimezone(zone).date())
    sent = Reminder.objects.filter(subject__in=list(since), on__gte=today - LOOKS_BACK)
    before: dict[UUID, set[date]] = defaultdict(set)
    for subject, on in sent.values_list("subject_id", "on"):
        before[subject].add(on)
    return [
        subject for subject, days in since.items() if waves.may_remind(days, before[subject], today, rule)
    ]


def _unbegun(now: datetime, zone: ZoneInfo) -> QuerySet[Request]:
    """What is due by the end of today and has no answer yet, not even a first one."""
    tomorrow = datetime.combine(now.astimezone(zone).date() + timedelta(days=1), time(), zone)
    return waiting(now).filter(due_at__gte=now - LOOKS_BACK, due_at__lt=tomorrow, response__isnull=True)


@transaction.atomic
def take(*, reminder_id: UUID, now: datetime) -> str:
    """The address a reminder goes to, and a mark that it went; empty when it should not go any more.

    Not when something of today's is answered by now, the day is over, or they changed their mind. Kept only if the
    transaction around it is: a mail that could not be handed over may be tried again.
    """
    kept = Reminder.objects.select_related("clinic").filter(id=reminder_id, sent_at__isnull=True).first()
    if kept is None or kept.subject_id is None:
        return ""
    zone = ZoneInfo(kept.clinic.timezone)
    local = now.astimezone(zone)
    reach = Contact.objects.filter(subject=kept.subject_id, wants_reminders=True)
    to = reach.values_list("safe_email", flat=True).first()
    is_still_wanted = (
        local.date() == kept.on
        and is_the_hour(local, reminding(kept.clinic_id))
        and _unbegun(now, zone).filter(subject=kept.subject_id).exists()
    )
    if not to or not is_still_wanted:
        return ""
    if not Reminder.objects.filter(id=reminder_id, sent_at__isnull=True).update(sent_at=now):
        return ""
    audit.log_service("mail", "sent a reminder", clinic=kept.clinic_id, subject=kept.subject_id)
    return to
