"""What is owed for a controlled substance, in which country and by when; every figure says where it is from."""

import re
from datetime import date, datetime
from pathlib import Path

import pytest

from bothwell.couples.crisis import lines_by_country
from bothwell.dosing import duties

ELSEWHERE = sorted(set(lines_by_country()) - {"US"})


def test_the_shipped_file_is_whole_and_marks_what_is_to_be_confirmed() -> None:
    found = duties.load("US")
    assert {duty.key for duty in found.duties} >= {"loss", "inventory", "waste", "destruction", "retention"}
    assert not found.resolve_within_hours.is_sourced
    assert not found.dead_space_ul.is_sourced
    assert [each.is_sourced for each in found.deadlines] == [True, True]
    assert found.dead_space_ul.value == 0


def test_a_loss_found_on_a_friday_is_notified_on_the_monday() -> None:
    notice, form = duties.load("us").deadlines
    assert notice.by(date(2026, 3, 6)) == date(2026, 3, 9)
    assert notice.by(date(2026, 3, 9)) == date(2026, 3, 10)
    assert notice.within == "1 business day; holidays not reckoned"
    assert form.by(date(2026, 3, 6)) == date(2026, 4, 20)
    assert form.within == "45 days"


def test_the_next_inventory_is_two_years_after_the_last_and_due_now_without_one() -> None:
    found = duties.load("US")
    assert found.inventory_due_on(date(2024, 2, 29)) == date(2026, 2, 28)
    assert found.inventory_due_on(date(2025, 12, 1)) == date(2027, 12, 1)
    assert found.inventory_due_on(None) is None


@pytest.mark.parametrize("country", [*ELSEWHERE, "", "XX"])
def test_where_no_law_was_read_no_number_and_no_authority_is_named(country: str) -> None:
    found = duties.load(country)
    assert (found.law, found.schedule, found.deadlines) == ("", "", ())
    assert found.inventory_every_months is None
    assert found.inventory_due_on(date(2026, 1, 1)) is None
    said = " ".join([found.note, *(f"{each.title} {each.text} {each.source}" for each in found.duties)])
    assert "your law asks" in said
    assert not re.search(r"DEA|CFR|Form \d|Schedule|Federal|United States|\d", said)
    assert {each.key for each in found.duties} == {each.key for each in duties.load("US").duties}


def test_a_discrepancy_has_its_hours_in_every_country() -> None:
    at = datetime.fromisoformat("2026-03-06T10:00:00+00:00")
    for country in ("US", "GB"):
        assert duties.load(country).resolve_by(at) == datetime.fromisoformat("2026-03-07T10:00:00+00:00")


@pytest.mark.parametrize(
    ("was", "is_now"),
    [
        ("value = 24\n", "value = -1\n"),
        ('status = "sourced"', 'status = "sure"'),
        ("[law.US.number.retain_years]", "[law.US.number.keep]"),
        ("[number.dead_space_ul]", "[number.dead]"),
        ("business_days = 1", "business_days = 0"),
        ('unusable = "unusable"', ""),
        ("[[law.elsewhere.duty]]", "[law.elsewhere.number.retain_years]"),
    ],
)
def test_a_file_that_is_not_whole_is_not_taken(tmp_path: Path, was: str, is_now: str) -> None:
    changed = tmp_path / "vials.toml"
    text = duties.SHIPPED.read_text("utf-8")
    assert was in text
    changed.write_text(text.replace(was, is_now, 1), "utf-8")
    with pytest.raises(ValueError, match=r"."):
        duties.load("US", changed)
