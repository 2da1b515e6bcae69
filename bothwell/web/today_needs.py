"""What waits for a partner: questions to answer, pages to read and sign, a session to prepare, each with its minutes.

Nothing waits for the other of the two here, and nothing is hurried: a thing stands until it is done or no longer asked.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Q
from django.utils import timezone

from bothwell.couples.models import Person
from bothwell.dosing.models import DosingSession
from bothwell.instruments import shelf
from bothwell.instruments.due import due
from bothwell.instruments.instrument import Instrument
from bothwell.instruments.models import Kind, Request
from bothwell.integration.wave_actions import in_force
from bothwell.pathway import battery, decision_actions, preparation_actions
from bothwell.pathway.models import Course, DecisionSignature, JointDecision
from bothwell.pathway.schema import Wave
from bothwell.pathway.steps import Phase, State
from bothwell.privacy.models import DisclosureAgreement
from bothwell.web.around import Nearby
from bothwell.web.support_plan import plan_card

PREPARE_AHEAD = timedelta(days=14)
FROM_THE_TEAM = "from your care team"
READING_MINUTES = 3
"""What we allow for reading and signing one page; an estimate of ours."""


@dataclass(frozen=True)
class Need:
    """One thing that waits for the person, with an estimate in minutes."""

    title: str
    note: str
    href: str
    minutes: int


@dataclass(frozen=True)
class Sitting:
    """Questions that belong to one occasion, to be answered one after the other or one at a time."""

    title: str
    needs: tuple[Need, ...]
    is_begun: bool

    @property
    def minutes(self) -> int:
        return sum(need.minutes for need in self.needs)

    @property
    def first(self) -> str:
        """Where its one button leads."""
        return self.needs[0].href


NEEDS_CONSENT = (Phase.CONSENT, Phase.PREPARATION, Phase.DOSING_SERIES, Phase.MAINTENANCE)


def needs_of(who: Person, surroundings: Nearby, sessions: Sequence[DosingSession]) -> list[Need]:
    """What waits besides questions. `sessions`: their own ahead, the soonest first."""
    return [
        *_signing(who, surroundings),
        *_consenting(who),
        *_preparing(sessions),
        *_looking_back(surroundings),
    ]


def sittings_of(who: Person) -> list[Sitting]:
    """What waits for answers, by occasion, the soonest first; what was begun comes first in its own.

    A questionnaire the clinic no longer has cannot be answered, so it is left out.
    """
    rows = list(due(who))
    if not rows:
        return []
    waves = in_force(who.clinic_id).waves
    rows = _in_turn(rows, waves)
    known = shelf.find_all(who.clinic_id, [(row.instrument, row.instrument_version) for row in rows])
    by_wave: dict[str, list[Request]] = {}
    for row in rows:
        if (row.instrument, row.instrument_version) in known:
            by_wave.setdefault(row.wave, []).append(row)
    return [_sitting(_title(waves, wave), those, known) for wave, those in by_wave.items()]


def waiting_in_turn(who: Person) -> list[Request]:
    """What waits for answers, in the order it is asked: by the day it is due, then as the occasion has it.

    No occasion begins with a question about wishing to be dead.
    """
    rows = list(due(who))
    return _in_turn(rows, in_force(who.clinic_id).waves) if rows else []


def _in_turn(rows: Iterable[Request], waves: tuple[Wave, ...]) -> list[Request]:
    def turn(row: Request) -> tuple[datetime, str, tuple[float, str]]:
        wave = battery.wave_of(waves, row.wave)
        return row.due_at, row.wave, battery.turn(wave, row.instrument, is_screen=row.kind == Kind.SUICIDE)

    return sorted(rows, key=turn)


def _title(waves: tuple[Wave, ...], name: str) -> str:
    """What the sitting is called, from the protocol; what a clinician asked for besides has no name of its own."""
    wave = battery.wave_of(waves, name)
    return f"{wave.title[:1].lower()}{wave.title[1:]}" if wave else FROM_THE_TEAM


def _sitting(title: str, rows: Iterable[Request], known: dict[shelf.Wanted, Instrument]) -> Sitting:
    begun_first = sorted(rows, key=lambda row: not _answered(row))
    needs = tuple(_check_in(row, known[row.instrument, row.instrument_version]) for row in begun_first)
    return Sitting(title, needs, bool(_answered(begun_first[0])))


def _answered(row: Request) -> int:
    """How many questions have an answer, in the draft."""
    response = getattr(row, "response", None)
    return len(response.answers) if response else 0


def _check_in(row: Request, instrument: Instrument) -> Need:
    answered = _answered(row)
    count = len(instrument.items)
    note = f"{count} question{'' if count == 1 else 's'}" + (
        f", {answered} already answered" if answered else ""
    )
    return Need(instrument.plain_title, note, f"/checkin/{row.id}", instrument.minutes)


def _signing(who: Person, surroundings: Nearby) -> list[Need]:
    partner_signed = Q(signatures__signs_as=DecisionSignature.As.PARTNER)
    decisions = JointDecision.objects.filter(subject=who).exclude(partner_signed).order_by("recorded_at")
    needs = [
        Need(
            "Read and decide",
            "What was worked out with you, in plain words",
            f"/decisions/{row.id}",
            READING_MINUTES,
        )
        for row in decisions
    ]
    if surroundings.couple:
        last = (
            DisclosureAgreement.objects.filter(couple=surroundings.couple)
            .prefetch_related("signatures")
            .order_by("-version")
            .first()
        )
        if last and who.id not in {signature.author_id for signature in last.signatures.all()}:
            note = "How what one of you says alone is handled"
            needs.append(Need("Read and sign together", note, f"/agreement/{last.id}", READING_MINUTES))
    return needs


def _consenting(who: Person) -> list[Need]:
    """The treatment's own consent, while the course waits for it or stands without it."""
    waiting = Course.objects.filter(subject=who, state=State.ACTIVE, phase__in=NEEDS_CONSENT).exclude(
        route=""
    )
    return [
        Need(
            "Read and sign",
            "What the sessions are, their risks, and your way out",
            "/consents",
            READING_MINUTES,
        )
        for course in waiting
        if decision_actions.consent_in_force(course) is None
    ]


def _preparing(sessions: Sequence[DosingSession]) -> list[Need]:
    soon = [row for row in sessions if row.scheduled_at <= timezone.now() + PREPARE_AHEAD]
    if not soon:
        return []
    last = preparation_actions.preparation_of(soon[0].course)
    if last and last.escort_name and last.fasting_explained:
        return []
    return [Need("Before your session", "Who comes with you, and what to eat and drink", "/today/prepare", 2)]


def _looking_back(surroundings: Nearby) -> list[Need]:
    """The day on which the two wanted to look at their plan for afterwards has come."""
    card = plan_card(surroundings)
    if card is None or not card.is_due:
        return []
    return [
        Need("Look at your plan again", "What goes on after the series", "/us/plan/look", READING_MINUTES)
    ]
