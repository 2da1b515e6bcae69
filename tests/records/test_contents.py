"""What a copy holds is said for every private table, and nothing is said of a column that is not there."""

import pytest
from django.apps import apps

from bothwell.records import contents
from bothwell.records.contents import Part, Scope, Whose
from tests.records.planting import private_tables


def test_every_private_table_stands_in_a_part_or_among_those_left_out_with_a_reason() -> None:
    held = {one.table for one in contents.parts()}
    out = set(contents.left_out())
    assert held | out == set(private_tables())
    assert held & out == set()
    assert all(reason.strip() for reason in contents.left_out().values())


@pytest.mark.parametrize("part", contents.parts(), ids=lambda one: one.code)
def test_a_part_names_columns_that_exist(part: Part) -> None:
    model = apps.get_model("bothwell", part.table)
    named = {field.attname for field in model._meta.concrete_fields}
    for column in part.columns:
        first = column.partition("__")[0]
        assert first in named or f"{first}_id" in named, column
    assert set(part.columns) & {"id", "subject_id", "author_id"} == set()


@pytest.mark.parametrize(
    "never",
    ["ProcessNote", "IndividualContact", "Shelter", "CoupleHold", "SafetyFlag", "Receipt", "LegalHold"],
)
def test_what_no_copy_ever_holds(never: str) -> None:
    assert never not in {one.table for one in contents.parts()}


def test_progress_notes_stand_only_in_the_copy_both_signed_for() -> None:
    where = {scope for scope in Scope if "ProgressNote" in {one.table for one in contents.parts_of(scope)}}
    assert where == {Scope.JOINT}


def test_the_copy_for_both_holds_the_record_of_neither_alone() -> None:
    assert Whose.OWN not in {one.whose for one in contents.parts_of(Scope.JOINT)}


def test_codes_are_told_apart() -> None:
    codes = [one.code for one in contents.parts()]
    assert len(codes) == len(set(codes))
