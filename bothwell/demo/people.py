"""What is known of each person, couple and clinic of the demonstration: the shape of its cast.

It names nobody; `cast` does. Times are days and weeks ago.
"""

from __future__ import annotations

from dataclasses import dataclass

from bothwell.pathway.steps import Phase, State

SEED = 7
PASSWORD = "bothwell-demo"
"""Of every login of the demonstration. Public, so such a database is only ever served to its own machine."""
DOMAIN = "demo.invalid"

LEAST_DAYS_BEFORE_A_DOSE = 22
"""From referral to the first dose nobody here is faster: evaluation, decision, consent, preparation."""


@dataclass(frozen=True, slots=True)
class Staff:
    """One member of staff. `key` is also the part of the e-mail address before the at sign."""

    key: str
    name: str
    title: str
    roles: tuple[str, ...]
    pronouns: str = ""

    @property
    def email(self) -> str:
        return f"{self.key}@{DOMAIN}"


@dataclass(frozen=True, slots=True)
class Partner:
    """One partner by the name they use, which is also how they log in."""

    key: str
    name_used: str
    full_name: str
    pronouns: str
    born: int
    may_be_pregnant: bool = False
    has_login: bool = True

    @property
    def email(self) -> str:
        return f"{self.key}@{DOMAIN}"


@dataclass(frozen=True, slots=True)
class Plan:
    """One treated person's way so far. Sessions as days ago, the first one first."""

    phase: Phase
    doses: tuple[int, ...] = ()
    state: State = State.ACTIVE
    planned: int = 6
    route: str = "iv"
    turned_back: tuple[int, ...] = ()
    next_in_days: int | None = None
    signed_by: tuple[str, ...] = ("prescriber", "couples_therapist", "partner")
    prescriber: str = "helen"
    nurse: str = "luis"
    therapist: str = "priya"


@dataclass(frozen=True, slots=True)
class Pair:
    """One couple, what each went through, what they agreed on, and for how many `weeks` they are in care."""

    key: str
    a: Partner
    b: Partner | None
    weeks: int
    therapist: str = "dana"
    modality: str = "eft"
    a_plan: Plan | None = None
    b_plan: Plan | None = None
    mode: str = "no_secrets"
    unsigned: str = ""
    parted_weeks: int | None = None
    held: int = 4
    next_session_hours: int | None = None
    a_releases: tuple[str, ...] = ()
    b_releases: tuple[str, ...] = ()
    staff_b: str = ""
    safety: tuple[str, ...] = ()
    weekly: bool = False

    @property
    def sides(self) -> tuple[tuple[str, Partner | None, Plan | None, tuple[str, ...]], ...]:
        return (("a", self.a, self.a_plan, self.a_releases), ("b", self.b, self.b_plan, self.b_releases))


@dataclass(frozen=True, slots=True)
class Bed:
    """Who is here today, in which room, behind which monitor, and how far along.

    `minutes` since the first dose; None: the person has arrived and nothing was given yet. The monitor has
    said nothing for `silent_minutes`.
    """

    pair: str
    side: str
    room: str
    device: str
    signal: int
    minutes: int | None
    scenario: str = "quiet"
    silent_minutes: int = 0

    @property
    def is_fed(self) -> bool:
        return self.silent_minutes == 0

    @property
    def story_seconds(self) -> int:
        """Where in its story the monitor stands when the clinic is loaded: the dose is given ten minutes in.

        Before a dose it stands long before that point, so that waiting does not look like a dose.
        """
        return -86_400 if self.minutes is None else 600 + self.minutes * 60


@dataclass(frozen=True, slots=True)
class House:
    """One invented clinic."""

    key: str
    name: str
    staff: tuple[Staff, ...]
    pairs: tuple[Pair, ...]
    rooms: tuple[str, ...]
    beds: tuple[Bed, ...] = ()
    later_today: tuple[str, str, str] | None = None
    """Couple, side and room of whose session stands in today's calendar and who has not arrived yet."""

    def member(self, key: str) -> Staff:
        return next(one for one in self.staff if one.key == key)

    def with_role(self, role: str) -> Staff:
        return next(one for one in self.staff if role in one.roles)
