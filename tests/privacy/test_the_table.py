"""The table for people, the rule in Python and the table in SQL are the same table."""

import re
from pathlib import Path

import pytest
from django.db import connection

from bothwell.privacy import circles
from bothwell.privacy.circles import COLUMNS, READS, WRITES, Relation

PAGE = (Path(__file__).parents[2] / "docs" / "privacy.md").read_text()

WORDS = {
    "oneself": Relation.SELF,
    "partner": Relation.PARTNER,
    "former partner": Relation.EX_PARTNER,
    "prescriber": Relation.PRESCRIBER,
    "nurse": Relation.NURSE,
    "individual therapist": Relation.INDIVIDUAL_THERAPIST,
    "couples therapist": Relation.COUPLES_THERAPIST,
    "clinic lead": Relation.LEAD,
    "safety circle": Relation.SAFETY,
    "coordinator": Relation.COORDINATOR,
    "researcher": Relation.RESEARCHER,
}
RELEASES = {
    "medical summary": "medical_summary",
    "how dosing went": "dosing_summary",
    "individual scores": "individual_scores",
    "relationship scores": "relationship_scores",
    "reason of a safety hold": "suicide_reason",
    "couple's work": "couple_work",
}


def table(first_heading: str) -> list[list[str]]:
    """The rows of the table of the page that begins with this heading, its head included."""
    lines = PAGE.splitlines()
    start = next(n for n, line in enumerate(lines) if line.startswith(f"| {first_heading} |"))
    rows = []
    for line in lines[start:]:
        if not line.startswith("|"):
            break
        if not line.startswith("|---"):
            rows.append([cell.strip() for cell in line.strip("|").split("|")])
    return rows


def ways(cell: str) -> tuple[str, ...]:
    """A cell for people, as the rule writes it: "R: medical summary, B" is ("R:medical_summary", "B")."""
    if cell == "–":
        return ()
    return tuple(
        re.sub(r"^R: (.+)$", lambda found: f"R:{RELEASES[found[1]]}", way.strip()) for way in cell.split(",")
    )


def test_every_cell_for_people_is_the_cell_of_the_rule() -> None:
    head, *rows = table("what it is")
    columns = [WORDS[word] for word in head[2:]]
    assert columns == list(COLUMNS)
    written = {row[1].strip("`"): row for row in rows}
    assert list(written) == list(READS)
    for kind, (what, _, *cells) in written.items():
        assert what
        for column, cell in zip(columns, cells, strict=True):
            assert ways(cell) == READS[kind][column], (kind, column)


def test_every_writer_for_people_is_a_writer_of_the_rule() -> None:
    _, *rows = table("what is written")
    written = {
        row[1].strip("`"): frozenset(WORDS[word.strip()] for word in row[2].split(",")) for row in rows
    }
    assert written == dict(WRITES)


@pytest.mark.django_db
def test_sql_reads_are_the_rules_reads() -> None:
    asked = _as_viewer("select kind, relation, way, class from door.reads()")
    ours = {
        (kind, relation.value, way[:1], way[2:])
        for kind, cells in READS.items()
        for relation, cell in cells.items()
        for way in cell
    }
    assert len(asked) == len(set(asked)), "a cell stands twice"
    # A couple's entry has members, not a partner; SQL says so for both.
    assert set(asked) == ours


@pytest.mark.django_db
def test_sql_writers_are_the_rules_writers() -> None:
    asked = _as_viewer("select kind, relation from door.writes_by()")
    assert len(asked) == len(set(asked))
    assert set(asked) == {
        (kind, relation.value) for kind, relations in WRITES.items() for relation in relations
    }


def _as_viewer(query: str) -> list[tuple[str, ...]]:
    with connection.cursor() as cursor:
        cursor.execute("set local role bothwell_viewer")
        cursor.execute(query)
        return list(cursor.fetchall())


def test_what_the_table_says_of_safety_and_of_what_is_ones_own() -> None:
    """Read from the design, not from the rule: these cells must never drift, whoever edits the three together."""
    nobody_but_safety = {relation for relation in COLUMNS if READS["screen.violence"][relation]}
    assert nobody_but_safety == {Relation.SAFETY}
    assert {relation for relation in COLUMNS if READS["access.sealed"][relation]} == {Relation.SAFETY}
    assert not any(READS["process_note"].values())
    for kind in ("insight", "screen.violence", "process_note", "access", "access.sealed"):
        assert not [relation for relation in COLUMNS if "B" in READS[kind][relation]], kind
    for kind, cells in READS.items():
        if kind not in circles.COUPLE_KINDS | {"person.name"}:
            assert set(cells[Relation.PARTNER]) <= ({"Y"} if kind == "dosing.busy" else {"G"}), kind
            assert not cells[Relation.EX_PARTNER], kind
        if kind not in {"person.name", "person.contact", "care_team", "care_team.sealed", "couple.link"}:
            assert not cells[Relation.SAFETY] or kind in {
                "screen.violence",
                "access.sealed",
                "couple.hold",
                "shelter",
            }, kind
