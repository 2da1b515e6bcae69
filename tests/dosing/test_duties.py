"""What is owed for a controlled substance and by when; every figure says where it is from."""

from datetime import date, datetime
from pathlib import Path

import pytest

from bothwell.dosing import duties


def test_the_shipped_file_is_whole_and_marks_what_is_to_be_confirmed() -> None:
    found = duties.load()
    assert {duty.key for duty in found.duties} >= {"loss", "inventory", "waste", "destruction", "retention"}
    assert not found.resolve_within_hours.is_sourced
    assert not found.dead_space_ul.is_sourced
    assert found.form_106_days.is_sourced
    assert found.dead_space_ul.value == 0


def test_a_loss_found_on_a_friday_is_notified_on_the_monday() -> None:
    found = duties.load()
    assert found.notice_by(date(2026, 3, 6)) == date(2026, 3, 9)
    assert found.notice_by(date(2026, 3, 9)) == date(2026, 3, 10)
    assert found.form_106_by(date(2026, 3, 6)) == date(2026, 4, 20)


def test_the_next_inventory_is_two_years_after_the_last_and_due_now_without_one() -> None:
    found = duties.load()
    assert found.inventory_due_on(date(2024, 2, 29)) == date(2026, 2, 28)
    assert found.inventory_due_on(date(2025, 12, 1)) == date(2027, 12, 1)
    assert found.inventory_due_on(None) is None


def test_a_discrepancy_has_its_hours() -> None:
    at = datetime.fromisoformat("2026-03-06T10:00:00+00:00")
    assert duties.load().resolve_by(at) == datetime.fromisoformat("2026-03-07T10:00:00+00:00")


@pytest.mark.parametrize(
    ("was", "is_now"),
    [
        ("value = 24\n", "value = -1\n"),
        ('status = "sourced"', 'status = "sure"'),
        ("[number.retain_years]", "[number.keep]"),
    ],
)
def test_a_file_that_is_not_whole_is_not_taken(tmp_path: Path, was: str, is_now: str) -> None:
    changed = tmp_path / "vials.toml"
    changed.write_text(duties.SHIPPED.read_text("utf-8").replace(was, is_now, 1), "utf-8")
    with pytest.raises(ValueError, match=r"."):
        duties.load(changed)
