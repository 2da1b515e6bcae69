"""A draft of a protocol's next version, without a database: names, the file written anew, two people at one field."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bothwell.pathway import protocol_changes as changing
from bothwell.pathway.protocol import load, read, shipped
from bothwell.pathway.protocol_changes import Edit, Typed
from bothwell.pathway.protocol_fields import Kind, by_place, groups, nameless, shown
from bothwell.pathway.protocol_text import OURS, Change, rewritten, written
from bothwell.pathway.schema import Status

PATH = shipped()[0]
TEXT = PATH.read_text(encoding="utf-8")
PROTOCOL = load(PATH)
FIELDS = {at: field for at, (_, field) in by_place(PROTOCOL).items()}
NOW = datetime(2026, 5, 4, 14, 3, tzinfo=UTC)
LEA = Edit(1, "", "", "", "lea", "Lea Lead", NOW)
MAX = Edit(2, "", "", "", "max", "Max Lead", NOW)
HIGH = "limits.systolic.warn_high"


def weigh(
    typed: dict[str, Typed], edits: tuple[Edit, ...] = (), *, seen: int = 0, by: Edit = LEA
) -> changing.Weighed:
    return changing.weigh(PROTOCOL, edits, typed, seen=seen, text=TEXT, by=by)


# ── names ──


@pytest.mark.parametrize("path", shipped(), ids=lambda path: path.stem)
def test_every_number_of_every_shipped_protocol_has_a_plain_name_and_a_unit(path) -> None:
    rules = load(path)
    assert nameless(rules) == []
    known = by_place(rules)
    assert {at for at, _, _, _ in rules.sourced()} <= set(known)
    for _, field in known.values():
        assert "_" not in field.name and "{" not in field.name, field.at
        assert field.unit or field.kind is not Kind.NUMBER, field.at


def test_a_number_nobody_named_is_found() -> None:
    text = TEXT.replace("[evidence_days]\n", "[evidence_days]\nshoe_size = { value = 1, source = \"x\", status = \"published\" }\n")  # fmt: skip
    rules = read(text, "clinic.toml").protocol
    assert rules is not None
    assert nameless(rules) == ["evidence_days.shoe_size"]


def test_names_are_each_one_fields_alone_in_their_form() -> None:
    for group in groups(PROTOCOL):
        names = [field.name for field in group.fields]
        assert len(set(names)) == len(names), group.title
    assert len({group.id for group in groups(PROTOCOL)}) == len(groups(PROTOCOL))


def test_a_value_is_shown_with_its_unit_in_the_singular_too() -> None:
    assert FIELDS[HIGH].shown == "160 mmHg"
    assert shown(FIELDS["afterwards.no_big_decisions_days"], Decimal(1)) == "1 day"
    assert shown(FIELDS["maintenance.at_most_per_week"], Decimal(1)) == "1 session a week"
    assert FIELDS["discharge.score"].shown == "MPADSS"


# ── the file ──


def test_a_file_written_anew_reads_the_same() -> None:
    raw = tomllib.loads(TEXT, parse_float=Decimal)
    assert tomllib.loads(written(raw), parse_float=Decimal) == raw


plain_toml = st.recursive(
    st.booleans() | st.integers(0, 10**6) | st.decimals(0, 1000, places=3) | st.text(max_size=12),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(min_size=1, max_size=6), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(st.dictionaries(st.text(min_size=1, max_size=6), plain_toml, max_size=4))
def test_whatever_is_written_is_read_back(raw: dict[str, object]) -> None:
    assert tomllib.loads(written(raw), parse_float=Decimal) == raw


@given(
    st.sampled_from(sorted(at for at, field in FIELDS.items() if field.kind is Kind.NUMBER)),
    st.integers(0, 3),
)
def test_a_change_changes_one_number_its_source_and_nothing_else(at: str, more: int) -> None:
    field = FIELDS[at]
    assert isinstance(field.value, Decimal)
    after = tomllib.loads(
        rewritten(TEXT, [Change(field, field.value + more, "Ours")], "1"), parse_float=Decimal
    )
    before = tomllib.loads(TEXT, parse_float=Decimal)
    rows = {row[0]: row for row in _rows(before)}
    told = {row[0]: row for row in _rows(after)}
    assert rows.keys() == told.keys()
    half = at.removesuffix(".value").removesuffix(".seconds")
    assert {one for one in rows if rows[one] != told[one]} <= {
        f"{half}.{part}" for part in ("value", "seconds", "source", "status")
    }
    assert told[f"{half}.source"][1].startswith(f"{OURS}Ours (before: {field.shown}")
    assert told[f"{half}.status"][1] == Status.DEFAULT


def _rows(node: object, at: str = "") -> list[tuple[str, object]]:
    match node:
        case dict():
            return [row for key, one in node.items() for row in _rows(one, f"{at}.{key}" if at else str(key))]
        case list():
            return [row for index, one in enumerate(node) for row in _rows(one, f"{at}[{index}]")]
    return [(at, node)]


def test_a_number_changed_twice_names_only_what_it_was_the_last_time() -> None:
    once = read(rewritten(TEXT, [Change(FIELDS[HIGH], Decimal(150), "First.")], "1.1"), "x").protocol
    assert once is not None
    field = by_place(once)[HIGH][1]
    twice = rewritten("version = \"1\"\n[limits.systolic]\nwarn_high = { value = 150, source = \"x\", status = \"published\" }", [Change(field, Decimal(145), "Second")], "1.2")  # fmt: skip
    assert '"Our clinic: Second (before: 150 mmHg)"' in twice


def test_both_halves_of_a_limit_that_must_last_keep_both_reasons() -> None:
    at = "limits.spo2.alarm_low_sustained"
    changes = [
        Change(FIELDS[f"{at}.value"], Decimal(91), "Lower"),
        Change(FIELDS[f"{at}.seconds"], Decimal(30), "Sooner"),
    ]
    rules = read(rewritten(TEXT, changes, "1.1"), "x").protocol
    assert rules is not None
    limit = rules.limits_values()["spo2"]["alarm_low_sustained"]
    assert limit == {"value": 91, "seconds": 30}
    source = by_place(rules)[f"{at}.value"][1].source
    assert "Lower" in source and "Sooner" in source


@pytest.mark.parametrize(
    ("version", "taken", "becomes"),
    [("1", (), "1.1"), ("1.1", ("1", "1.1"), "1.2"), ("1", ("1.1", "1.2"), "1.3"), ("2026-beta", (), "2026-beta.1")],
)  # fmt: skip
def test_the_next_version_is_the_clinics_own(version: str, taken: tuple[str, ...], becomes: str) -> None:
    assert changing.next_version(version, taken) == becomes


# ── what is typed ──


@pytest.mark.parametrize(
    ("at", "typed", "says"),
    [
        (HIGH, Typed("a lot", "x"), changing.NO_NUMBER),
        (HIGH, Typed("", "x"), changing.NO_NUMBER),
        (HIGH, Typed("NaN", "x"), changing.NO_NUMBER),
        (HIGH, Typed("1e5", "x"), changing.NO_NUMBER),
        (HIGH, Typed("-5", "x"), changing.BELOW_NOUGHT),
        (HIGH, Typed("150"), changing.NO_REASON),
        (HIGH, Typed("150", "x" * 301), "Give the reason in at most 300 characters: these are 301."),
        (HIGH, Typed("190", "x"),
         "“Systolic pressure: warning, high” must lie below “Systolic pressure: alarm, high”. Change one of the two."),
        ("limits.systolic.alarm_high", Typed("150", "x"),
         "“Systolic pressure: warning, high” must lie below “Systolic pressure: alarm, high”. Change one of the two."),
        ("routes.iv.dose.mg_per_kg_maximum", Typed("0.4", "x"),
         "“Usual dose by weight” must not lie above “Highest dose by weight”. Change one of the two."),
        ("limits.spo2.warn_low", Typed("101", "x"), "The scale ends at 100."),
        ("limits.sedation.warn_low", Typed("6", "x"), "The scale ends at 5."),
        ("routes.iv.stages[0].sessions", Typed("2.5", "x"), "A whole number belongs here."),
        ("routes.iv.monitoring.sedation.after_every_minutes", Typed("0", "x"),
         "An interval of at least one minute belongs here."),
        ("waves[0].lapses_after_hours", Typed("0", "x"), "At least one hour belongs here."),
        ("waves[1].at_hour", Typed("24", "x"), "A whole hour from 0 to 23 belongs here."),
        ("discharge.required.oriented", Typed("maybe", "x"), changing.NO_CHOICE),
        ("discharge.score", Typed("guess", "x"), changing.NO_CHOICE),
        ("gates.alternatives_discussed", Typed("  "), changing.NO_WORDS),
        ("routes.iv.title", Typed("x" * 501), "Write at most 500 characters: these are 501."),
    ],
)  # fmt: skip
def test_what_cannot_be_is_told_at_its_field_in_plain_words(at: str, typed: Typed, says: str) -> None:
    weighed = weigh({at: typed})
    assert weighed.edits == ()
    assert weighed.faults == {at: says}


def test_a_form_sent_as_it_was_made_changes_nothing() -> None:
    typed = {at: Typed(changing.written(field.value)) for at, field in FIELDS.items()}
    assert weigh(typed) == changing.Weighed()


def test_a_comma_is_a_point_and_words_need_no_reason() -> None:
    at = "routes.iv.dose.mg_per_kg_maximum"
    kept = weigh({at: Typed("0,6", "Our limit"), "routes.iv.title": Typed("Infusion")}).edits
    assert {edit.at: edit.value for edit in kept} == {at: "0.6", "routes.iv.title": "Infusion"}


def test_an_edit_is_stored_and_read_whole() -> None:
    edit = replace(LEA, at=HIGH, value="150", reason="Ours")
    assert Edit.of(edit.row()) == edit


# ── two people ──


def lea_wrote(value: str, at: str = HIGH) -> tuple[Edit, ...]:
    return (replace(LEA, at=at, value=value, reason="Her reason"),)


def test_the_second_at_one_field_is_told_and_nothing_is_written_over() -> None:
    weighed = weigh({HIGH: Typed("155", "His reason")}, lea_wrote("150"), seen=0, by=MAX)
    assert weighed.edits == () and weighed.overtaken == {HIGH}
    assert "Lea Lead changed this to 150 mmHg, because: Her reason." in weighed.faults[HIGH]


def test_who_was_told_and_saves_again_is_kept_beside_the_other() -> None:
    edits = lea_wrote("150")
    weighed = weigh({HIGH: Typed("155", "His reason")}, edits, seen=1, by=MAX)
    assert [edit.value for edit in weighed.edits] == ["155"]
    assert [one.value for one in changing.changes(PROTOCOL, [*edits, *weighed.edits])] == [Decimal(155)]


def test_a_field_left_alone_keeps_what_the_other_wrote_there() -> None:
    other = "limits.systolic.alarm_high"
    typed = {HIGH: Typed("160"), other: Typed("185", "His reason")}
    weighed = weigh(typed, lea_wrote("150"), seen=0, by=MAX)
    assert [edit.at for edit in weighed.edits] == [other]
    assert weighed.theirs == {HIGH: Typed("150", "Her reason")}


def test_what_is_set_back_to_the_version_in_force_is_no_change_and_needs_no_reason() -> None:
    edits = lea_wrote("150")
    weighed = weigh({HIGH: Typed("160", "")}, edits, seen=1, by=MAX)
    assert [edit.value for edit in weighed.edits] == ["160"]
    assert changing.changes(PROTOCOL, [*edits, *weighed.edits]) == []


def test_the_differences_name_old_new_who_and_why() -> None:
    edits = lea_wrote("150")
    rules = read(rewritten(TEXT, changing.changes(PROTOCOL, edits), "1.1"), "x").protocol
    assert rules is not None
    (one,) = changing.differences(PROTOCOL, rules, edits)
    assert (one.name, one.was, one.becomes, one.edit) == (
        "Warnings and alarms › Systolic pressure: warning, high", "160 mmHg", "150 mmHg", edits[0],
    )  # fmt: skip
