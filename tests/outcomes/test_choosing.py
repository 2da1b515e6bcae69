"""Who enters a part that must hold all couples of another, and what happens where it cannot."""

from bothwell.outcomes.choosing import Why, choose

COUPLES = {str(n): f"s@0:{n}" for n in range(10, 30)}
SAID = {"s@0": [{couple: use.rpartition(":")[2] for couple, use in list(COUPLES.items())[2:]}]}
"""Everybody but the first two stood in a result before."""


def of(core: set[str], candidates: dict[str, str] = COUPLES) -> tuple[set[str], Why]:
    found = choose(candidates, {}, SAID, lambda token: True, lambda couple: str(100 - int(couple)), core)
    return set(found.used), found.why


def test_without_a_core_the_couples_of_the_earlier_result_are_taken_again() -> None:
    assert of(set()) == (set(COUPLES) - {"10", "11"}, Why.ASIDE)


def test_with_a_core_others_are_left_aside_until_five_are_different() -> None:
    assert of({"10", "12"}) == (set(COUPLES) - {"27", "28", "29"}, Why.ASIDE)


def test_a_core_that_cannot_stay_whole_leaves_nobody() -> None:
    assert of({"10", "29"}) == (set(), Why.FEW)


def test_without_its_core_among_those_who_may_enter_there_is_no_part() -> None:
    others = {couple: use for couple, use in COUPLES.items() if couple != "10"}
    found = choose(others, {}, {}, lambda token: True, str, frozenset({"10"}))
    assert (set(found.used), found.why) == (set(), Why.FEW)


def test_what_waits_must_hold_the_core_too() -> None:
    last = {couple: use for couple, use in COUPLES.items() if couple not in ("10", "11")}
    waits = choose(COUPLES, last, SAID, lambda token: True, str, frozenset({"15"}))
    assert (set(waits.used), waits.why) == (set(last), Why.WAITS)
    other = choose(COUPLES, last, SAID, lambda token: True, str, frozenset({"10", "29"}))
    assert other.why is not Why.WAITS
