"""Any author's questionnaire: what can be asked is taken over, what cannot is named with its line and a remedy."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import pytest
from fhir.resources.R4B.questionnaire import Questionnaire
from hypothesis import given, settings
from hypothesis import strategies as st

from bothwell.instruments import fhir_forms
from bothwell.instruments.catalogue import all_instruments, load
from bothwell.instruments.importing import (
    KINDS,
    Described,
    Imported,
    document,
    instrument,
    read_questionnaire,
    slug_of,
)
from bothwell.instruments.instrument import Better, Instrument, ItemType, Kind
from bothwell.instruments.problems import Problem
from bothwell.instruments.scoring import items_asked, score

WEIGHT = "http://hl7.org/fhir/StructureDefinition/ordinalValue"
ITEM_WEIGHT = "http://hl7.org/fhir/StructureDefinition/itemWeight"
CALCULATED = fhir_forms.CALCULATED
HIDDEN = fhir_forms.HIDDEN


def coding(code: str, points: Any = None, url: str = WEIGHT, words: str = "") -> dict[str, Any]:
    weight = {"extension": [{"url": url, "valueDecimal": points}]} if points is not None else {}
    return {"valueCoding": {**weight, "system": "urn:x", "code": code, "display": words or code}}


def choice(link_id: str, *options: dict[str, Any], **more: Any) -> dict[str, Any]:
    answers = list(options) or [coding("no", 0), coding("yes", 1)]
    return {
        "linkId": link_id,
        "text": f"Question {link_id}?",
        "type": "choice",
        "answerOption": answers,
        **more,
    }


def form(*items: Any, **more: Any) -> dict[str, Any]:
    return {
        "resourceType": "Questionnaire",
        "title": "Sleep diary",
        "status": "draft",
        "item": list(items),
        **more,
    }


def text(questionnaire: Any) -> bytes:
    return json.dumps(questionnaire, indent=1).encode()


def read(questionnaire: Any) -> Imported:
    found = read_questionnaire(text(questionnaire))
    assert isinstance(found, Imported), found
    return found


def problems(questionnaire: Any) -> tuple[Problem, ...]:
    found = read_questionnaire(questionnaire if isinstance(questionnaire, bytes) else text(questionnaire))
    assert isinstance(found, tuple)
    return found


def described(imported: Imported, **changes: Any) -> Described:
    said: dict[str, Any] = {
        "slug": imported.slug, "short": "SD", "plain_title": "Your nights", "recall": "last night",
        "kind": Kind.INDIVIDUAL, "better": Better.LOWER, "reverse": frozenset(), "left_out": frozenset(), "areas": (),
        "licence_holder": "The clinic", "licence_terms": "Its own words",
    }  # fmt: skip
    return Described(**{**said, **changes})


def asked(questionnaire: Any, **changes: Any) -> Instrument:
    imported = read(questionnaire)
    return instrument(imported, described(imported, **changes))


WHOLE = form(
    {
        "linkId": "part",
        "text": "In the last two weeks",
        "type": "group",
        "item": [
            choice("a", coding("never", 0), coding("often", 1.5), coding("always", 3)),
            choice("b", coding("never", 0), coding("often", 2), required=True),
        ],
    },
    {"linkId": "line", "text": "And now", "type": "display"},
    {"linkId": "c", "text": "Do you smoke?", "type": "boolean"},
    {
        "linkId": "d",
        "text": "How many a day?",
        "type": "integer",
        "enableWhen": [{"question": "c", "operator": "=", "answerBoolean": True}],
        "extension": [{"url": "http://hl7.org/fhir/StructureDefinition/minValue", "valueInteger": 1}],
    },
    {"linkId": "e", "text": "Since when?", "type": "date"},
    {"linkId": "f", "text": "Anything else?", "type": "text"},
    url="http://example.org/Questionnaire/sleep",
    version="2",
)


# ── what is taken over ────────────────────────────────────────────────────────────────────────────────────────


def test_a_whole_questionnaire_is_asked_and_scored_as_its_author_weighed_it() -> None:
    diary = asked(WHOLE)
    assert diary.id == "own-sleep-diary"
    assert [item.type for item in diary.items] == [
        ItemType.CHOICE, ItemType.CHOICE, ItemType.BOOLEAN, ItemType.INTEGER, ItemType.DATE, ItemType.TEXT,
    ]  # fmt: skip
    assert [item.lead for item in diary.items][:3] == [
        "In the last two weeks",
        "In the last two weeks",
        "And now",
    ]
    assert (diary.measure.least, diary.measure.most) == (0, 5)
    assert score(diary, {"a": "often", "b": "often"}).total == Decimal("3.5")
    assert score(diary, {"a": "often"}).total is None, "no total with an item open"
    assert [item.link_id for item in items_asked(diary, {"c": "false"})] == ["a", "b", "c", "e", "f"]


def test_it_says_that_nobody_is_made_to_answer_and_where_it_comes_from() -> None:
    imported = read(WHOLE)
    assert [note.what for note in imported.notes] == [
        "Some questions are marked as required. Here a person may always rather not answer."
    ]
    assert imported.form["derivedFrom"] == ["http://example.org/Questionnaire/sleep|2"]


def test_what_is_kept_is_fhir_and_can_be_loaded_again() -> None:
    again = asked(WHOLE)
    exported = fhir_forms.questionnaire(again)
    Questionnaire.model_validate(json.loads(json.dumps(exported, default=float)))
    twice = asked(json.loads(json.dumps(exported, default=float)))
    assert [item.link_id for item in twice.items] == [item.link_id for item in again.items]
    assert len({each["linkId"] for each in fhir_forms.questionnaire(twice)["item"]}) == len(
        fhir_forms.questionnaire(twice)["item"]
    )


@pytest.mark.parametrize(
    "shipped", [each for each in all_instruments() if each.can_be_asked], ids=lambda each: each.id
)
def test_every_questionnaire_we_export_can_be_imported(shipped: Instrument) -> None:
    exported = json.loads(json.dumps(fhir_forms.questionnaire(shipped), default=float))
    found = asked(exported)
    assert [(i.link_id, i.text, i.asked_when) for i in found.items] == [
        (i.link_id, i.text, i.asked_when) for i in shipped.items
    ]
    assert [[(o.code, o.text, o.points) for o in i.options] for i in found.items] == [
        [(o.code, o.text, o.points) for o in i.options] for i in shipped.items
    ]


def test_its_id_never_meets_one_of_the_catalogue() -> None:
    shipped = {each.id for each in all_instruments()}
    assert not {f"own-{slug_of(title)}" for title in (*shipped, "PHQ-9", "", "日本", "own")} & shipped
    assert slug_of("日本") == "questionnaire"


def test_weights_are_read_under_both_addresses_and_wherever_they_stand() -> None:
    beside = {"valueString": "Often", "_valueString": {"extension": [{"url": WEIGHT, "valueInteger": 2}]}}
    around = {"valueInteger": 7, "extension": [{"url": ITEM_WEIGHT, "valueDecimal": 1}]}
    diary = asked(form(choice("a", coding("x", 3, ITEM_WEIGHT), beside, around)))
    assert [option.points for option in diary.items[0].options] == [3, 2, 1]
    assert [option.text for option in diary.items[0].options] == ["x", "Often", "7"]


def test_without_weights_nothing_is_scored() -> None:
    diary = asked(
        form(choice("a", coding("x"), coding("y")), choice("b", {"valueInteger": 1}, {"valueInteger": 2}))
    )
    assert (diary.scales, diary.main) == ((), None)
    assert "extension" not in diary.document, "no weight was made up"


def test_a_contained_list_of_answers_is_written_out() -> None:
    listed = {
        "resourceType": "ValueSet",
        "id": "often",
        "compose": {
            "include": [
                {
                    "system": "urn:x",
                    "concept": [
                        {"code": "n", "display": "Never", "extension": [{"url": WEIGHT, "valueDecimal": 0}]},
                        {"code": "o", "display": "Often", "extension": [{"url": WEIGHT, "valueDecimal": 4}]},
                    ],
                }
            ]
        },
    }
    question = {"linkId": "a", "text": "How often?", "type": "choice", "answerValueSet": "#often"}
    diary = asked(form(question, contained=[listed]))
    assert [(o.system, o.code, o.points) for o in diary.items[0].options] == [
        ("urn:x", "n", 0),
        ("urn:x", "o", 4),
    ]
    assert "contained" not in diary.document


def test_an_own_formula_is_kept_and_said_and_never_asked() -> None:
    own = {
        "linkId": "sum",
        "text": "Sum",
        "type": "quantity",
        "readOnly": True,
        "extension": [
            {"url": HIDDEN, "valueBoolean": True},
            {"url": CALCULATED, "valueExpression": {"language": "text/fhirpath", "expression": "1+1"}},
        ],
    }
    imported = read(form(choice("a"), own))
    diary = instrument(imported, described(imported))
    assert imported.has_own_score
    assert [item.link_id for item in diary.items] == ["a"]
    assert "1+1" in diary.document


def test_the_clinic_may_turn_items_round_and_leave_items_out() -> None:
    questionnaire = form(*(choice(each, coding("n", 1), coding("y", 4)) for each in "abc"))
    diary = asked(questionnaire, reverse=frozenset("b"), left_out=frozenset("c"))
    assert score(diary, {"a": "y", "b": "y", "c": "y"}).total == 5
    assert (diary.measure.least, diary.measure.most) == (2, 8)
    everything = asked(questionnaire, left_out=frozenset("abc"))
    assert everything.main is None


@pytest.mark.parametrize(
    "changes",
    [
        {"slug": "Up"},
        {"slug": ""},
        {"slug": "a" * 40},
        {"kind": Kind.SUICIDE},
        {"kind": Kind.VIOLENCE},
        {"reverse": frozenset({"c"})},
    ],
)
def test_what_cannot_be_said_of_it_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        asked(WHOLE, **changes)


def test_a_screen_cannot_be_loaded_since_nothing_would_follow_from_it() -> None:
    assert not set(KINDS) & {Kind.SUICIDE, Kind.VIOLENCE}
    assert asked(json.loads(json.dumps(fhir_forms.questionnaire(load("phq-9")), default=float))).flags == ()


SAID: list[tuple[dict[str, Any], str]] = [
    ({**choice("a"), "type": "open-choice"}, "in one's own words cannot be given"),
    (
        {**choice("a"), "type": "coding", "answerConstraint": "optionsOrString"},
        "in one's own words cannot be given",
    ),
    ({**choice("a"), "initial": [{"valueCoding": {"code": "yes"}}]}, "No answer is filled in beforehand"),
    ({**choice("a"), "item": [choice("b")]}, "are asked after it"),
    (
        {**choice("a"), "code": [{"system": "u", "code": "1"}, {"system": "u", "code": "2"}]},
        "the first is kept",
    ),
]


@pytest.mark.parametrize(("item", "words"), SAID, ids=[words for _, words in SAID])
def test_what_is_read_otherwise_is_said(item: dict[str, Any], words: str) -> None:
    assert any(words in note.what for note in read(form(item)).notes)


def test_what_only_fhir_r5_knows_does_no_harm() -> None:
    questionnaire = form(
        {**choice("a"), "type": "coding", "disabledDisplay": "hidden"},
        versionAlgorithmString="semver",
        copyrightLabel="© x",
    )
    imported = read(questionnaire)
    assert {"versionAlgorithmString", "copyrightLabel"} <= {
        note.what.split(" ")[0] for note in imported.notes
    }
    kept = document(imported, described(imported)).decode()
    assert "semver" not in kept
    assert "disabledDisplay" not in kept


# ── when a question is asked ──────────────────────────────────────────────────────────────────────────────────


def test_a_condition_on_a_group_holds_for_each_of_its_questions() -> None:
    when = {"enableWhen": [{"question": "a", "operator": "=", "answerCoding": {"code": "yes"}}]}
    inner = {**choice("c"), "enableWhen": [{"question": "b", "operator": "exists", "answerBoolean": True}]}
    diary = asked(
        form(
            choice("a"),
            {"linkId": "g", "type": "group", "text": "More", "item": [choice("b"), inner], **when},
        )
    )
    asked_after = lambda **answers: [item.link_id for item in items_asked(diary, answers)]  # noqa: E731
    assert asked_after(a="no", b="yes") == ["a"]
    assert asked_after(a="yes") == ["a", "b"]
    assert asked_after(a="yes", b="no") == ["a", "b", "c"]


def test_a_condition_may_name_an_answer_by_its_text_or_number() -> None:
    by_text = {"question": "a", "operator": "=", "answerString": "Often"}
    by_number = {"question": "b", "operator": "!=", "answerInteger": 7}
    questionnaire = form(
        choice("a", {"valueString": "Never"}, {"valueString": "Often"}),
        choice("b", {"valueInteger": 7}, {"valueInteger": 8}),
        {**choice("c"), "enableWhen": [by_text, by_number], "enableBehavior": "all"},
    )
    diary = asked(questionnaire)
    assert [item.link_id for item in items_asked(diary, {"a": "a-2", "b": "b-2"})] == ["a", "b", "c"]
    assert [item.link_id for item in items_asked(diary, {"a": "a-2", "b": "b-1"})] == ["a", "b"]


def when(**test: Any) -> dict[str, Any]:
    return form(
        choice("a"),
        {"linkId": "t", "text": "T", "type": "text"},
        {**choice("b"), "enableWhen": [test]},
        choice("z"),
    )


# ── what cannot be taken over ─────────────────────────────────────────────────────────────────────────────────


def changed(change: Callable[[dict[str, Any]], Any]) -> dict[str, Any]:
    """A good questionnaire after one change to its first question."""
    question = choice("a", coding("n", 0), coding("s", 1), coding("o", 2))
    change(question)
    return form(question, choice("b"))


BAD: dict[str, tuple[Any, str]] = {
    "empty": (b"", "It is empty"),
    "not json": (b'{"resourceType": "Questionnaire",\n "item": [}', "It is not JSON"),
    "a name twice": (b'{"resourceType": "Questionnaire",\n "title": "x",\n "title": "y"}', "stands twice"),
    "xml": (b'<?xml version="1.0"?><Questionnaire/>', "It is XML"),
    "latin-1": ('{"title": "müde"}'.encode("latin-1"), "not written in UTF-8"),
    "a list": (b"[]", "not a FHIR resource"),
    "too large": (b" " * 2_000_001, "larger than 2 MB"),
    "a control sign": (b'{"resourceType": "Questionnaire", "title": "a\\u0000b"}', "cannot be shown"),
    "half a sign": (b'{"resourceType": "Questionnaire", "title": "a\\ud800b"}', "cannot be shown"),
    "too deep": (b"[" * 5000, "nested too deep"),
    "a bundle": ({"resourceType": "Bundle", "entry": []}, "It is a Bundle"),
    "no resource type": ({"item": []}, "resourceType is missing"),
    "no items": (form(), "It has no items"),
    "no title": ({"resourceType": "Questionnaire", "item": [choice("a")]}, "It has no title"),
    "only lines": (form({"linkId": "x", "type": "display", "text": "Hello"}), "It asks nothing"),
    "too many items": (form(*({"linkId": str(n), "type": "string", "text": "?"} for n in range(1001))), "more than 1,000"),
    "an item that is none": (form(choice("a"), 7), "It is not an item"),
    "no linkId": (changed(lambda q: q.pop("linkId")), "It has no linkId"),
    "a linkId twice": (form(choice("a"), choice("a")), "stands twice"),
    "a linkId with a quote": (form(choice("a'b")), "quotation mark"),
    "no type": (changed(lambda q: q.pop("type")), "It has no type"),
    **{
        kind: (changed(lambda q, kind=kind: q.update(type=kind)), f"“{kind}” cannot be asked")
        for kind in ("quantity", "reference", "attachment", "url", "time", "dateTime", "question", "choises")
    },
    "repeats": (changed(lambda q: q.update(repeats=True)), "several times"),
    "no text": (changed(lambda q: q.update(text=" ")), "It has no text"),
    "too long a text": (changed(lambda q: q.update(text="x" * 2001)), "longer than 2,000"),
    "hidden": (changed(lambda q: q.update(extension=[{"url": HIDDEN, "valueBoolean": True}])), "It is hidden"),
    "a modifier": (changed(lambda q: q.update(modifierExtension=[{"url": "x"}])), "modifierExtension"),
    "a modifier of all": (form(choice("a"), modifierExtension=[{"url": "x"}]), "modifierExtension"),
    "an expression": (
        changed(lambda q: q.update(extension=[{"url": "http://hl7.org/fhir/uv/sdc/StructureDefinition/sdc-questionnaire-enableWhenExpression"}])),
        "cannot be followed",
    ),
    "no options": (changed(lambda q: q.pop("answerOption")), "fewer than two"),
    "one option": (changed(lambda q: q.update(answerOption=[coding("x", 1)])), "fewer than two"),
    "too many options": (changed(lambda q: q.update(answerOption=[coding(str(n)) for n in range(101)])), "more than 100"),
    "a code twice": (changed(lambda q: q.update(answerOption=[coding("x", 1), coding("x", 2)])), "stands twice"),
    "an answer without words": (changed(lambda q: q["answerOption"][0]["valueCoding"].pop("display")), "has no words"),
    "too long an answer": (changed(lambda q: q["answerOption"][0]["valueCoding"].update(display="x" * 501)), "longer than 500"),
    "an answer of another kind": (changed(lambda q: q.update(answerOption=[{"valueDate": "2026-01-01"}, coding("x")])), "neither a code"),
    "a weight that is a word": (changed(lambda q: q["answerOption"].append({"valueCoding": {"code": "w", "display": "W", "extension": [{"url": WEIGHT, "valueString": "2"}]}})), "is not a number"),
    "a weight of three decimals": (changed(lambda q: q["answerOption"].append(coding("w", 0.125))), "is not a number"),
    "a weight too large": (changed(lambda q: q["answerOption"].append(coding("w", 10_001))), "is not a number"),
    "some weights": (changed(lambda q: q["answerOption"].append(coding("w"))), "3 of its 4 answers"),
    "weights that add up to too much": (form(*(choice(str(n), coding("x", 0), coding("y", 9999)) for n in range(11))), "add up to more"),
    "a list from elsewhere": (changed(lambda q: (q.pop("answerOption"), q.update(answerValueSet="http://x/vs"))), "does not carry with it"),
    "bounds the wrong way": (
        form({"linkId": "a", "text": "How many?", "type": "integer", "extension": [
            {"url": "http://hl7.org/fhir/StructureDefinition/minValue", "valueInteger": 5},
            {"url": "http://hl7.org/fhir/StructureDefinition/maxValue", "valueInteger": 4}]}),
        "least value is above",
    ),
    "a condition on nothing": (when(operator="exists", answerBoolean=True), "names no question"),
    "a condition on an unknown item": (when(question="q", operator="exists", answerBoolean=True), "there is no such item"),
    "a condition on a later item": (when(question="z", operator="exists", answerBoolean=True), "asked later"),
    "a condition on itself": (when(question="b", operator="exists", answerBoolean=True), "its own answer"),
    "an unknown operator": (when(question="a", operator="~", answerBoolean=True), "no operator"),
    "an answer nobody gives": (when(question="a", operator="=", answerCoding={"code": "perhaps"}), "never answered with"),
    "a word compared": (when(question="t", operator="=", answerString="x"), "never answered with"),
    "all or any": (
        form(choice("a"), {**choice("b"), "enableWhen": [{"question": "a", "operator": "exists", "answerBoolean": True}] * 2}),
        "whether on all or on any",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_what_cannot_be_asked_is_named_with_its_line_and_a_remedy(name: str) -> None:
    questionnaire, words = BAD[name]
    found = problems(questionnaire)
    assert any(words in problem.what for problem in found), found
    assert all(problem.line >= 1 and problem.place and problem.remedy for problem in found)


def test_the_line_is_the_one_an_editor_shows() -> None:
    content = text(form(choice("a"), choice("b", coding("x", 1), coding("x", 2))))
    (problem,) = problems(content)
    lines = content.decode().split("\n")
    assert '"code": "x"' in "\n".join(lines[problem.line - 1 : problem.line + 12])
    assert '"code": "x"' not in "\n".join(lines[: problem.line - 13]), "the first of the two is not blamed"
    assert problem.place == "item “b”"


def test_each_of_many_problems_is_named_in_the_order_of_the_file_up_to_a_hundred() -> None:
    found = problems(form(*({"linkId": f"q{n}", "type": "url", "text": "?"} for n in range(300))))
    assert len(found) == 101
    assert [problem.line for problem in found] == sorted(problem.line for problem in found)
    assert "more problems" in found[-1].what


# ── whatever happens to a good file ───────────────────────────────────────────────────────────────────────────

GOOD = [
    WHOLE,
    json.loads(json.dumps(fhir_forms.questionnaire(load("phq-9")), default=float)),
    when(question="a", operator="=", answerCoding={"code": "yes"}),
]
ODD = st.one_of(
    st.none(), st.booleans(), st.integers(-3, 10**6), st.floats(allow_nan=False, allow_infinity=False), st.text(max_size=8),
    st.just([]), st.just({}), st.just([{}]), st.just([None]), st.just({"linkId": "a"}), st.sampled_from(["a", "b", "choice", "group", "#x", "="]),
)  # fmt: skip


def places(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every way into a JSON value."""
    if at:
        yield at
    members = (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    )
    for key, each in members:
        yield from places(each, (*at, key))


