"""What two invented people do at home: their weeks in three lines, what they agreed, the plan for afterwards.

No line here was ever written by anybody; every couple's words are drawn from the same few.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

from bothwell.demo.people import Pair
from bothwell.demo.place import DAY, WEEK, Place
from bothwell.models import (
    AgreementAnswer,
    CarePlanItem,
    Couple,
    CoupleAgreement,
    CoupleCheckin,
    CoupleSession,
    ExerciseDone,
    ExerciseGiven,
    Person,
    PlanReview,
    Receipt,
    SupportPlan,
    WarningSign,
)

WEEKS: Final = (
    (
        "You asked twice, and waited for the answer.",
        "Sunday evening, both tired.",
        "One walk without telephones.",
    ),
    ("The soup on Thursday.", "", "To hear about your sister before she rings."),
    ("That you said “there it is again” and we laughed.", "Money, once more.", ""),
    ("You let me sleep on Saturday.", "I kept things back on Tuesday.", "Ten minutes in the evening, twice."),
    ("Your hand in the waiting room.", "", "That we go slowly with the big questions."),
    ("The letter on the table.", "Three evenings with guests.", "An hour that belongs to us."),
)
SIGNS: Final = {
    "a": ("I answer with one word for days.", "I stop asking how it was."),
    "b": ("I stay at work longer than I need to.",),
}
PLANNED: Final = ("fischer-brandt", "haddad-karim", "nwosu-halloran")
PARTS: Final = (
    ("daily", "A walk before breakfast, most days. In bed by eleven."),
    ("people", "My sister on Sundays. The choir on Wednesdays."),
)
HOW: Final = ("good", "easy", "hard", "good", "")


@dataclass
class Doing:
    """The home life of one couple, as far as they tell each other: `people` by side."""

    place: Place
    pair: Pair
    couple: Couple
    people: dict[str, Person]
    held: list[CoupleSession]

    @property
    def ends(self) -> datetime:
        return self.couple.parted_at or self.place.now

    def tell(self) -> None:
        """Weeks, agreements, plan and care plan, for those who have met often enough."""
        self._say_how()
        if len(self.held) < 3:
            return
        self._weeks()
        self._agree()
        self._plan()
        self._care()

    def _say_how(self) -> None:
        """How an exercise went, in one of the four plain words."""
        sheaf, couple = self.place.sheaf, self.couple.id
        for number, given in enumerate(one for one in sheaf.of(ExerciseGiven) if one.couple_id == couple):
            given.way = ("together", "either")[number % 2]
        for number, done in enumerate(one for one in sheaf.of(ExerciseDone) if one.couple_id == couple):
            done.how, done.together = HOW[number % len(HOW)], number % 3 != 2

    def _weeks(self) -> None:
        turn = sum(map(ord, self.pair.key)) % len(WEEKS)
        for back in range(1, min(7, self.pair.weeks - 2)):
            monday = self._monday(back)
            for number, (side, person) in enumerate(sorted(self.people.items())):
                draw = self.place.sheaf.draw("week", self.pair.key, back, side)
                at = self.place.at((self.place.day(0) - monday).days - 6, 20, 15 + number)
                if draw.random() < 0.25 or at > self.ends or at > self.place.now:
                    continue
                appreciated, harder, wish = WEEKS[(turn + back * 2 + number) % len(WEEKS)]
                self.place.sheaf.add(
                    CoupleCheckin, self.pair.key, back, side, couple=self.couple, subject=person, author=person,
                    recorded_at=at, week=monday, appreciated=appreciated, harder=harder, wish=wish,
                )  # fmt: skip

    def _monday(self, weeks_back: int) -> date:
        today = self.place.day(0)
        return today - timedelta(days=today.weekday()) - weeks_back * WEEK

    def _agree(self) -> None:
        """No big decisions for two days after a session; and among Amara and Ben something of their own."""
        self._agreement("quiet", self.held[1].at + 2 * DAY, "a", ("a", "b"), days=2)
        if self.pair.key == "nwosu-halloran":
            self._agreement(
                "own", self.held[-1].at + DAY, "b", ("b",), words="No talk about money after nine."
            )

    def _agreement(
        self, name: str, at: datetime, by: str, yes: tuple[str, ...], days: int | None = None, words: str = ""
    ) -> None:
        if at + timedelta(hours=5) > self.ends:
            return
        row = self.place.sheaf.add(
            CoupleAgreement, self.pair.key, name, couple=self.couple, author=self.people[by],
            recorded_at=at, kind="no_big_decisions" if days else "other", days=days,
            words=words,
        )  # fmt: skip
        for number, side in enumerate(yes):
            self.place.sheaf.add(
                AgreementAnswer, self.pair.key, name, side, couple=self.couple, subject=self.people[side],
                author=self.people[side], recorded_at=at + number * timedelta(hours=5), agreement=row, answer="yes",
            )  # fmt: skip

    def _plan(self) -> None:
        if self.pair.key not in PLANNED or self.couple.parted_at:
            return
        therapist, at = self.place.staff[self.pair.therapist], self.held[-1].at + timedelta(hours=1)
        plan = self.place.sheaf.add(
            SupportPlan, self.pair.key, 1, couple=self.couple, author=therapist, recorded_at=at, number=1,
            cadence="Every three weeks until spring, then when they ask.",
            agreed="Ten minutes in the evening, three times a week.\nOne hour a week that belongs to the two.",
            if_it_returns="Whoever sees it first says: “There it is again.”\n"
            "If it stays for a week, either calls the clinic; we meet within ten days.",
            review_on=self.place.day(-24),
        )  # fmt: skip
        for side, person in self.people.items():
            for number, words in enumerate(SIGNS[side]):
                self.place.sheaf.add(
                    WarningSign, self.pair.key, side, number, couple=self.couple, subject=person, author=person,
                    recorded_at=at - timedelta(minutes=20 - number), words=words,
                )  # fmt: skip
            self._receive(person, plan, at)
        if self.pair.key == "fischer-brandt":
            self.place.sheaf.add(
                PlanReview, self.pair.key, couple=self.couple, author=therapist, recorded_at=at + DAY,
                kind="maintenance", on_day=(at + DAY).date(),
                words="The evenings hold.\nWhat happens next: nothing new; we go on as planned.",
                next_on=self.place.day(-1),
            )  # fmt: skip

    def _receive(self, person: Person, plan: SupportPlan, at: datetime) -> None:
        if at + DAY < self.place.now:
            self.place.sheaf.add(
                Receipt, plan.id, person.id, author=person, item_kind="couple.shared", item_id=plan.id,
                recorded_at=at + timedelta(hours=10),
            )  # fmt: skip

    def _care(self) -> None:
        """What one of them wrote into their own care plan, and a line of the prescriber's."""
        person, at = self.people["a"], self.held[0].at + DAY
        for part, words in PARTS:
            self.place.sheaf.add(
                CarePlanItem, self.pair.key, part, subject=person, author=person, recorded_at=at, part=part,
                words=words,
            )  # fmt: skip
        if self.pair.key == "nwosu-halloran":
            self.place.sheaf.add(
                CarePlanItem, self.pair.key, "medical", subject=person, author=self.place.role("prescriber"),
                recorded_at=at + DAY, part="medical",
                words="Blood pressure with the family doctor every three months.",
            )  # fmt: skip
