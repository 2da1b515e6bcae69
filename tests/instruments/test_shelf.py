"""What a clinic can ask: the catalogue's own, what it loaded itself, and each in the version that was asked."""

import json
from collections.abc import Iterator

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from bothwell.instruments import shelf
from bothwell.instruments.catalogue import CATALOGUE, NoSuchInstrument, load
from bothwell.instruments.reading import read
from bothwell.models import ClinicInstrument
from bothwell.privacy import door
from tests.cast import Cast, make_cast
from tests.conftest import loading

pytestmark = pytest.mark.django_db


@pytest.fixture
def cast() -> Cast:
    return make_cast()


def worded(words: str) -> str:
    """The skeleton of the HITS as a clinic would load it: every question and answer given some words."""
    document = json.loads((CATALOGUE / "skeletons/hits.json").read_bytes())
    document["side"] |= {"ships": "text", "licence_class": "clinic"}
    stack = list(document["questionnaire"]["item"])
    while stack:
        item = stack.pop()
        stack += item.get("item", [])
        item["text"] = words
        for option in item.get("answerOption", []):
            option["valueCoding"]["display"] = words
    return json.dumps(document)


def loaded(cast: Cast, document: str, *, retired: bool = False) -> ClinicInstrument:
    return ClinicInstrument.objects.create(
        clinic=cast.clinic,
        instrument="hits",
        version=read("hits.json", document.encode()).version,
        document=document,
        origin=ClinicInstrument.Origin.LICENSED,
        licence_holder="the clinic",
        licence_terms="letter of the owner",
        author=cast.lead,
        retired_at=timezone.now() if retired else None,
    )


@pytest.fixture(autouse=True)
def nothing_kept() -> Iterator[None]:
    shelf._KEPT.clear()
    yield
    shelf._KEPT.clear()


def test_what_is_shipped_with_words_needs_no_statement(cast: Cast) -> None:
    with (
        door.opened(cast.a.id),
        CaptureQueriesContext(
            connection,
        ) as asked,
    ):
        assert shelf.find(cast.clinic.id, "phq-9") is load("phq-9")
    assert not [query for query in asked if "clinicinstrument" in query["sql"]]


def test_a_skeleton_cannot_be_asked_until_this_clinic_loads_its_words(cast: Cast) -> None:
    with door.opened(cast.a.id), pytest.raises(NoSuchInstrument):
        shelf.find(cast.clinic.id, "hits")
    with loading():
        row = loaded(cast, worded("one"))
    with door.opened(cast.a.id):
        found = shelf.find(cast.clinic.id, "hits")
        assert (found.version, found.items[0].text, found.can_be_asked) == (row.version, "one", True)
        assert "hits" in {each.id for each in shelf.usable(cast.clinic.id)}


def test_what_one_clinic_loaded_is_not_there_for_another(cast: Cast) -> None:
    with loading():
        loaded(cast, worded("one"))
    with door.opened(cast.a.id):
        shelf.find(cast.clinic.id, "hits")
    other = cast.other_lead
    with door.opened(other.id), pytest.raises(NoSuchInstrument):
        shelf.find(other.clinic_id, "hits")


def test_an_earlier_version_is_still_read_as_it_was_asked(cast: Cast) -> None:
    with loading():
        first = loaded(cast, worded("one"), retired=True)
        second = loaded(cast, worded("two"))
    with door.opened(cast.a.id), CaptureQueriesContext(connection) as asked:
        wanted = [("hits", first.version), ("hits", second.version), ("hits", ""), ("hits", "gone")]
        found = shelf.find_all(cast.clinic.id, wanted)
    assert [found[key].items[0].text for key in wanted] == ["one", "two", "two", "two"]
    assert len([query for query in asked if "clinicinstrument" in query["sql"]]) == 1


def test_what_was_retired_is_not_offered_any_more(cast: Cast) -> None:
    with loading():
        loaded(cast, worded("one"), retired=True)
    with door.opened(cast.a.id):
        assert "hits" not in {each.id for each in shelf.usable(cast.clinic.id)}
        with pytest.raises(NoSuchInstrument):
            shelf.find(cast.clinic.id, "hits")