WAYS = [list(places(each)) for each in GOOD]


@st.composite
def mutated(draw: st.DrawFn) -> Any:
    """A good questionnaire in which up to four parts were replaced, taken out or doubled."""
    number = draw(st.integers(0, len(GOOD) - 1))
    value = copy.deepcopy(GOOD[number])
    for _ in range(draw(st.integers(1, 4))):
        *way, last = draw(st.sampled_from(WAYS[number]))
        inner = value
        try:
            for key in way:
                inner = inner[key]
            match draw(st.sampled_from(["replace", "take out", "double"])):
                case "replace":
                    inner[last] = copy.deepcopy(draw(ODD))
                case "take out":
                    del inner[last]
                case _ if isinstance(inner, list):
                    inner.append(copy.deepcopy(inner[last]))
        except (KeyError, IndexError, TypeError):
            pass  # an earlier change took it away
    return value


def is_well_handled(content: bytes) -> None:
    found = read_questionnaire(content)
    if isinstance(found, Imported):
        loaded = instrument(found, described(found))
        score(loaded, {})
        items_asked(loaded, {item.link_id: item.options[0].code for item in loaded.items if item.options})
        fhir_forms.questionnaire(loaded)
        return
    last = content.count(b"\n") + 1
    assert found
    assert all(1 <= each.line <= last and each.place and each.what and each.remedy for each in found)


@given(mutated())
@settings(max_examples=300, deadline=None)
def test_a_changed_file_is_read_or_every_problem_names_a_line(questionnaire: Any) -> None:
    is_well_handled(text(questionnaire))


@given(st.data())
@settings(max_examples=150, deadline=None)
def test_a_damaged_file_is_read_or_every_problem_names_a_line(data: st.DataObject) -> None:
    content = text(GOOD[data.draw(st.integers(0, len(GOOD) - 1))])
    at = data.draw(st.integers(0, len(content)))
    is_well_handled(
        content[:at] + data.draw(st.binary(max_size=6)) + content[at + data.draw(st.integers(0, 30)) :]
    )
