"""What the log keeps by a code is read in words, whoever writes it, and older lines too."""

import ast
import re
from pathlib import Path

import pytest

import bothwell
from bothwell.dosing.checklist_actions import CHECKED
from bothwell.integration.library import exercises
from bothwell.models import Administration
from bothwell.pathway.models import Verdict
from bothwell.pathway.steps import Kind
from bothwell.web import log_words, record_shown

SOURCES = sorted(Path(bothwell.__file__).parent.rglob("*.py"))
KINDS = [kind.value for kind in Kind]
BUILT = {"f'step: {kind}'": KINDS, "f'step: {event}'": KINDS, "f'dose: {event}'": Administration.Event.values}
"""Actions built from a code, and the codes there are."""
IS_A_CODE = re.compile(r"_|^\w+: \w+$")


def actions() -> list[ast.expr]:
    """What every call of the log names as its action, and what `_log_words` gives back."""
    found: list[ast.expr] = []
    for source in SOURCES:
        for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef) and node.name == "_log_words":
                found += [one.value for one in ast.walk(node) if isinstance(one, ast.Return) and one.value]
            if isinstance(node, ast.Call) and ast.unparse(node.func) in {
                "audit.log",
                "sheaf.log",
                "self.place.sheaf.log",
            }:
                place = 0 if ast.unparse(node.func) == "audit.log" else 1
                found.append(node.args[place])
    return found


def test_every_action_that_is_logged_is_words_or_has_them() -> None:
    found = actions()
    assert len(found) > 100
    for one in found:
        if isinstance(one, ast.Constant):
            assert not IS_A_CODE.search(log_words.done(str(one.value))), one.value
        elif isinstance(one, ast.JoinedStr) and ast.unparse(one) != "f'checked {CHECKED[name]}'":
            for code in BUILT[ast.unparse(one)]:
                words = log_words.done(ast.unparse(one)[2:-1].partition("{")[0] + code)
                assert not re.search(r"_|^(step|dose): ", words), words


@pytest.mark.parametrize("outcome", ["discharged", "left_early", "turned_back"])
def test_the_end_of_a_session_is_read_in_words(outcome: str) -> None:
    assert log_words.done(outcome).startswith("signed: ")
    assert "_" not in log_words.done(outcome)


def test_what_is_read_is_what_was_done() -> None:
    assert log_words.done("left_early") == "signed: left early, against advice"
    assert log_words.done("step: advance") == "took the course a step on"
    assert log_words.done("dose: stop") == "charted: infusion stopped"
    assert log_words.done("checked weight") == f"checked {CHECKED['weight']}"
    assert log_words.done("viewed") == "viewed"


@pytest.mark.parametrize(
    ("table", "column", "kept", "words"),
    [
        ("Step", "event", "advance", "took the course a step on"),
        ("Step", "event", "assessed", "recorded the couple's assessment"),
        ("Step", "to_phase", "dosing_series", "dosing series"),
        ("Course", "state", "on_hold", "on hold"),
        ("DosingSession", "outcome", "left_early", "Left early, against advice"),
        ("Discharge", "outcome", "turned_back", "Turned back, no dose"),
        ("DecisionSignature", "verdict", "proceed", "go on together"),
        ("Administration", "event", "stop", "infusion stopped"),
        ("GateCheck", "name", "consent_reaffirmed", "that today's session is wanted"),
    ],
)
def test_the_copy_of_a_record_on_paper_has_the_same_words(
    table: str, column: str, kept: str, words: str
) -> None:
    assert record_shown._in_words(table, column, kept) == words


def test_a_reason_kept_as_a_code_is_read_by_its_title_and_words_as_they_are() -> None:
    assert [log_words.why("decision", verdict) for verdict in Verdict.values] == [
        "go on together", "not yet", "not this way",
    ]  # fmt: skip
    one = exercises()[0]
    assert log_words.why("couple.shared", one.code) == one.title
    for kind in ("decision", "couple.shared", "couple"):
        assert log_words.why(kind, "proceed with care_") == "proceed with care_"
