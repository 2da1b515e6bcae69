"""Scores that people worked out by hand from the published rules, for every instrument of the catalogue."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from bothwell.instruments.catalogue import all_instruments, load
from bothwell.instruments.instrument import Instrument, Item, ItemType
from bothwell.instruments.scoring import Answers, score

GOLDEN = Path(__file__).parent / "golden"
CASES = [
    pytest.param(path.stem, case, id=f"{path.stem}: {case['why'][:60]}")
    for path in sorted(GOLDEN.glob("*.json"))
    for case in json.loads(path.read_bytes())["cases"]
]
FEWEST_CASES = {True: 4, False: 3}
"""For an instrument with its words; for a skeleton."""


def answer(item: Item, points: object) -> str:
    """The answer to an item that is printed with these points (for a number: the number itself)."""
    if item.type in (ItemType.CHOICE, ItemType.BOOLEAN):
        return next(option.code for option in item.options if option.points == Decimal(str(points)))
    return str(points)


def answers_of(instrument: Instrument, case: dict[str, Any]) -> Answers:
    given: dict[str, str | None] = {}
    for item in instrument.items:
        if case.get("all") is not None and item.options:
            given[item.link_id] = answer(item, case["all"])
    for link_id, points in case.get("points", {}).items():
        item = instrument.item(link_id)
        assert item is not None, link_id
        given[link_id] = answer(item, points)
    for link_id in case.get("declined", []):
        given[link_id] = None
    for link_id in case.get("left_out", []):
        given.pop(link_id, None)
    return given


@pytest.mark.parametrize(("instrument_id", "case"), CASES)
def test_the_score_worked_by_hand(instrument_id: str, case: dict[str, Any]) -> None:
    instrument, expected = load(instrument_id), case["expect"]
    found = score(instrument, answers_of(instrument, case))
    totals = {each.scale.id: each.total for each in found.scales}
    wanted = {name: None if text is None else Decimal(text) for name, text in expected["scores"].items()}
    assert {name: totals[name] for name in wanted} == wanted
    assert (found.band.name if found.band else None) == expected["band"]
    assert sorted(found.flags) == sorted(expected["flags"])
    assert sorted(found.rules) == sorted(expected["rules"])


@pytest.mark.parametrize("instrument", all_instruments(), ids=lambda each: each.id)
def test_every_instrument_has_scores_worked_by_hand_for_all_its_scales(instrument: Instrument) -> None:
    if not instrument.scales:
        return
    cases = json.loads((GOLDEN / f"{instrument.id}.json").read_bytes())["cases"]
    assert len(cases) >= FEWEST_CASES[instrument.can_be_asked]
    reached = {
        name for case in cases for name, total in case["expect"]["scores"].items() if total is not None
    }
    assert reached == set(instrument.by_scale)
    raised = {flag for case in cases for flag in case["expect"]["flags"]}
    assert raised == {rule.flag for rule in instrument.flags}
    assert {rule for case in cases for rule in case["expect"]["rules"]} == {
        rule.id for rule in instrument.rules
    }
