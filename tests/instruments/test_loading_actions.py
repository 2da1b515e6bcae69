"""Loading: the lead alone, with a licence stated; a new version retires the old; nothing loaded is ever changed."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.db import IntegrityError

from bothwell.instruments import importing, loading_actions, shelf, wording
from bothwell.instruments.catalogue import NoSuchInstrument, load
from bothwell.instruments.importing import Imported
from bothwell.instruments.loading_actions import load_questionnaire, load_text, retire
from bothwell.instruments.wording import Words
from bothwell.models import AuditEntry, ClinicInstrument, Person
from bothwell.privacy import door
from bothwell.refusal import Refused, Stale
from tests.cast import Cast, make_cast
from tests.conftest import loading
from tests.instruments.test_importing import WHOLE, described, text
from tests.instruments.test_wording import form

pytestmark = pytest.mark.django_db
LICENCE = {"licence_holder": "The owner", "licence_terms": "Agreement 7 of 2026"}


@pytest.fixture
def cast() -> Cast:
    return make_cast()


def brs(stem: str = "How are you?") -> Words:
    words = wording.read_words(
        load("brs"), form(load("brs"), lambda whole: whole["item"][0].update(text=stem))
    )
    assert isinstance(words, Words)
    return words


def put_words(by: Person, words: Words | None = None, **changes: Any) -> ClinicInstrument:
    with door.opened(by.id):
        return load_text(**{"by": by, "instrument_id": "brs", "words": words or brs(), **LICENCE, **changes})


def put_questionnaire(by: Person, title: str = "Sleep diary", **changes: Any) -> ClinicInstrument:
    imported = importing.read_questionnaire(text({**WHOLE, "title": title}))
    assert isinstance(imported, Imported)
    with door.opened(by.id):
        return load_questionnaire(
            by=by, imported=imported, described=described(imported, slug="sleep-diary", **changes)
        )


def test_a_skeleton_with_the_clinics_words_can_be_asked_here_and_nowhere_else(cast: Cast) -> None:
    loaded = put_words(cast.lead)
    with door.opened(cast.nurse.id):
        found = shelf.find(cast.clinic.id, "brs")
        assert (found.version, found.stem, found.can_be_asked) == (loaded.version, "How are you?", True)
        assert "brs" in {each.id for each in shelf.usable(cast.clinic.id)}
    with door.opened(cast.other_lead.id), pytest.raises(NoSuchInstrument):
        shelf.find(cast.other_clinic.id, "brs")


def test_an_imported_questionnaire_can_be_asked_and_what_was_done_is_logged(cast: Cast) -> None:
    loaded = put_questionnaire(cast.lead)
    with door.opened(cast.lead.id):
        assert shelf.find(cast.clinic.id, "own-sleep-diary").plain_title == "Your nights"
        assert list(AuditEntry.objects.values_list("action", "item_id")) == [
            ("loaded a questionnaire", loaded.id)
        ]


def test_a_new_version_retires_the_one_before_and_both_can_be_read(cast: Cast) -> None:
    first, second = put_questionnaire(cast.lead), put_questionnaire(cast.lead, "Sleep diary, second edition")
    with door.opened(cast.lead.id):
        rows = dict(ClinicInstrument.objects.values_list("id", "retired_by"))
        assert rows == {first.id: cast.lead.id, second.id: None}
        assert shelf.find(cast.clinic.id, "own-sleep-diary").version == second.version
        assert shelf.find(cast.clinic.id, "own-sleep-diary", first.version).title == "Sleep diary"


def test_the_same_text_twice_changes_nothing(cast: Cast) -> None:
    assert put_words(cast.lead).id == put_words(cast.lead).id
    assert put_questionnaire(cast.lead).id == put_questionnaire(cast.lead).id
    with loading():
        assert ClinicInstrument.objects.filter(retired_at__isnull=True).count() == 2


def test_what_is_retired_is_asked_no_more(cast: Cast) -> None:
    loaded = put_words(cast.lead)
    with door.opened(cast.lead.id):
        retire(by=cast.lead, loaded_id=loaded.id)
        with pytest.raises(Refused, match="not in use"):
            retire(by=cast.lead, loaded_id=loaded.id)
        with pytest.raises(NoSuchInstrument):
            shelf.find(cast.clinic.id, "brs")
        assert shelf.find(cast.clinic.id, "brs", loaded.version).stem == "How are you?"


@pytest.mark.parametrize("who", ["prescriber", "couples_therapist", "coordinator", "nurse", "a"])
def test_only_the_lead_loads_and_retires(cast: Cast, who: str) -> None:
    by, loaded = cast.everyone()[who], put_words(cast.lead)
    for attempt in (lambda: put_words(by), lambda: put_questionnaire(by)):
        with pytest.raises(Refused, match="Only the clinic lead"):
            attempt()
    with door.opened(by.id), pytest.raises(Refused, match="Only the clinic lead"):
        retire(by=by, loaded_id=loaded.id)


def test_another_clinics_lead_finds_nothing_to_retire(cast: Cast) -> None:
    loaded = put_words(cast.lead)
    with door.opened(cast.other_lead.id), pytest.raises(Refused, match="not in use"):
        retire(by=cast.other_lead, loaded_id=loaded.id)


@pytest.mark.parametrize(
    "missing",
    [
        {"licence_holder": " "},
        {"licence_terms": ""},
        {"licence_holder": "x" * 201},
        {"licence_terms": "x" * 2001},
    ],
)
def test_without_a_stated_licence_nothing_is_loaded(cast: Cast, missing: dict[str, str]) -> None:
    with pytest.raises(Refused, match="licence"):
        put_words(cast.lead, **missing)
    with pytest.raises(Refused, match="licence"):
        put_questionnaire(cast.lead, **missing)


def test_words_are_loaded_only_where_they_are_missing_and_only_whole(cast: Cast) -> None:
    with pytest.raises(Refused, match="ships with its words"):
        put_words(cast.lead, instrument_id="phq-9")
    with pytest.raises(Refused, match="no such questionnaire"):
        put_words(cast.lead, instrument_id="own-brs")
    whole = brs()
    for part in ({"questions": {}}, {"answers": {}}, {"questions": {**whole.questions, "brs-1": " "}}):
        words = Words(
            **{
                "stem": "",
                "lines": {},
                "ends": {},
                "questions": whole.questions,
                "answers": whole.answers,
                **part,
            }
        )
        with pytest.raises(Refused, match="no words yet"):
            put_words(cast.lead, words)


def test_two_at_once_the_second_is_told_so(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second has read that none was in use; the database knows better."""
    put_words(cast.lead)
    found = ClinicInstrument.objects.none()
    monkeypatch.setattr(loading_actions.ClinicInstrument.objects, "filter", lambda **_: found)
    with pytest.raises(Stale, match="Somebody else"):
        put_words(cast.lead, brs("Other words"))
    monkeypatch.undo()
    with loading():
        assert ClinicInstrument.objects.filter(retired_at__isnull=True).count() == 1


def test_what_was_loaded_cannot_be_changed_by_anybody(cast: Cast) -> None:
    loaded = put_words(cast.lead)
    with door.opened(cast.lead.id), pytest.raises(Exception, match="permission denied"):
        ClinicInstrument.objects.filter(id=loaded.id).update(document=json.dumps({}))


def test_the_database_itself_keeps_one_text_in_use(cast: Cast) -> None:
    loaded = put_words(cast.lead)
    with loading(), pytest.raises(IntegrityError):
        ClinicInstrument.objects.create(
            clinic=cast.clinic,
            instrument="brs",
            version="x",
            document="{}",
            origin="licensed",
            author=cast.lead,
        )
    assert loaded.retired_at is None
