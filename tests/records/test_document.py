"""A copy holds no word of the other, counts only what its reader can read, and is the same bytes every time."""

import json
import re
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from bothwell.records import document
from bothwell.records.contents import Part, Scope, Whose
from bothwell.records.document import Chapter, Reader, Record, Row

ME, OTHER, STAFF = UUID(int=1), UUID(int=2), UUID(int=3)
READER = Reader(ME, frozenset({OTHER}), ("Ben",))
NAMES = {STAFF: "Dana, LMFT"}
WORD = "zqother"
PARTS = st.sampled_from([Part("x", "X", "Table", whose, ("text", "detail"), True, "also") for whose in Whose])
WHO = st.sampled_from([ME, OTHER, STAFF, None])


@st.composite
def rows(draw: st.DrawFn) -> Row:
    author, subject = draw(WHO), draw(st.sampled_from([ME, OTHER, None]))
    is_theirs = OTHER in (author, subject)
    text = WORD if is_theirs else draw(st.text(alphabet="abc Ben", max_size=12))
    detail = draw(
        st.recursive(
            st.just(text), lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.just("k"), inner)
        )
    )
    return Row(draw(st.uuids()), subject, author, (text, detail))


def record(*chapters: Chapter) -> Record:
    return Record(Scope.COUPLE, "Clinic", date(2026, 1, 2), {"name": "Amara"}, chapters)


@given(PARTS, st.lists(rows(), max_size=8))
def test_no_word_by_or_about_the_other_is_in_it(part: Part, found: list[Row]) -> None:
    made = document.to_json(record(document.chapter(part, found, READER, NAMES)))
    assert WORD.encode() not in made


@given(PARTS, st.lists(rows(), max_size=8))
def test_what_is_left_out_is_counted_in_the_couples_chart_alone(part: Part, found: list[Row]) -> None:
    made = document.chapter(part, found, READER, NAMES)
    theirs = [row for row in found if document.is_theirs(row, READER)]
    assert made.left_out == (len(theirs) if part.whose is Whose.OURS else 0)
    assert bool(made.placeholder) == bool(made.left_out)


@given(PARTS, st.lists(rows(), max_size=8))
def test_what_one_said_oneself_is_all_there_word_for_word(part: Part, found: list[Row]) -> None:
    made = document.chapter(part, found, READER, NAMES)
    mine = [row for row in found if row.author == ME and row.subject != OTHER]
    assert [entry.id for entry in made.entries if entry.by == "you"] == [str(row.id) for row in mine]
    for row, entry in zip(mine, (one for one in made.entries if one.by == "you"), strict=True):
        assert entry.values.get("text", "") == row.values[0]


@given(PARTS, st.lists(rows(), max_size=8))
def test_clinicians_words_in_the_couples_chart_name_nobody(part: Part, found: list[Row]) -> None:
    made = document.chapter(part, found, READER, NAMES)
    if part.whose is not Whose.OWN:
        for entry in made.entries:
            if entry.by != "you":
                assert not re.search(r"\bBen\b", json.dumps(entry.values))


@given(PARTS, st.lists(rows(), max_size=8))
def test_the_same_rows_give_the_same_bytes_and_rows_about_the_other_alone_change_none(
    part: Part, found: list[Row]
) -> None:
    own = replace(part, whose=Whose.OWN)
    whole = document.to_json(record(document.chapter(own, found, READER, NAMES)))
    without = [row for row in found if not document.is_theirs(row, READER)]
    assert whole == document.to_json(record(document.chapter(own, without, READER, NAMES)))


def test_a_name_is_left_out_as_a_word_and_not_within_one() -> None:
    said: Any = {"Ben": ["Ben's turn, Bennet", "ben"]}
    assert document.without_names(said, ["Ben", ""]) == {"[the other]": ["[the other]'s turn, Bennet", "ben"]}


def test_values_stand_as_json_has_them() -> None:
    at = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert document.plain([at, at.date(), Decimal("2.50"), ME, (1, None)]) == [
        "2026-01-02T03:04:05Z", "2026-01-02", "2.5", str(ME), [1, None],
    ]  # fmt: skip


def test_the_file_says_its_format_and_version() -> None:
    made = json.loads(document.to_json(record()))
    assert (made["format"], made["version"], made["scope"]) == ("bothwell-record", 1, "couple")


def test_the_whole_record_for_both_names_who_wrote_what() -> None:
    part = Part("x", "X", "Table", Whose.OURS, ("text", "detail"), True, "only")
    found = [Row(UUID(int=9), None, OTHER, ("Words", {})), Row(UUID(int=8), None, None, ("More", []))]
    made = document.whole_chapter(part, found, {OTHER: "Ben"})
    assert [(one.by, one.values) for one in made.entries] == [
        ("Ben", {"text": "Words"}),
        ("the clinic", {"text": "More"}),
    ]
    assert made.left_out == 0
