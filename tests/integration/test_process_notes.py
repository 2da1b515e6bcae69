"""A therapist's own notes are sealed for their author alone, and nothing that gathers a record knows of them."""

import ast
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from cryptography.exceptions import InvalidTag
from django.apps import apps
from django.db import connection
from django.test import override_settings
from hypothesis import given
from hypothesis import strategies as st

from bothwell.integration import process_note_actions, process_notes
from bothwell.integration.process_note_actions import own_notes, seal_earlier, write_process_note
from bothwell.integration.process_notes import (
    NONCE_BYTES,
    CannotOpen,
    is_key_of,
    known_word,
    name_of,
    seal,
    unseal,
)
from bothwell.models import ProcessNote
from bothwell.privacy import door
from bothwell.privacy.circles import READS
from bothwell.refusal import Refused, SentBefore
from tests.cast import Cast, make_cast
from tests.conftest import loading

PACKAGE = Path(__file__).parents[2] / "bothwell"
NONCE = bytes(range(NONCE_BYTES))
NOTE, AUTHOR = UUID(int=1), UUID(int=2)


# ── the seal ──


@given(words=st.text(), secret=st.text(min_size=1), nonce=st.binary(min_size=12, max_size=12))
def test_what_was_sealed_opens_for_its_author(words: str, secret: str, nonce: bytes) -> None:
    sealed = seal(words, secret=secret, note=NOTE, author=AUTHOR, nonce=nonce)
    assert unseal(sealed, secret=secret, note=NOTE, author=AUTHOR) == words


@pytest.mark.parametrize(
    "other", [{"secret": "another"}, {"note": UUID(int=9)}, {"author": UUID(int=9)}, {"secret": ""}]
)
def test_it_opens_with_no_other_key_for_no_other_author_and_as_no_other_note(
    other: dict[str, object],
) -> None:
    right = {"secret": "the clinic's", "note": NOTE, "author": AUTHOR}
    sealed = seal("My unease.", nonce=NONCE, **right)  # type: ignore[arg-type]
    with pytest.raises(CannotOpen):
        unseal(sealed, **{**right, **other})  # type: ignore[arg-type]


def test_each_author_has_a_key_of_their_own() -> None:
    """Another author's key opens nothing, not even for who knows whose note it is and which."""
    sealed = seal("My unease.", secret="x", note=NOTE, author=AUTHOR, nonce=NONCE)
    rest, about = sealed[1 + NONCE_BYTES :], process_notes._bound_to(NOTE, AUTHOR)
    assert process_notes._lock("x", AUTHOR).decrypt(NONCE, rest, about) == b"My unease."
    with pytest.raises(InvalidTag):
        process_notes._lock("x", UUID(int=9)).decrypt(NONCE, rest, about)


@given(place=st.integers(0, 60), bit=st.integers(0, 7))
def test_one_changed_bit_is_noticed(place: int, bit: int) -> None:
    sealed = bytearray(
        seal("My unease with A, at length.", secret="x", note=NOTE, author=AUTHOR, nonce=NONCE)
    )
    sealed[place % len(sealed)] ^= 1 << bit
    with pytest.raises(CannotOpen):
        unseal(bytes(sealed), secret="x", note=NOTE, author=AUTHOR)


def test_the_words_stand_nowhere_in_what_is_kept() -> None:
    sealed = seal("My unease.", secret="x", note=NOTE, author=AUTHOR, nonce=NONCE)
    assert b"unease" not in sealed
    with pytest.raises(CannotOpen):
        seal("My unease.", secret="", note=NOTE, author=AUTHOR, nonce=NONCE)
    with pytest.raises(ValueError, match="twelve"):
        seal("My unease.", secret="x", note=NOTE, author=AUTHOR, nonce=b"short")


# ── in the database ──


@pytest.fixture
def cast(db: None) -> Cast:
    return make_cast()


def write(cast: Cast, text: str = "My unease.") -> ProcessNote:
    dana = cast.couples_therapist
    with door.opened(dana.id):
        return write_process_note(by=dana, couple=cast.couple, session_id=None, text=text, request_id=uuid4())


def test_the_database_holds_no_word_and_the_author_reads_them_all(cast: Cast) -> None:
    write(cast)
    with loading(), connection.cursor() as cursor:
        cursor.execute("select text, encode(sealed, 'escape') from bothwell_processnote")
        text, sealed = cursor.fetchone()
    assert text == ""
    assert "unease" not in sealed
    with door.opened(cast.couples_therapist.id):
        assert [note.words for note in own_notes(cast.couples_therapist)] == ["My unease."]


