"""What everybody was asked week by week, and what they answered: some of it late, some of it not at all.

The score of each is what the real scoring says of the answers. No answer here is anybody's.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from uuid import UUID

from bothwell.demo.answers import Life, answers_like, answers_to, total_between
from bothwell.demo.people import Pair, Partner
from bothwell.demo.place import DAY, WEEK, Place
from bothwell.demo.texts import FLAG_CLOSED
from bothwell.instruments.catalogue import load
from bothwell.instruments.instrument import Instrument, Kind
from bothwell.instruments.scoring import score
from bothwell.models import Person, Request, Response, SafetyFlag, SafetyFlagClosed

ASKED_AT_HOUR = 8
EVERYTHING_EVERY = 4
INTAKE_WITHIN = timedelta(days=6)
INTAKE = (
    "phq-9",
    "gad-7",
    "pcl-5",
    "asq",
    "audit-c",
    "dast-10",
    "ders-16",
    "csi-16",
    "cpq-sf",
    "iri-c",
)
MONTHLY = ("phq-9", "gad-7", "pcl-5", "ders-16", "csi-16", "cpq-sf", "iri-c", "pulse-us", "pulse-me")
WEEKLY = ("phq-9", "gad-7", "csi-4", "pulse-us", "pulse-me")
OF_THE_WEEK = ("pulse-us", "pulse-me")
"""Asked each week as the week's own, also when everything else is asked."""
BEFORE_A_DOSE = ("asq", "phq-2", "before-dose")
THE_DAY_AFTER = ("day-after", "ebi")
MISSED = 0.12
STILL_WAITING = 0.35
RATHER_NOT = 0.015
LATEST = timedelta(hours=3)
"""Nobody answers while they are in a session."""
SUICIDE_ITEM = {"phq-9": "phq9-9"}
ITEMS_OF_LIFE = {
    "phq-9": ("mood", 1.0),
    "phq-2": ("mood", 1.0),
    "gad-7": ("worry", 1.0),
    "pcl-5": ("mood", 0.55),
    "ders-16": ("worry", 0.8),
    "csi-16": ("content", 1.0),
    "csi-4": ("content", 1.0),
}
"""What of a life an instrument shows, and how much of its range is ever reached."""
TOLD_ITEMS = {"beforedose-1": "7.5"}
HIGHEST_TOLD = {"pulseus-5": 6}
"""Nobody counts fifty quarrels a week, though the form would let them."""
UNTROUBLED = frozenset({"asq", "audit-c", "dast-10", "before-dose"})
"""Answered with the least there is: the story needs no trouble here."""

Line = tuple[tuple[int, int], ...]

TOLD: dict[tuple[str, str], Line] = {
    ("amara", "phq-9"): ((20, 18), (13, 18), (9, 16), (6, 11), (4, 8), (0, 6)),
    ("amara", "gad-7"): ((20, 13), (9, 12), (4, 7), (0, 6)),
    ("amara", "csi-16"): ((20, 34), (8, 40), (0, 57)),
    ("ben", "phq-9"): ((20, 14), (8, 14), (1, 7), (0, 7)),
    ("ben", "gad-7"): ((20, 15), (8, 15), (3, 11), (1, 7), (0, 7)),
    ("ben", "csi-16"): ((20, 37), (8, 40), (0, 55)),
}
"""The two whose story is told in full: total by weeks ago."""

OPEN_FLAG = "priscilla"
CLOSED_FLAG, CLOSED_FLAG_WEEK = "keiko", 4
WAITS = "ben"


