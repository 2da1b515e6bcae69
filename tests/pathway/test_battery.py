"""The waves of a protocol: what is shipped, what an occasion is called, and every fault by file, line and field."""

from datetime import date
from uuid import UUID

import pytest

from bothwell.pathway import battery
from bothwell.pathway.protocol import load, read, shipped
from bothwell.pathway.schema import Status, Whom

PATH = shipped()[0]
TEXT = PATH.read_text(encoding="utf-8")
WAVES = load(PATH).waves
BATTERY = {
    "phq-9", "gad-7", "pcl-5", "asq", "audit-c", "dast-10", "ders-16", "ecr-s", "csi-16", "cpq-sf", "iri-c",
}  # fmt: skip
BY_ID = {wave.id: wave for wave in WAVES}


def test_the_shipped_battery_is_the_one_of_the_dossier_without_the_screen_about_violence() -> None:
    ids = {wave.id: {each.id for each in wave.instruments} for wave in WAVES}
    intake = BATTERY
    for wave in ("intake", "every_4_weeks", "end", "month_3", "month_6", "month_12"):
        assert ids[wave] == intake
    assert ids["before_dose"] == {"asq", "phq-2", "before-dose"}
    assert ids["day_after"] == {"day-after", "ebi"}
    assert ids["weekly"] == {"phq-9", "gad-7", "csi-4", "pulse-us", "pulse-me"}
    assert not battery.SEALED & set().union(*ids.values())


def test_no_occasion_begins_with_a_question_about_wishing_to_be_dead() -> None:
    for wave in WAVES:
        ids = [each.id for each in wave.instruments]
        turns = sorted(ids, key=lambda one: battery.turn(wave, one, is_screen=one == "asq"))
        assert turns[0] != "asq"
        assert [one for one in turns if one != "asq"] == [one for one in ids if one != "asq"]
        if "asq" in ids:
            assert turns.index("asq") == max(1, ids.index("asq"))  # put off no further than it must be
    assert sorted(
        ["asq", "gad-7", "who-5"], key=lambda one: battery.turn(None, one, is_screen=one == "asq")
    ) == ["gad-7", "who-5", "asq"]


def test_every_number_of_the_waves_is_still_to_be_confirmed() -> None:
    rows = [row for row in load(PATH).sourced() if row[0].startswith(("waves", "reminding"))]
    assert len(rows) > 40
    assert {row[3] for row in rows} == {Status.DEFAULT}


def test_what_is_common_asks_both_and_what_is_of_a_dose_only_who_is_treated() -> None:
    for wave in WAVES:
        both = set(battery.asked(wave, is_treated=False))
        assert both == (set(battery.asked(wave, is_treated=True)) if wave.is_common else set())
        assert all(each.of is (Whom.EACH if wave.is_common else Whom.TREATED) for each in wave.instruments)


def test_names_say_the_week_the_day_or_the_thing() -> None:
    thing = UUID(int=0x9F3A12BC)
    assert battery.of_week(BY_ID["weekly"], date(2021, 1, 3)) == "weekly 2020-W53"
    assert battery.of_week(BY_ID["every_4_weeks"], date(2026, 11, 16)) == "every 4 weeks 2026-11-16"
    assert battery.of_day(BY_ID["month_3"], date(2026, 8, 1)) == "month 3 2026-08-01"
    assert battery.of_thing(BY_ID["end"], thing) == "end 9f3a12bc"
    for wave in WAVES:
        assert battery.wave_of(WAVES, battery.of_thing(wave, thing, date(2026, 1, 1))) == wave
    assert battery.wave_of(WAVES, "weeklyish") is None


@pytest.mark.parametrize(
    ("was", "now", "field", "reason"),
    [
        ('id = "weekly"', 'id = "Weekly!"', "waves[8].id", "small letters"),
        ('id = "weekly"', 'id = "end"', "waves[8].id", "stands above"),
        ('{ id = "pulse-us"', '{ id = "hark"', "waves[8].instruments[3].id", "safety circle"),
        ('{ id = "pulse-us"', '{ id = "csi-4"', "waves[8].instruments[3].id", "already"),
        ('"end"\ntitle', '"end"\nat_noon = 1\ntitle', "waves[7].at_noon", "not known"),
        ('anchor = "series_end"', 'anchor = "dose"\ndue_after_months = { value = 1, source = "x", status = "published" }',
         "waves[7].anchor", "exactly one"),
        ('anchor = "series_end"', 'anchor = "christmas"', "waves[7].anchor", "must be one of"),
        ("due_before_hours = { value = 2,", "due_after_months = { value = 2,", "waves[0].anchor", "exactly one"),
        ("opens_before_hours = { value = 24,", "opens_before_hours = { value = 169,", "waves[0].opens_before_hours", "168"),
        ("lapses_after_hours = { value = 159,", "lapses_after_hours = { value = 200,", "waves[8].lapses_after_hours", "still be open"),
        ('yields_to = ["intake", "month_12"', 'yields_to = ["nothing", "month_12"', "waves[8].yields_to", "above"),
        ('yields_to = ["intake", "month_12"', 'yields_to = ["end", "month_12"', "waves[8].yields_to", "one person's own"),
        ("at_hour = { value = 18,", "at_hour = { value = 24,", "waves[2].at_hour", "0 to 23"),
        ("at_hour = { value = 10, source = \"House default; no published interval found\", status = \"default-to-confirm\" }\nat_most",
         "at_hour = { value = 22, source = \"x\", status = \"published\" }\nat_most", "reminding.at_hour", "0 to 20"),
    ],
)  # fmt: skip
def test_a_fault_is_named_by_its_line_and_field(was: str, now: str, field: str, reason: str) -> None:
    assert TEXT.count(was) >= 1
    at = TEXT.rindex(was)
    problems = read(TEXT[:at] + now + TEXT[at + len(was) :], "clinic.toml").problems
    found = [problem for problem in problems if problem.field == field]
    assert found and reason in found[0].reason, problems
    assert found[0].line > TEXT[: TEXT.index("[[waves]]")].count("\n")


def test_a_questionnaire_nobody_knows_is_no_fault_of_the_file() -> None:
    assert read(TEXT.replace('{ id = "pulse-us"', '{ id = "our-own"'), "clinic.toml").protocol is not None
