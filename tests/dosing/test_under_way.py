"""What ran in of an infusion, how far it has come and how long it is at work, where its pace is known and where it is not."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from bothwell.dosing import flowsheet, under_way
from bothwell.dosing.under_way import Infusion, Stage
from bothwell.pathway import protocol as protocols
from bothwell.pathway.protocol import Route

START = datetime(2026, 3, 6, 14, 0, tzinfo=UTC)
PROTOCOL = protocols.load(protocols.shipped()[0])


@dataclass(frozen=True)
class Event:
    event: str
    at: datetime
    rate_ml_per_h: Decimal | None = None


def minute(number: float) -> datetime:
    return START + timedelta(minutes=number)


def found(
    *said: tuple[str, float] | tuple[str, float, int], now: float, is_as_ordered: bool = True
) -> Infusion:
    rows = [Event(one[0], minute(one[1]), Decimal(one[2]) if len(one) > 2 else None) for one in said]
    state = under_way.infusion(
        rows, 40, minute(now), Decimal(100) if is_as_ordered else None, is_as_ordered=is_as_ordered
    )
    assert state is not None
    return state


# ── begun at another rate than that of the ordered bag ────────────────────────────────────────────────────


@pytest.mark.parametrize("rates", [(), (("rate", 10, 150),)])
def test_begun_at_another_rate_than_the_bags_nobody_says_when_it_ends(
    rates: tuple[tuple[str, float, int], ...],
) -> None:
    state = found(("start", 0, 75), *rates, now=50, is_as_ordered=False)
    assert (state.is_running, state.is_ending, state.ends_at, state.is_reckoned) == (True, False, None, False)
    shown = under_way.progress(
        arrived_at=minute(-20), started_at=START, ended_at=None, infused=state, now=minute(50)
    )
    at = 150 if rates else 75
    assert (shown.stage, shown.words) == (
        Stage.RUNNING,
        f"Infusion, min 50, at {at} mL/h; when it ends is not known",
    )


def test_a_pause_of_an_infusion_of_unknown_pace_names_no_end() -> None:
    state = found(("start", 0, 75), ("pause", 50), now=60, is_as_ordered=False)
    shown = under_way.progress(
        arrived_at=minute(-20), started_at=START, ended_at=None, infused=state, now=minute(60)
    )
    assert (shown.stage, shown.words) == (
        Stage.PAUSED,
        "Infusion paused at min 50; when it ends is not known",
    )


@pytest.mark.parametrize("stop", [20, 40, 80])
def test_what_ran_in_at_another_rate_than_the_bags_is_not_reckoned(stop: float) -> None:
    state = found(("start", 0, 75), ("stop", stop), now=90, is_as_ordered=False)
    told = under_way.ran_in(state, Decimal(34), is_as_ordered=False)
    assert told is not None and told.about_mg is None


# ── all of it ─────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("dose_mg", ["34", "34.4", "34.5", "35.2", "35.5", "9.95", "0.5"])
def test_an_infusion_that_ran_its_minutes_is_whole_whatever_its_dose(dose_mg: str) -> None:
    assert under_way.ran_in(found(("start", 0), ("stop", 41), now=60), Decimal(dose_mg)) is None


@pytest.mark.parametrize(
    ("dose_mg", "stop", "words"),
    [
        ("34.4", 38, "About 33 mg of 34.4 mg"),
        ("10.4", 38, "About 9.9 mg of 10.4 mg"),
        ("0.5", 30, "About 0.4 mg"),
    ],
)
def test_an_infusion_stopped_before_its_end_is_not_whole(dose_mg: str, stop: float, words: str) -> None:
    told = under_way.ran_in(found(("start", 0), ("stop", stop), now=60), Decimal(dose_mg))
    assert told is not None and told.words.startswith(words)


# ── how long it is at work ────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("state", "minutes"),
    [
        (found(("start", 0), now=10), Decimal(40)),
        (found(("start", 0), ("rate", 10, 75), now=20), Decimal(70)),
        (found(("start", 0), ("pause", 5), ("resume", 35), now=51), Decimal(70)),
        (found(("start", 0), ("pause", 5), now=51), under_way.UNTIL_STOPPED),
        (found(("start", 0), now=47), under_way.UNTIL_STOPPED),
        (found(("start", 0, 75), now=47, is_as_ordered=False), under_way.UNTIL_STOPPED),
        (found(("start", 0), ("stop", 47), now=60), Decimal(47)),
        (found(("start", 0), ("stop", 12), now=60), Decimal(12)),
    ],
)
def test_an_infusion_is_at_work_until_its_stop_else_until_its_expected_end(
    state: Infusion, minutes: Decimal
) -> None:
    assert state.active_minutes(START) == minutes


@pytest.mark.parametrize(
    ("active", "due"),
    [(Decimal(40), 70), (Decimal(47), 62), (Decimal(70), 60), (under_way.UNTIL_STOPPED, 60)],
)
def test_while_it_is_at_work_the_next_check_comes_at_its_pace(active: Decimal, due: int) -> None:
    check = flowsheet.next_check(
        PROTOCOL, Route.IV, started_at=START, active_minutes=active,
        last=dict.fromkeys(("heart_rate", "respiratory_rate", "sedation", "nausea", "dissociation"), minute(300))
        | {"systolic": minute(50)},
        now=minute(51),
    )  # fmt: skip
    assert check is not None and check.due_at == minute(due)
