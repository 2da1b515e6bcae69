"""The questionnaires on the screen: looked at by all staff, loaded by the lead, tried out and kept nowhere."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from bothwell.instruments.catalogue import all_instruments, load
from bothwell.models import ClinicInstrument
from tests.cast import Cast, client_for, make_cast
from tests.conftest import loading
from tests.instruments.test_importing import WHOLE, form, text
from tests.instruments.test_wording import form as words_form

pytestmark = pytest.mark.django_db
SAID = {
    "slug": "sleep-diary", "short": "SD", "plain_title": "Your nights", "recall": "last night",
    "kind": "measure.individual", "better": "lower_is_better", "area": "sleep",
    "licence_holder": "The clinic", "licence_terms": "Its own words, 2026",
}  # fmt: skip


@pytest.fixture
def cast() -> Cast:
    return make_cast()


def page(answer: Any) -> str:
    return str(answer.content.decode())


def load_diary(client: Client, **changes: Any) -> Any:
    return client.post("/instruments/new", {"pasted": text(WHOLE).decode(), "do": "load", **SAID, **changes})


def stored() -> int:
    with loading():
        return ClinicInstrument.objects.count()


# ── looking ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_every_questionnaire_stands_in_the_list_once(cast: Cast) -> None:
    shown = page(client_for(cast.nurse).get("/instruments"))
    assert all(shown.count(f'href="/instruments/{each.id}"') == 1 for each in all_instruments())
    assert "Load a questionnaire" not in shown


@pytest.mark.parametrize(
    ("query", "there", "gone"),
    [
        ("area=depression", "phq-9", "csi-16"),
        ("words=needed", "brs", "phq-9"),
        ("words=ready", "phq-9", "brs"),
        ("follows=empathy", "iri-c", "phq-9"),
        ("licence=own", "pulse-us", "phq-9"),
    ],
)
def test_the_list_is_filtered_without_scripts(cast: Cast, query: str, there: str, gone: str) -> None:
    shown = page(client_for(cast.nurse).get(f"/instruments?{query}"))
    assert f'href="/instruments/{there}"' in shown
    assert f'href="/instruments/{gone}"' not in shown


def test_a_filter_that_is_none_is_said(cast: Cast) -> None:
    assert client_for(cast.nurse).get("/instruments?area=mars").status_code == 422


def test_every_questionnaire_has_a_page_and_a_file(cast: Cast) -> None:
    client = client_for(cast.prescriber)
    for instrument in all_instruments():
        shown = page(client.get(f"/instruments/{instrument.id}"))
        assert ("It has no words yet" in shown) is not instrument.can_be_asked, instrument.id
        assert all(band.name in shown for scale in instrument.scales for band in scale.bands), instrument.id
        file = client.get(f"/instruments/{instrument.id}/fhir")
        assert file["Content-Disposition"] == f'attachment; filename="{instrument.id}.json"'
        scores = [each["linkId"] for each in json.loads(file.content)["item"] if "-score-" in each["linkId"]]
        assert len(scores) == len(instrument.scales), instrument.id


def test_a_skeleton_shows_numbers_and_no_field(cast: Cast) -> None:
    shown = page(client_for(cast.nurse).get("/instruments/brs"))
    assert "1 · 2 · 3 · 4 · 5" in shown
    assert 'type="radio"' not in shown
    assert "to be confirmed" in shown


def test_words_nobody_compared_are_said_to_be_so(cast: Cast) -> None:
    client = client_for(cast.nurse)
    doubtful = next(
        e for e in all_instruments() if e.can_be_asked and not e.wording.verified and e.licence_class != "own"
    )
    assert "not found alike in two independent sources" in page(client.get(f"/instruments/{doubtful.id}"))
    assert "not found alike in two independent sources" not in page(client.get("/instruments/phq-9"))


def test_answers_are_tried_scored_and_kept_nowhere(cast: Cast) -> None:
    client, phq9 = client_for(cast.nurse), load("phq-9")
    answers = {f"try-{item.link_id}": item.options[2].code for item in phq9.scored_items}
    with CaptureQueriesContext(
        connection,
    ) as asked:
        shown = page(client.post("/instruments/phq-9", answers))
    assert "<b>18</b>" in shown
    assert "moderately severe" in shown
    assert "thoughts of suicide" in shown
    assert "Symptom pattern" in shown
    assert not [
        q
        for q in asked.captured_queries
        if q["sql"].startswith(("INSERT", "UPDATE")) and "session" not in q["sql"]
    ]


def test_an_answer_that_cannot_be_is_said(cast: Cast) -> None:
    answer = client_for(cast.nurse).post("/instruments/phq-9", {"try-phq9-2": "nonsense"})
    assert (answer.status_code, "Item 2 cannot be answered like that" in page(answer)) == (422, True)


def test_the_gains_are_told_with_their_measures(cast: Cast) -> None:
    shown = page(client_for(cast.couples_therapist).get("/instruments/gains"))
    assert "Emotional regulation" in shown
    assert 'href="/instruments/ders-16"' in shown


@pytest.mark.parametrize(
    "path", ["/instruments", "/instruments/gains", "/instruments/phq-9", "/instruments/own-sleep-diary"]
)
def test_the_number_of_statements_does_not_grow(cast: Cast, path: str) -> None:
    client = client_for(cast.lead)
    load_diary(client)
    client.get(path)
    with CaptureQueriesContext(connection) as few:
        assert client.get(path).status_code == 200
    for number in range(4):
        load_diary(client, slug=f"diary-{number}")
    client.get(path)
    with CaptureQueriesContext(connection) as many:
        client.get(path)
    assert len(many) == len(few)


# ── loading any author's ──────────────────────────────────────────────────────────────────────────────────────


def test_a_file_is_looked_at_tried_and_then_loaded(cast: Cast) -> None:
    client = client_for(cast.lead)
    seen = client.post("/instruments/new", {"file": SimpleUploadedFile("q.json", text(WHOLE)), "do": "look"})
    assert seen.status_code == 200
    assert "Question a?" in page(seen)
    kept = seen.context["form"].initial["kept"]
    again = client.post(
        "/instruments/new", {"kept": kept, "do": "try", "try-a": "always", "try-b": "often", "slug": "x y"}
    )
    assert (again.status_code, "<b>5</b>" in page(again)) == (200, True)
    assert stored() == 0
    loaded = client.post("/instruments/new", {"kept": kept, "do": "load", **SAID, "reverse": ["b"]})
    assert loaded["Location"] == "/instruments/own-sleep-diary"
    shown = page(client_for(cast.nurse).get("/instruments/own-sleep-diary"))
    assert "Turned round" in shown
    assert "Its own words, 2026" in shown
    assert "own-sleep-diary" in page(client.get("/instruments?words=loaded"))
    assert client_for(cast.other_lead).get("/instruments/own-sleep-diary").status_code == 404


def test_problems_are_listed_by_line_and_what_was_pasted_stays(cast: Cast) -> None:
    bad = text(form({"linkId": "a", "type": "quantity", "text": "How much?"})).decode()
    answer = client_for(cast.lead).post("/instruments/new", {"pasted": bad, "do": "look"})
    assert answer.status_code == 422
    assert "Line 8, item “a”." in page(answer)
    assert "How much?" in page(answer)


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"kept": "!"},
        {"kept": "eJw="},
        {"kept": "AAAA"},
        {"pasted": "{"},
        {"pasted": "x" * 400_001},
        {"pasted": "<a/>"},
    ],
)
def test_what_is_no_questionnaire_is_answered_in_words(cast: Cast, given: dict[str, str]) -> None:
    assert client_for(cast.lead).post("/instruments/new", {**given, "do": "load"}).status_code == 422


def test_an_upload_of_more_than_two_megabytes_is_refused_in_words(cast: Cast) -> None:
    large = SimpleUploadedFile("q.json", b" " * 2_100_000)
    answer = client_for(cast.lead).post("/instruments/new", {"file": large, "do": "look"})
    assert (answer.status_code, "larger than 2 MB" in page(answer)) == (422, True)


@pytest.mark.parametrize(
    "change",
    [
        {"licence_terms": ""},
        {"licence_holder": ""},
        {"slug": "Sleep Diary"},
        {"kind": "screen.violence"},
        {"plain_title": ""},
        {"reverse": ["c"]},
    ],
)
def test_without_what_must_be_stated_nothing_is_loaded_and_nothing_typed_is_lost(
    cast: Cast, change: dict[str, Any]
) -> None:
    answer = load_diary(client_for(cast.lead), **change)
    assert answer.status_code == 422
    assert 'value="last night"' in page(answer)
    assert stored() == 0


def test_an_own_formula_and_a_version_in_use_are_said_before_loading(cast: Cast) -> None:
    client = client_for(cast.lead)
    load_diary(client)
    exported = client.get("/instruments/own-sleep-diary/fhir").content.decode()
    shown = page(client.post("/instruments/new", {"pasted": exported, "do": "look", **SAID}))
    assert "Bothwell scores by its own table" in shown
    assert "is in use under this name" in shown


def test_a_very_long_one_is_shown_but_not_tried(cast: Cast) -> None:
    long = form(*({"linkId": f"q{n}", "type": "string", "text": "?"} for n in range(300)))
    answer = client_for(cast.lead).post("/instruments/new", {"pasted": text(long).decode(), "do": "look"})
    assert (answer.status_code, "too long to be tried" in page(answer)) == (200, True)


def test_markup_in_a_questionnaire_stays_text(cast: Cast) -> None:
    evil = "<script>alert(1)</script>"
    item = {
        "linkId": "a",
        "type": "choice",
        "text": evil,
        "answerOption": [{"valueString": evil}, {"valueString": "b"}],
    }
    client = client_for(cast.lead)
    assert evil not in page(
        client.post("/instruments/new", {"pasted": text(form(item)).decode(), "do": "look"})
    )


def test_the_lead_retires_what_was_loaded(cast: Cast) -> None:
    client = client_for(cast.lead)
    load_diary(client)
    assert client.post("/instruments/own-sleep-diary/retire")["Location"] == "/instruments"
    assert client.get("/instruments/own-sleep-diary").status_code == 404
    assert client.post("/instruments/own-sleep-diary/retire").status_code == 404


# ── loading licensed words ────────────────────────────────────────────────────────────────────────────────────


def fields(instrument_id: str = "brs") -> dict[str, str]:
    brs = load(instrument_id)
    return {
        "do": "load", "stem": "Tick one.", "licence_holder": "The owner", "licence_terms": "Agreement 7",
        **{f"item-{item.link_id}": f"Question {item.link_id}" for item in brs.items},
        **{f"answer-{option.code}": f"Label {option.code}" for item in brs.items for option in item.options},
    }  # fmt: skip


def test_words_typed_in_make_a_skeleton_askable(cast: Cast) -> None:
    client = client_for(cast.lead)
    assert client.post("/instruments/brs/words", fields())["Location"] == "/instruments/brs"
    shown = page(client_for(cast.nurse).get("/instruments/brs"))
    assert "Question brs-3" in shown
    assert "Nobody but this clinic has checked its words" in shown
    assert client.post("/instruments/brs/retire")["Location"] == "/instruments/brs"
    assert "It has no words yet" in page(client.get("/instruments/brs"))


@pytest.mark.parametrize("left_empty", ["item-brs-4", "answer-brs-2", "licence_holder", "licence_terms"])
def test_a_field_left_empty_keeps_everything_typed_and_loads_nothing(cast: Cast, left_empty: str) -> None:
    answer = client_for(cast.lead).post("/instruments/brs/words", {**fields(), left_empty: ""})
    assert answer.status_code == 422
    assert "Question brs-3" in page(answer)
    assert stored() == 0


def test_two_answers_that_read_the_same_are_refused_naming_the_item(cast: Cast) -> None:
    given = {**fields(), "answer-brs-1": "Agree", "answer-brs-2": "agree "}
    answer = client_for(cast.lead).post("/instruments/brs/words", given)
    assert answer.status_code == 422
    assert page(answer).count("Item 1 (“brs-1”) has two answers that read the same") == 2
    assert stored() == 0


def test_licence_terms_have_an_end_and_are_shown_once(cast: Cast) -> None:
    client = client_for(cast.lead)
    long = client.post("/instruments/brs/words", {**fields(), "licence_terms": "x" * 2001})
    assert (long.status_code, "longer than 2,000 signs" in page(long)) == (422, True)
    long = load_diary(client, licence_terms="x" * 2001)
    assert (long.status_code, "longer than 2,000 signs" in page(long)) == (422, True)
    client.post("/instruments/brs/words", fields())
    assert page(client.get("/instruments/brs")).count("Agreement 7") == 1


def test_a_filled_form_fills_the_page_and_is_stored_only_afterwards(cast: Cast) -> None:
    client = client_for(cast.lead)
    assert json.loads(client.get("/instruments/brs/blank").content)["item"][0]["text"] == ""
    file = SimpleUploadedFile("brs.json", words_form(load("brs")))
    answer = client.post("/instruments/brs/words", {"do": "read", "file": file})
    assert (answer.status_code, "Text of brs-6" in page(answer)) == (200, True)
    assert stored() == 0


def test_a_form_changed_elsewhere_is_refused_by_line(cast: Cast) -> None:
    client = client_for(cast.lead)
    wrong = SimpleUploadedFile("brs.json", words_form(load("brs"), lambda whole: whole["item"].pop()))
    answer = client.post("/instruments/brs/words", {"do": "read", "file": wrong})
    assert (answer.status_code, "item “brs-6”" in page(answer)) == (422, True)
    assert client.post("/instruments/brs/words", {"do": "read"}).status_code == 422


@pytest.mark.parametrize(
    "path",
    ["/instruments/phq-9/words", "/instruments/phq-9/blank", "/instruments/none", "/instruments/own-x/fhir"],
)
def test_what_is_not_there_is_not_found(cast: Cast, path: str) -> None:
    assert client_for(cast.lead).get(path).status_code == 404