def test_nobody_else_reads_it_whatever_they_are(cast: Cast) -> None:
    write(cast)
    for name, who in cast.everyone().items():
        if who != cast.couples_therapist:
            with door.opened(who.id):
                assert not ProcessNote.objects.exists(), name
                assert own_notes(who) == [], name


def test_without_its_key_nothing_is_kept_and_nothing_opens(cast: Cast) -> None:
    write(cast)
    with override_settings(PROCESS_NOTES_KEY=""), door.opened(cast.couples_therapist.id):
        assert [note.words for note in own_notes(cast.couples_therapist)] == [None]
    with override_settings(PROCESS_NOTES_KEY=""), pytest.raises(Refused, match="last backup"):
        write(cast, "More.")
    with override_settings(PROCESS_NOTES_KEY="another"), door.opened(cast.couples_therapist.id):
        assert [note.words for note in own_notes(cast.couples_therapist)] == [None]


def test_a_key_is_known_by_its_name_and_by_the_word_it_sealed() -> None:
    word = known_word("right", NONCE)
    assert is_key_of(word, "right")
    assert not is_key_of(word, "wrong")
    assert not is_key_of(word, "")
    assert not is_key_of(b"", "right")
    assert name_of("right") == name_of("right") != name_of("wrong")
    assert len(name_of("right")) == 16


def test_under_another_key_than_before_nothing_is_kept_and_that_is_said(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process_note_actions, "has_right_key", lambda: False)
    with pytest.raises(Refused, match="another one than before"):
        write(cast)
    with loading():
        assert not ProcessNote.objects.exists()


def test_the_same_form_with_other_words_is_not_answered_like_the_first(cast: Cast) -> None:
    dana, number = cast.couples_therapist, uuid4()
    with door.opened(dana.id):
        said = {"by": dana, "couple": cast.couple, "session_id": None, "request_id": number}
        first = write_process_note(text="My unease.", **said)
        assert write_process_note(text=" My unease. ", **said) == first
        with pytest.raises(SentBefore):
            write_process_note(text="My ease.", **said)
        assert [note.words for note in own_notes(dana)] == ["My unease."]


def test_earlier_notes_are_sealed_in_place(cast: Cast) -> None:
    dana = cast.couples_therapist
    with loading():
        note = ProcessNote.objects.create(
            clinic=cast.clinic, couple=cast.couple, author=dana, text="Of before."
        )

    with loading():
        _seal_without_changing_rights()
    with loading():
        note.refresh_from_db()
        assert note.text == ""
        assert b"before" not in bytes(note.sealed)
    with door.opened(dana.id):
        assert [one.words for one in own_notes(dana)] == ["Of before."]


def _seal_without_changing_rights() -> None:
    """`seal_earlier` with the table's rights left as they are: only its owner may change those."""

    class Quiet:
        def execute(self, statement: str) -> None:
            assert statement.startswith(("alter table bothwell_processnote", "set constraints"))

        def __enter__(self) -> "Quiet":
            return self

        def __exit__(self, *_: object) -> None:
            return None

    class Connection:
        def cursor(self) -> Quiet:
            return Quiet()

    class Editor:
        connection = Connection()

    seal_earlier(apps, Editor())


# ── in no export ──

MAY_KNOW = {
    "models.py",  # the table, and the list of all tables
    "integration/models.py",
    "integration/process_note_actions.py",
    "demo/meetings.py",
    "demo/load.py",
}


def test_the_rule_gives_it_to_nobody() -> None:
    assert not any(READS["process_note"].values())


def test_no_module_that_prints_exports_or_answers_a_request_can_reach_it() -> None:
    """Whoever gathers a record must name the table to gather from it: only these name it."""
    found = {
        str(path.relative_to(PACKAGE))
        for path in PACKAGE.rglob("*.py")
        if "migrations" not in path.parts
        for node in ast.walk(ast.parse(path.read_text()))
        if (isinstance(node, ast.Name) and node.id == "ProcessNote")
        or (isinstance(node, ast.alias) and node.name == "ProcessNote")
        or (isinstance(node, ast.Attribute) and node.attr == "ProcessNote")
    }
    assert found <= MAY_KNOW, found - MAY_KNOW


def test_only_its_own_page_opens_it() -> None:
    """What reads the words is called by the author's own page and by nothing else."""
    callers = {
        str(path.relative_to(PACKAGE))
        for path in PACKAGE.rglob("*.py")
        if "own_notes" in path.read_text() and path.name != "process_note_actions.py"
    }
    assert callers == {"web/couple_own_notes.py", "urls.py"}
