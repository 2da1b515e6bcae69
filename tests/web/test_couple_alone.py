"""What one says alone: what the agreement means stands before the form, and the row keeps which one it was."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest
from django.utils import timezone

from bothwell.models import DisclosureAgreement, DisclosureSignature, IndividualContact
from bothwell.privacy import door
from tests.cast import client_for
from tests.conftest import loading
from tests.web.desks import Desk, desk

pytestmark = pytest.mark.django_db


@pytest.fixture
def plain() -> Desk:
    made = desk()
    made.agreement_texts()
    return made


def agree(made: Desk, mode: str, version: int, days_ago: float = 5) -> DisclosureAgreement:
    from bothwell.models import ConsentText

    cast = made.cast
    with loading():
        row = DisclosureAgreement.objects.create(
            clinic=cast.clinic, couple=cast.couple, author=cast.couples_therapist, mode=mode, version=version,
            text=ConsentText.objects.get(kind="disclosure", code=mode), sha256="x",
        )  # fmt: skip
        for who in (cast.a, cast.b):
            DisclosureSignature.objects.create(
                clinic=cast.clinic, couple=cast.couple, subject=who, author=who, agreement=row, signed_name="X",
                recorded_at=timezone.now() - timedelta(days=days_ago),
            )  # fmt: skip
    return row


def look(made: Desk) -> str:
    return (
        client_for(made.cast.couples_therapist).get(f"/couples/{made.cast.couple.id}/alone").content.decode()
    )


def post(made: Desk, path: str = "", **data: object) -> tuple[int, str]:
    client = client_for(made.cast.couples_therapist)
    response = client.post(f"/couples/{made.cast.couple.id}/alone{path}", data)
    return response.status_code, response.content.decode()


def said(
    agreement: DisclosureAgreement | None, days_ago: float = 0.1, **changed: object
) -> dict[str, object]:
    at = (timezone.now() - timedelta(days=days_ago)).strftime("%Y-%m-%dT%H:%M")
    under = str(agreement.id) if agreement else ""
    given = {"side": "b", "at": at, "minutes": 10, "text": "He is unsure.", "read_under": under}
    return {**given, "request_id": str(uuid4()), **changed}


@pytest.mark.parametrize(
    ("mode", "told"),
    [
        ("no_secrets", "may be brought into the room"),
        ("confidential", "may not be brought into the room"),
        ("", "No agreement signed"),
    ],
)
def test_what_it_means_stands_before_the_form(plain: Desk, mode: str, told: str) -> None:
    if mode:
        agree(plain, mode, 1)
    text = look(plain)
    assert told in text
    assert text.index(told) < text.index('name="text"')


def test_the_row_keeps_the_version_and_says_it(plain: Desk) -> None:
    agreement = agree(plain, "no_secrets", 1)
    post_ = said(agreement)
    for _ in range(2):
        assert post(plain, **post_)[0] == 302
    with door.opened(plain.cast.couples_therapist.id):
        assert IndividualContact.objects.get().agreement_id == agreement.id
    agree(plain, "confidential", 2, days_ago=0)
    kept = look(plain).split("Kept so far")[1]
    assert "No secrets</b>, version 1" in kept


def test_without_an_agreement_it_is_kept_and_marked(plain: Desk) -> None:
    assert post(plain, **said(None))[0] == 302
    assert "No agreement signed" in look(plain).split("Kept so far")[1]


def test_an_agreement_of_another_time_is_shown_before_it_is_kept(plain: Desk) -> None:
    first, second = agree(plain, "no_secrets", 1, days_ago=30), agree(plain, "confidential", 2, days_ago=2)
    status, text = post(plain, **said(second, days_ago=10))
    assert status == 422
    assert "another agreement held" in text
    assert "He is unsure." in text
    assert "may be brought into the room" in text.split('name="text"')[0]
    assert f'value="{first.id}"' in text
    assert post(plain, **said(first, days_ago=10))[0] == 302


def test_what_is_missing_is_asked_for_and_the_words_stay(plain: Desk) -> None:
    status, text = post(plain, **said(None, side=""))
    assert status == 422
    assert "Choose which of the two it was." in text
    assert "He is unsure." in text


def test_a_correction_stands_beside_what_it_corrects(plain: Desk) -> None:
    post(plain, **said(None))
    with door.opened(plain.cast.couples_therapist.id):
        row = IndividualContact.objects.get()
    assert post(plain, f"/{row.id}", text="He is sure.", minutes=10, reason="")[0] == 422
    assert post(plain, f"/{row.id}", text="He is sure.", minutes=10, reason="Misheard.")[0] == 302
    text = look(plain)
    assert "He is sure." in text
    assert "Corrected: Misheard." in text
    assert "He is unsure." in text


@pytest.mark.parametrize("who", ["a", "b"])
def test_a_partners_pages_are_the_same_with_and_without_it(plain: Desk, who: str) -> None:
    import re

    partner = getattr(plain.cast, who)

    def pages() -> list[str]:
        client = client_for(partner)
        texts = [client.get(path).content.decode() for path in ("/today", "/us", "/insights", "/access")]
        return [
            re.sub(r'value="[\w-]+"|X-CSRFToken[^}]*|data-leave-token="[\w-]+"', "", text) for text in texts
        ]

    pages()  # the first look is itself an entry in one's own log
    before = [re.sub(r"\d\d:\d\d", "", text) for text in pages()[:3]]
    look(plain)
    post(plain, **said(None))
    assert [re.sub(r"\d\d:\d\d", "", text) for text in pages()[:3]] == before
    assert "alone" not in client_for(partner).get("/access").content.decode().split("<main")[1].lower()
