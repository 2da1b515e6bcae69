"""The joint decision as the person it concerns reads it: in plain words, and signed last."""

import pytest

from bothwell.models import DecisionSignature, JointDecision
from bothwell.privacy import door
from tests.cast import Cast, client_for, make_cast
from tests.conftest import loading
from tests.web.partners import course_of

pytestmark = pytest.mark.django_db
YES = {"verdict": "proceed", "words": "", "signed_name": "Amara", "understood": "on"}


@pytest.fixture
def cast() -> Cast:
    return make_cast()


def decision(cast: Cast, *, signed: bool = True) -> JointDecision:
    course = course_of(cast, cast.a)
    with loading():
        row = JointDecision.objects.create(
            clinic=cast.clinic, subject=cast.a, couple=cast.couple, author=cast.prescriber, course=course,
            route="iv", summary="We think a short series could help you.",
        )  # fmt: skip
        for who, signs_as in ((cast.prescriber, "prescriber"), (cast.couples_therapist, "couples_therapist")):
            if signed:
                DecisionSignature.objects.create(
                    clinic=cast.clinic, subject=cast.a, couple=cast.couple, author=who, decision=row,
                    signs_as=signs_as, verdict="proceed", words="Agreed.", signed_name=who.name_used,
                )  # fmt: skip
    return row


def test_it_is_read_in_plain_words_with_who_agrees(cast: Cast) -> None:
    client = client_for(cast.a)
    row = decision(cast)
    assert "Read and decide" in client.get("/today").content.decode()
    page = client.get(f"/decisions/{row.id}").content.decode()
    for words in (
        "We think a short series could help you.",
        "Go on together",
        "Yes, I want to begin",
        "Not yet",
    ):
        assert words in page
    for other in (cast.b, cast.stranger_a, cast.prescriber):
        assert client_for(other).get(f"/decisions/{row.id}").status_code == 404


def test_the_partner_signs_last_and_once(cast: Cast) -> None:
    row, client = decision(cast), client_for(cast.a)
    for _ in range(2):
        assert client.post(f"/decisions/{row.id}", YES)["Location"] == f"/decisions/{row.id}"
    with door.opened(cast.prescriber.id):
        assert DecisionSignature.objects.filter(signs_as="partner").count() == 1
    page = client.get(f"/decisions/{row.id}").content.decode()
    assert "You have signed." in page
    assert "What comes next" in page
    assert 'href="/today">Go on to Today' in page
    assert 'name="signed_name"' not in page
    assert "Read and decide" not in client.get("/today").content.decode()


def test_yes_waits_for_both_clinicians_and_no_needs_words(cast: Cast) -> None:
    row, client = decision(cast, signed=False), client_for(cast.a)
    early = client.post(f"/decisions/{row.id}", YES)
    assert early.status_code == 422
    assert "sign first" in early.content.decode()
    wordless = client.post(f"/decisions/{row.id}", {**YES, "verdict": "decline"})
    assert wordless.status_code == 422
    assert (
        client.post(f"/decisions/{row.id}", {**YES, "verdict": "decline", "words": "Not for me."}).status_code
        == 302
    )


def test_the_name_the_word_and_the_tick_are_each_asked_for_and_nothing_is_lost(cast: Cast) -> None:
    row, client = decision(cast), client_for(cast.a)
    for missing in ("verdict", "signed_name", "understood"):
        post = {**YES, "words": "typed already"}
        del post[missing]
        refused = client.post(f"/decisions/{row.id}", post)
        assert refused.status_code == 422
        assert "typed already" in refused.content.decode()
    with door.opened(cast.a.id):
        assert not DecisionSignature.objects.filter(author=cast.a).exists()