class Weeks:
    """Every request to one partner since they came, and the answers that were sent."""

    def __init__(
        self,
        place: Place,
        pair: Pair,
        partner: Partner,
        person: Person,
        life: Life,
        since: datetime,
        couple: UUID | None,
    ) -> None:
        self.place, self.pair, self.partner, self.person, self.life = place, pair, partner, person, life
        self.since, self.couple = since, couple
        self.draw = place.sheaf.draw("weeks", partner.key)
        asked = [week for week in range(pair.weeks + 1) if self._at(week) <= place.now - LATEST]
        self.last = max(asked, default=0)

    def tell(self, doses: Sequence[datetime]) -> None:
        """Week by week, and around each dose of their own."""
        for week in range(self.last + 1):
            for instrument_id in self._asked_in(week):
                instrument = load(instrument_id)
                if instrument.kind is not Kind.RELATIONSHIP or self._is_together(week):
                    self._one(week, instrument)
        for number, at in enumerate(doses):
            self._around(number, at)

    def _asked_in(self, week: int) -> tuple[str, ...]:
        if week == 0:
            return INTAKE
        return MONTHLY if week % EVERYTHING_EVERY == 0 else WEEKLY

    def _is_together(self, week: int) -> bool:
        parted = self.pair.parted_weeks
        return self.couple is not None and (parted is None or week < self.pair.weeks - parted)

    def _day(self, at: datetime) -> date:
        return at.astimezone(self.place.zone).date()

    def _at(self, week: int) -> datetime:
        """The beginning; then the Monday on or after so many weeks, as the protocol's waves are counted."""
        if week == 0:
            return self.since
        day = self._day(self.since) + week * WEEK
        return datetime.combine(
            day + timedelta(days=-day.weekday() % 7), time(ASKED_AT_HOUR), self.place.zone
        )

    def _wave(self, week: int, instrument_id: str) -> str:
        day = self._day(self._at(week))
        if week == 0:
            return f"intake {day + INTAKE_WITHIN} {(self.couple or self.person.id).hex[-8:]}"
        if week % EVERYTHING_EVERY == 0 and instrument_id not in OF_THE_WEEK:
            return f"every 4 weeks {day}"
        return f"weekly {day.isocalendar().year}-W{day.isocalendar().week:02}"

    def _around(self, number: int, at: datetime) -> None:
        """What is asked before a dose and on the day after; on the day itself it is always answered."""
        week = min(self.pair.weeks, max(0, int((at - self.since) / WEEK)))
        for when, instruments, stem in (
            (at - timedelta(hours=3), BEFORE_A_DOSE, "before dose"),
            (at + timedelta(hours=22), THE_DAY_AFTER, "day after"),
        ):
            for instrument in map(load, instruments):
                if when > self.place.now - LATEST or not self.partner.has_login:
                    continue
                name = (self.partner.key, stem, number, instrument.id)
                wave = f"{stem} {self._day(at)} {number:08x}"
                request = self._request(name, when, instrument, wave, timedelta(hours=4))
                self._send(name, week, request, instrument, when + timedelta(minutes=40))

    def _one(self, week: int, instrument: Instrument) -> None:
        """One request and what came of it. A week left out was not asked: nothing piles up."""
        late = timedelta(hours=self.draw.uniform(3, 40))
        is_missed, is_waiting = self.draw.random() < MISSED, self.draw.random() < STILL_WAITING
        is_last = week == self.last
        if is_missed and 0 < week < self.last and not self._must(week):
            return
        name = (self.partner.key, week, instrument.id)
        asked_at = self._at(week)
        request = self._request(
            name, asked_at, instrument, self._wave(week, instrument.id), (7 if week == 0 else 3) * DAY
        )
        if self.partner.key == WAITS and is_last:
            self._draft(name, request, instrument)
        elif self.partner.has_login and (not (is_last and is_waiting) or self._must(week)):
            sent_at = min(request.recorded_at + late, self.place.now - LATEST)
            self._send(name, week, request, instrument, sent_at)

    def _request(
        self, name: tuple[object, ...], asked_at: datetime, instrument: Instrument, wave: str, time: timedelta
    ) -> Request:
        of_the_couple = {"couple_id": self.couple} if instrument.kind is Kind.RELATIONSHIP else {}
        return self.place.sheaf.add(
            Request,
            *name,
            subject=self.person,
            author=self.place.role("coordinator"),
            recorded_at=asked_at,
            due_at=asked_at + time,
            instrument=instrument.id,
            instrument_version=instrument.version,
            kind=instrument.kind.value,
            wave=wave,
            **of_the_couple,
        )

    def _must(self, week: int) -> bool:
        return (self.partner.key == OPEN_FLAG and week == self.last) or (
            self.partner.key == CLOSED_FLAG and week == CLOSED_FLAG_WEEK
        )

    def _draft(self, name: tuple[object, ...], request: Request, instrument: Instrument) -> None:
        """Begun on the phone and put away: two answers so far, of the first questionnaire only."""
        if instrument.id != "phq-9":
            return
        answers = dict(list(answers_to(instrument, 7, self.draw).items())[:2])
        self.place.sheaf.add(
            Response,
            *name,
            subject=self.person,
            author=self.person,
            request=request,
            instrument=instrument.id,
            instrument_version=instrument.version,
            kind=instrument.kind.value,
            wave=request.wave,
            answers=answers,
            revision=2,
            recorded_at=self.place.ago(0.4),
        )

    def _send(
        self, name: tuple[object, ...], week: int, request: Request, instrument: Instrument, sent_at: datetime
    ) -> None:
        fixed = {SUICIDE_ITEM[instrument.id]: int(self._must(week))} if instrument.id in SUICIDE_ITEM else {}
        if instrument.id in ITEMS_OF_LIFE:
            answers = answers_to(instrument, self._total(instrument, week), self.draw, fixed)
        else:
            well = 1.0 if instrument.id in UNTROUBLED else self.life.content[week]
            answers = answers_like(instrument, well, self.draw, TOLD_ITEMS, HIGHEST_TOLD)
        may_decline = (
            instrument.scored_items and instrument.kind is not Kind.SUICIDE
        )  # a refusal counts there
        if may_decline and self.draw.random() < RATHER_NOT:
            answers[instrument.scored_items[0].link_id] = None
        result = score(instrument, answers)
        response = self.place.sheaf.add(
            Response,
            *name,
            subject=self.person,
            author=self.person,
            request=request,
            instrument=instrument.id,
            instrument_version=result.instrument_version,
            kind=instrument.kind.value,
            wave=request.wave,
            status="sent",
            answers=answers,
            revision=len(answers),
            sent_at=sent_at,
            recorded_at=sent_at - timedelta(minutes=4),
            total=result.total,
            band=result.band.name if result.band else "",
            scores=result.totals(),
            rules=list(result.rules),
            flags=list(result.flags),
        )
        if self.place.now - sent_at < 8 * WEEK:
            self.place.sheaf.log(
                sent_at,
                "sent answers",
                self.person.id,
                subject_id=self.person.id,
                item_kind=response.kind,
                item_id=response.id,
            )
        if result.flags:
            self._flag(name, response, sent_at)

    def _total(self, instrument: Instrument, week: int) -> float:
        line = TOLD.get((self.partner.key, instrument.id))
        if line:
            return total_between(line, self.pair.weeks - week) + self.draw.choice((-1, 0, 0, 0, 1)) * (
                week % 3 > 0
            )
        part, reach = ITEMS_OF_LIFE[instrument.id]
        share: float = getattr(self.life, part)[week] * reach
        least, most = float(instrument.measure.least), float(instrument.measure.most)
        return least + share * (most - least) + self.draw.gauss(0, 0.7)

    def _flag(self, name: tuple[object, ...], response: Response, at: datetime) -> None:
        flag = self.place.sheaf.add(
            SafetyFlag,
            *name,
            subject=self.person,
            author=self.person,
            recorded_at=at,
            response=response,
            what=f"{load(response.instrument).short}: thoughts of not living",
        )
        if self.partner.key == CLOSED_FLAG:
            therapist = self.place.staff["noor"]
            self.place.sheaf.add(
                SafetyFlagClosed,
                *name,
                subject=self.person,
                author=therapist,
                recorded_at=at + DAY,
                flag=flag,
                reason=FLAG_CLOSED,
            )
            self.place.sheaf.log(
                at + DAY,
                "closed a safety flag",
                therapist.id,
                subject_id=self.person.id,
                item_kind="task",
                item_id=flag.id,
            )
