"""The page behind an invitation's link: it opens a login once, and says nothing when it does not."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.test import Client
from django.utils import timezone

from bothwell.enrolment import invitation_actions
from bothwell.models import Invitation, Person, User
from bothwell.privacy import door
from tests.cast import Cast, client_for, make_cast
from tests.conftest import loading

pytestmark = pytest.mark.django_db
LOGIN = {"email": "bo@example.org", "password": "three quiet green hills"}


@pytest.fixture
def cast() -> Cast:
    return make_cast()


def invited(cast: Cast, kind: str = "partner") -> str:
    """The path of a fresh link for somebody new."""
    with loading():
        person = Person.objects.create(clinic=cast.clinic, kind=kind, name_used="Zebulon")
    with door.opened(cast.lead.id):
        invitation = invitation_actions.invite(by=cast.lead, person=person)
    return "/invitation/" + invitation_actions.address_of(invitation).rpartition("/")[2]


def test_a_partner_sets_up_a_login_and_is_let_in(cast: Cast) -> None:
    client, path = Client(), invited(cast)
    answer = client.post(path, LOGIN)
    assert (answer.status_code, answer["Location"]) == (302, "/today")
    assert client.session["_auth_user_id"] == str(User.objects.get(email="bo@example.org").id)
    assert (
        client.post("/account/login/", {"login": LOGIN["email"], "password": LOGIN["password"]}).status_code
        == 302
    )


def test_a_colleague_goes_on_to_a_second_factor(cast: Cast) -> None:
    client = Client()
    assert client.post(invited(cast, "staff"), LOGIN)["Location"] == "/account/2fa/"
    assert client.get("/people")["Location"] == "/account/2fa/"


def test_the_page_names_neither_person_nor_clinic_nor_care(cast: Cast) -> None:
    page = Client().get(invited(cast)).content.decode().casefold()
    for word in ("zebulon", cast.clinic.name, "ketamine", "therapy", "couple", "partner"):
        assert word.casefold() not in page


def test_a_weak_password_is_explained_and_the_address_kept(cast: Cast) -> None:
    answer = Client().post(invited(cast), {**LOGIN, "password": "password1234"})
    assert answer.status_code == 422
    assert "bo@example.org" in answer.content.decode()
    assert "too common" in answer.content.decode()
    assert not User.objects.filter(email="bo@example.org").exists()


@pytest.mark.parametrize(
    ("password", "why"),
    [
        ("passwordpassword", "over again"),
        ("Password Password!", "over again"),
        ("aaaaaaaaaaaaaa", "over again"),
        ("1password2024!", "a little around it"),
    ],
)
def test_a_common_word_in_disguise_is_refused_in_a_plain_sentence(
    cast: Cast, password: str, why: str
) -> None:
    answer = Client().post(invited(cast), {**LOGIN, "password": password})
    assert answer.status_code == 422
    assert why in answer.content.decode()
    assert not User.objects.filter(email="bo@example.org").exists()


def test_an_address_in_use_is_refused_in_words_and_the_link_stays_good(cast: Cast) -> None:
    path = invited(cast)
    answer = Client().post(path, {**LOGIN, "email": f"{cast.a.id}@example.org"})
    assert answer.status_code == 422
    assert "cannot be used here" in answer.content.decode()
    assert Client().get(path).status_code == 200


def test_every_dead_link_gives_the_same_bytes(cast: Cast) -> None:
    used, expired, replaced = invited(cast), invited(cast), invited(cast)
    Client().post(used, LOGIN)
    with loading():
        Invitation.objects.filter(id=expired.split("/")[2].split(".")[0]).update(
            expires_at=timezone.now() - timedelta(1)
        )
    with door.opened(cast.lead.id):
        person = Invitation.objects.get(id=replaced.split("/")[2].split(".")[0]).person
        invitation_actions.invite(by=cast.lead, person=person)
    forged = f"/invitation/{uuid4().hex}.{'0' * 64}"
    answers = [
        Client().get(path) for path in (used, expired, replaced, forged, "/invitation/%00", "/invitation/x")
    ]
    answers += [Client().post(path, LOGIN) for path in (used, forged)]
    assert {answer.status_code for answer in answers} == {404}
    assert len({answer.content for answer in answers}) == 1
    assert "Ask the clinic for a new one" in answers[0].content.decode()


def test_nothing_of_the_page_is_kept_by_a_browser(cast: Cast) -> None:
    assert "no-store" in Client().get(invited(cast))["Cache-Control"]


def test_whoever_is_logged_in_on_a_shared_phone_is_logged_out_by_a_new_login(cast: Cast) -> None:
    client = client_for(cast.a)
    client.post(invited(cast), LOGIN)
    assert client.session["_auth_user_id"] == str(User.objects.get(email="bo@example.org").id)
