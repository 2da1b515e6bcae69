"""The forms as data: every field reached, what the record answers, what stays for a person, what is missing."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bothwell.monitoring import programme
from bothwell.monitoring.programme import Fault, Form, Type
from bothwell.monitoring.programme_prefill import ANSWERED, NO, YES, Facts, Measured, effect, prefill

ZONE = ZoneInfo("America/New_York")
START = datetime(2026, 3, 2, 14, 0, tzinfo=UTC)
FORMS = list(programme.shipped().values())
JUDGED = {"acceptable_before", "acceptable_after", "minutes_until_ready", "sedation", "dissociation", "serious_event",
          "sedation_began_at", "sedation_ended_at", "dissociation_began_at", "dissociation_ended_at",
          "respiratory_depression", "pressure_change"}  # fmt: skip
"""What the record never fills in: a person judges it."""


def minute(at: float) -> datetime:
    return START + timedelta(minutes=at)


def measured(*rows: tuple[float, object]) -> list[Measured]:
    return [Measured(minute(at), Decimal(str(v)) if not isinstance(v, str) else v) for at, v in rows]


FULL = Facts(
    zone=ZONE,
    full_name="Amara Grace Full",
    born_on=date(1984, 5, 31),
    is_first_treatment=False,
    started_at=START,
    ended_at=minute(128),
    dose_mg=Decimal("84.00"),
    lots=("L1", "L2"),
    pressures=measured((-5, "124/78"), (38, "151/92"), (44, "149/90"), (120, "126/80")),
    spo2_values=9,
    sedation=measured((-5, 5), (20, 4), (40, 3), (60, 5), (90, 5)),
    dissociation=measured((20, 2), (60, 1), (90, 0)),
    serious_events=0,
    medicines={"maoi": (False, START), "psychostimulants": (True, START),
               "opioids_or_depressants": (False, START), "lorazepam_equivalent_mg_per_day": ("1.5", START)},
    clinician_name="Helen, MD",
    setting_name="Clinic One",
    carried={"setting_city": "Springfield", "first_name": "Somebody else"},
)  # fmt: skip


def complete(form: Form) -> dict[str, str]:
    """An answer to every field: yes where a yes asks for more."""
    sample = {Type.BOOL: YES, Type.INT: "120", Type.TEXT: "x", Type.DATE: "2026-03-02", Type.TIME: "10:05",
              Type.BP: "128/80"}  # fmt: skip
    return {one.key: sample.get(one.type) or one.choices[-1] for one in form.fields}


# ── the files ─────────────────────────────────────────────────────────────────────────────────────────────


def test_both_versions_are_there_the_newest_first_and_only_for_the_nasal_route() -> None:
    assert [form.id for form in programme.for_route("in")] == ["spravato-rems-2024", "spravato-rems-2021"]
    assert programme.for_route("iv") == []


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.id)
def test_every_field_has_a_source_and_what_was_not_read_is_to_confirm(form: Form) -> None:
    assert all(one.source and one.label for one in form.fields)
    assert form.to_confirm and form.due_days == 7
    assert any(not one.is_sourced for one in form.fields)


def test_the_newer_version_asks_all_of_the_older_and_marks_what_is_new_as_to_confirm() -> None:
    newer, older = ({one.key: one for one in form.fields} for form in programme.for_route("in"))
    assert set(older) < set(newer)
    added = {key for key in newer if key not in older}
    assert added >= {
        "opioids",
        "is_first_treatment",
        "is_enrolled",
        "oximetry_recorded",
        "respiratory_depression",
    }
    assert not any(newer[key].is_sourced for key in added)


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.id)
def test_every_field_can_be_answered_and_every_required_one_is_missed_when_it_is_not(form: Form) -> None:
    whole = complete(form)
    assert programme.missing(form, whole) == []
    for one in form.fields:
        assert programme.read(one, whole[one.key]).value == whole[one.key], one.key
        without = {key: said for key, said in whole.items() if key != one.key}
        gone = [each.key for each in programme.missing(form, without)]
        # What depends on an answer that is gone is no longer asked.
        assert gone == ([one.key] if one.is_required else []), one.key


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.id)
def test_what_is_not_asked_is_neither_missing_nor_kept(form: Form) -> None:
    whole = complete(form) | {"sedation": NO}
    kept = programme.settled(form, whole)
    assert "sedation_began_at" not in kept and kept["sedation"] == NO
    assert programme.missing(form, {k: v for k, v in whole.items() if not k.startswith("sedation_")}) == []


def test_a_file_that_is_no_form_says_where() -> None:
    text = (programme.SHIPPED / "spravato-rems-2021.toml").read_text("utf-8")
    for wrong, right, words in (
        ('key = "maoi"', 'key = "lots"', "asked twice"),
        ('from = "maoi"', 'from = "moon"', "has no 'moon'"),
        ('when = "sedation=yes"', 'when = "later=yes"', "not asked before"),
        ('type = "bp"', 'type = "ecg"', "no type"),
        ('choices = ["56 mg", "84 mg", "other"]', "", "has choices"),
        ('route = "in"', "", "needs 'route'"),
        ('id = "', "id = = ", "not TOML"),
    ):
        assert wrong in text
        with pytest.raises(Fault, match=words):
            programme.parse(text.replace(wrong, right))


def test_another_version_is_another_file() -> None:
    text = (programme.SHIPPED / "spravato-rems-2024.toml").read_text("utf-8")
    field = '\n[[sections.fields]]\nkey = "weather"\nlabel = "The weather"\ntype = "text"\n'
    form = programme.parse(text.replace("spravato-rems-2024", "spravato-rems-2030") + field)
    assert form.id == "spravato-rems-2030" and form.fields[-1].key == "weather"
    assert form.fields[-1] in programme.missing(form, {})


# ── what the record answers ───────────────────────────────────────────────────────────────────────────────


def test_the_record_answers_what_it_knows_and_nothing_that_is_judged() -> None:
    form = programme.shipped()["spravato-rems-2024"]
    began = programme.begin(form, FULL)
    assert began == {
        "first_name": "Amara", "middle_initial": "G", "last_name": "Full", "born_on": "1984-05-31",
        "is_first_treatment": NO, "benzodiazepines": YES, "opioids": NO, "psychostimulants": YES, "maoi": NO,
        "clinician_name": "Helen, MD", "setting_name": "Clinic One", "setting_city": "Springfield",
        "treated_on": "2026-03-02", "dose": "84 mg", "lots": "L1, L2", "minutes_monitored": "128",
        "pressure_before": "124/78", "pressure_before_at": "08:55",
        "pressure_40": "151/92", "pressure_40_at": "09:38",
        "pressure_after": "126/80", "pressure_after_at": "11:00",
        "oximetry_recorded": YES, "oximetry_checks": "9",
    }  # fmt: skip
    assert not JUDGED & set(began)


def test_sedation_and_dissociation_are_suggested_from_the_chart() -> None:
    found = programme.answered(programme.shipped()["spravato-rems-2021"], FULL)
    said = {key: found[key].value for key in JUDGED if key in found}
    assert said == {
        "sedation": YES, "sedation_began_at": "09:20", "sedation_ended_at": "10:00",
        "dissociation": YES, "dissociation_began_at": "09:20", "dissociation_ended_at": "10:30",
    }  # fmt: skip
    assert all(found[key].where for key in found)


def test_every_from_in_both_files_is_something_the_record_can_say() -> None:
    other = prefill(Facts(dose_mg=Decimal(28), serious_events=1))
    assert {*prefill(FULL), *other} == set(ANSWERED)


def test_an_empty_record_answers_nothing() -> None:
    assert prefill(Facts()) == {}


def test_opioids_or_other_depressants_answer_only_with_a_no() -> None:
    taken = Facts(medicines={"opioids_or_depressants": (True, START), "maoi": (None, START)})
    assert prefill(taken) == {}


def test_one_pressure_is_not_given_out_as_two() -> None:
    facts = Facts(started_at=START, ended_at=minute(60), pressures=measured((42, "140/88")))
    found = prefill(facts)
    assert found["pressure_40"].value == "140/88"
    assert "pressure_after" not in found and "pressure_before" not in found


@pytest.mark.parametrize("at", [29, 51])
def test_a_pressure_too_far_from_the_fortieth_minute_is_not_taken_for_it(at: int) -> None:
    assert "pressure_40" not in prefill(Facts(started_at=START, pressures=measured((at, "140/88"))))


@given(st.lists(st.tuples(st.integers(-30, 300), st.booleans()), max_size=20, unique_by=lambda row: row[0]))
def test_what_began_after_the_dose_ends_only_after_its_last_yes(rows: list[tuple[int, bool]]) -> None:
    found = effect([(minute(at), said) for at, said in rows], START)
    yes = [minute(at) for at, said in rows if said and at > 0]
    assert found.was_charted == any(at > 0 for at, _ in rows)
    assert found.began_at == min(yes, default=None)
    if found.ended_at:
        assert found.ended_at > max(yes)


# ── what is typed ─────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("kind", "typed", "kept"),
    [(Type.BP, " 128 / 80 ", "128/80"), (Type.BP, "80/128", None), (Type.BP, "128", None), (Type.BP, "999/80", None),
     (Type.TIME, "905", "09:05"), (Type.TIME, "9.05", "09:05"), (Type.TIME, "24:00", None), (Type.TIME, "9", None),
     (Type.DATE, "2026-03-02", "2026-03-02"), (Type.DATE, "2 March", None), (Type.BOOL, "maybe", None),
     (Type.INT, "0120", "120"), (Type.INT, "-1", None), (Type.INT, "1e3", None), (Type.TEXT, "x" * 201, None),
     (Type.TEXT, " two  words ", "two words"), (Type.BP, "", "")],
)  # fmt: skip
def test_what_is_typed_is_kept_in_one_way_or_refused_in_words(
    kind: Type, typed: str, kept: str | None
) -> None:
    one = programme.Field("k", "K", kind, "source", True)
    said = programme.read(one, typed)
    assert (said.value, bool(said.trouble)) == (kept or "", kept is None)


@given(st.sampled_from([one for form in FORMS for one in form.fields]), st.text(max_size=40))
def test_reading_what_was_kept_changes_nothing(one: programme.Field, typed: str) -> None:
    said = programme.read(one, typed)
    if not said.trouble:
        assert programme.read(one, said.value) == said


# ── how long there is ─────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("later", "words"),
    [(timedelta(0), "7 days left"), (timedelta(days=5, hours=1), "1 day left"), (timedelta(days=6, hours=1), "23 hours left"),
     (timedelta(days=6, hours=23, minutes=10), "less than an hour left"), (timedelta(days=7, hours=1, minutes=1), "1 hour late"),
     (timedelta(days=9), "2 days late")],
)  # fmt: skip
def test_a_form_is_due_seven_days_after_the_session(later: timedelta, words: str) -> None:
    due = FORMS[0].due_at(START)
    assert due == START + timedelta(days=7)
    assert programme.left(due, START + later) == words
