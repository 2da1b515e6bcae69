"""A name is corrected by whoever it belongs to, or by the lead; an address to sign in with by its owner alone, once proved."""

import re
import time
from typing import Any
from uuid import uuid4

import pytest
from allauth.account.models import EmailAddress
from django.contrib.auth.hashers import make_password
from django.core import mail
from django.core.cache import cache
from django.test import Client

from bothwell.enrolment import invitation_actions
from bothwell.enrolment.address_actions import LINK_LIVES, address_asked_for
from bothwell.enrolment.people_actions import Called
from bothwell.models import AuditEntry, Contact, Person, User
from bothwell.privacy import door, shelter_actions
from bothwell.refusal import Stale
from tests.cast import Cast, client_for, make_cast
from tests.conftest import loading

pytestmark = pytest.mark.django_db
PASSWORD = "correct-horse-battery"
NEW = "new@example.org"


@pytest.fixture(autouse=True)
def _nobody_tried_yet() -> None:
    cache.clear()


@pytest.fixture
def cast() -> Cast:
    return make_cast()


def text(answer: Any) -> str:
    return answer.content.decode()  # type: ignore[no-any-return]


def person(of: Person) -> Person:
    with loading():
        return Person.objects.get(id=of.id)


def typed(of: Person, **new: str) -> dict[str, str]:
    """What the page sends when only this was changed."""
    shown = {"name_used": of.name_used, "pronouns": of.pronouns, "title": of.title}
    return {**shown, **{f"seen_{part}": words for part, words in shown.items()}, **new}


UNSEEN = {
    "no width": "\u200b\u200b",
    "turned around": "\u202eneleH",
    "a second line": "Helen\nProgrammed by Ortega",
    "a line of Unicode": "Helen\u2028X",
    "joined in Latin": "Hel\u200den",
    "an empty letter": "\u3164",
    "no letter": "…",
}


def log_of(who: Person) -> list[AuditEntry]:
    with loading():
        return list(AuditEntry.objects.filter(subject=who).order_by("at"))


# ── names ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_staff_correct_their_own_name_and_title_and_the_log_keeps_no_value(cast: Cast) -> None:
    client = client_for(cast.lead)
    assert 'href="/access/name"' in text(client.get("/clinic")), "one finds it in the menu"
    answer = client.post("/access/name", typed(cast.lead, name_used="Margaret Hale", title="MD"))
    assert answer.status_code == 302
    assert person(cast.lead).signs_as == "Margaret Hale, MD"
    (line,) = [one for one in log_of(cast.lead) if one.action == "corrected a name"]
    assert not re.search("Margaret|Hale|MD|Lea", f"{line.action} {line.why} {line.item_kind}")


def test_a_partner_corrects_their_name_and_has_no_title(cast: Cast) -> None:
    client = client_for(cast.a)
    assert 'name="title"' not in text(client.get("/access/name"))
    assert client.post("/access/name", typed(cast.a, name_used="Amara B.", title="MD")).status_code == 302
    assert (person(cast.a).name_used, person(cast.a).title) == ("Amara B.", "")


@pytest.mark.parametrize(
    ("new", "words"),
    [({"name_used": "  "}, "needs a name to be called by"), ({"seen_name_used": "Someone"}, "Somebody has changed this name")],
)  # fmt: skip
def test_no_name_and_a_name_changed_meanwhile_are_refused_and_what_was_typed_stays(
    cast: Cast, new: dict[str, str], words: str
) -> None:
    answer = client_for(cast.nurse).post("/access/name", typed(cast.nurse, **{"title": "RN, MSN", **new}))
    assert (answer.status_code, words in text(answer)) == (422, True)
    assert 'value="RN, MSN"' in text(answer)
    assert person(cast.nurse).title == ""


@pytest.mark.parametrize(
    ("how", "part"),
    [*((how, "name_used") for how in UNSEEN), *((how, "title") for how in UNSEEN if how != "no letter")],
)
def test_a_name_that_cannot_be_seen_as_it_is_is_refused(cast: Cast, how: str, part: str) -> None:
    answer = client_for(cast.nurse).post("/access/name", typed(cast.nurse, **{part: UNSEEN[how]}))
    assert (answer.status_code, "cannot be seen" in text(answer) or "needs a letter" in text(answer)) == (
        422,
        True,
    )
    assert Called.now(person(cast.nurse)) == Called.now(cast.nurse)


@pytest.mark.parametrize("name", ["ශ්\u200dරී", "مهر\u200cداد", "Nuñez-O’Brien", "Ngũgĩ", "X Æ A-12", "김"])
def test_a_name_of_any_script_is_taken(cast: Cast, name: str) -> None:
    assert client_for(cast.nurse).post("/access/name", typed(cast.nurse, name_used=name)).status_code == 302
    assert person(cast.nurse).name_used == name


def test_an_unseen_name_is_refused_where_the_office_types_it(cast: Cast) -> None:
    contact, coordinator = f"/people/{cast.a.id}/contact", client_for(cast.coordinator)
    seen = re.search(r'name="seen_at" value="([^"]*)"', text(coordinator.get(contact)))
    assert seen
    answer = coordinator.post(contact, {"name_used": "\u202eneB", "seen_at": seen[1]})
    assert (answer.status_code, "cannot be seen" in text(answer)) == (422, True)
    new = {"name_used": "\u200b", "roles": ["nurse"], "request_id": str(uuid4())}
    refused = client_for(cast.lead).post("/clinic/staff", new)
    assert (refused.status_code, "cannot be seen" in text(refused)) == (422, True)


def test_the_lead_corrects_a_colleagues_name_and_nobody_else_does(cast: Cast) -> None:
    path = f"/clinic/staff/{cast.nurse.id}"
    sent = {"do": "name", **typed(cast.nurse, name_used="Luis Ortega", title="RN")}
    for who in (cast.prescriber, cast.coordinator, cast.nurse, cast.a):
        assert client_for(who).post(path, sent).status_code == 404
    assert client_for(cast.lead).post(path, sent)["Location"] == path
    assert person(cast.nurse).signs_as == "Luis Ortega, RN"
    assert client_for(cast.lead).post(path, sent).status_code == 422, "seen as it was before"
    assert client_for(cast.lead).post(f"/clinic/staff/{cast.a.id}", sent).status_code == 404


def test_a_coordinator_corrects_a_patients_name_with_their_contact(cast: Cast) -> None:
    path = f"/people/{cast.a.id}/contact"
    client = client_for(cast.coordinator)
    seen = re.search(r'name="seen_at" value="([^"]*)"', text(client.get(path)))
    assert seen
    assert client.post(path, {"name_used": "Amara C.", "seen_at": seen[1]}).status_code == 302
    assert person(cast.a).name_used == "Amara C."


def test_where_an_invitation_is_mailed_is_corrected_until_there_is_a_login(cast: Cast) -> None:
    path = f"/clinic/staff/{cast.nurse.id}"
    client, sent = client_for(cast.lead), {"do": "address", "email": "luis@example.org"}
    refused = client.post(path, sent)
    assert (refused.status_code, "only they change the address" in text(refused)) == (422, True)
    with loading():
        User.objects.filter(person=cast.nurse).update(person=cast_without_login(cast))
    assert client.post(path, {**sent, "email": "luis at"}).status_code == 422
    assert client.post(path, sent)["Location"] == path
    with loading():
        assert Contact.objects.get(subject=cast.nurse).safe_email == "luis@example.org"
    assert "luis@example.org" in text(client.get(path))
    assert not [one for one in log_of(cast.nurse) if "luis@" in f"{one.action} {one.why}"]


def test_a_link_that_went_to_a_wrong_address_makes_no_login(cast: Cast) -> None:
    with loading():
        staff = Person.objects.create(clinic=cast.clinic, kind="staff", name_used="Nora")
        patient = Person.objects.create(clinic=cast.clinic, kind="partner", name_used="Pat")
        for each in (staff, patient):
            Contact.objects.create(clinic=cast.clinic, subject=each, safe_email="wrong@example.org")
    tokens = {}
    for by, each in ((cast.lead, staff), (cast.coordinator, patient)):
        with door.opened(by.id):
            made = invitation_actions.invite(by=by, person=Person.objects.get(id=each.id))
            tokens[each.id] = invitation_actions.address_of(made).rsplit("/", 1)[1]
    lead, office, path = client_for(cast.lead), client_for(cast.coordinator), f"/people/{patient.id}/contact"
    seen = re.search(r'name="seen_at" value="([^"]*)"', text(office.get(path)))
    assert seen
    kept = {
        "name_used": "Pat",
        "safe_phone": "555 0101",
        "safe_email": "wrong@example.org",
        "seen_at": seen[1],
    }
    assert office.post(path, kept).status_code == 302
    assert invitation_actions.open_invitation(tokens[patient.id]), "the address is the same: so is the link"
    seen = re.search(r'name="seen_at" value="([^"]*)"', text(office.get(path)))
    assert seen
    moved = office.post(path, {**kept, "safe_email": "right@example.org", "seen_at": seen[1]}, follow=True)
    assert "A link mailed before opens no longer" in text(moved)
    sent = {"do": "address", "email": "right@example.org"}
    assert "A link mailed before opens no longer" in text(
        lead.post(f"/clinic/staff/{staff.id}", sent, follow=True)
    )
    for token in tokens.values():
        with pytest.raises(Stale):
            invitation_actions.accept_invitation(token=token, email="wrong@example.org", password=PASSWORD)
    assert "There is no link that works" not in text(lead.get(f"/clinic/staff/{staff.id}"))


def cast_without_login(cast: Cast) -> Person:
    """Somebody new, to whom a login can be given."""
    return Person.objects.create(clinic=cast.clinic, kind="staff", name_used="Nobody")


# ── the address one signs in with ─────────────────────────────────────────────────────────────────────────


def proved(who: Person) -> Client:
    """A browser in which `who` is logged in and has just shown again that it is them."""
    user = User.objects.get(person=who)
    User.objects.filter(id=user.id).update(password=make_password(PASSWORD))
    EmailAddress.objects.get_or_create(
        user=user, email=user.email, defaults={"verified": True, "primary": True}
    )
    return proved_again(who)


def proved_again(who: Person) -> Client:
    """Another browser of the same person, with the password they have."""
    user, client = User.objects.get(person=who), Client()
    client.post("/account/login/", {"login": user.email, "password": PASSWORD})
    client.post("/account/reauthenticate/", {"password": PASSWORD})
    return client


def link(message: Any) -> str:
    found = re.search(r"https?://[^/]+(/account/confirm-email/\S+)", message.body)
    assert found, message.body
    return found[1]


def test_a_new_address_takes_the_place_of_the_old_one_only_when_its_mail_was_answered(cast: Cast) -> None:
    client, old = proved(cast.nurse), f"{cast.nurse.id}@example.org"
    sent = client.post("/account/email/", {"email": NEW.upper()})
    assert (sent.status_code, "Look at your e-mail" in text(sent)) == (200, True)
    assert User.objects.get(person=cast.nurse).email == old
    note, asked = mail.outbox
    assert (note.to, asked.to) == ([old], [NEW])
    assert not EmailAddress.objects.filter(email=NEW).exists()
    assert text(client.get(link(asked))).count("Sign in with it from now on") == 1, "to look changes nothing"
    assert User.objects.get(person=cast.nurse).email == old
    assert client.post(link(asked)).status_code == 302
    assert User.objects.get(person=cast.nurse).email == NEW
    assert list(EmailAddress.objects.filter(user__person=cast.nurse).values_list("email", "verified")) == [
        (NEW, True)
    ]
    told = mail.outbox[2]
    assert (told.to, NEW in told.body) == ([old], False)
    again = client.get(link(asked))
    assert (again.status_code, "no longer works" in text(again)) == (404, True)
    assert client.post(link(asked)).status_code == 404
    login = Client().post("/account/login/", {"login": NEW, "password": PASSWORD})
    assert login.status_code == 302
    with door.opened(cast.nurse.id):
        lines = AuditEntry.objects.filter(subject=cast.nurse, item_kind="login").order_by("at")
        assert [(line.action, line.why) for line in lines] == [
            ("asked for another address to sign in with", ""),
            ("changed the address they sign in with", ""),
        ]


def test_an_address_nobody_proved_is_no_way_in(cast: Cast) -> None:
    proved(cast.a).post("/account/email/", {"email": NEW})
    assert not EmailAddress.objects.filter(email=NEW).exists()
    mail.outbox.clear()
    Client().post("/account/password/reset/", {"email": NEW})
    assert ["No account uses it" in each.body for each in mail.outbox] == [True]
    login = Client().post("/account/login/", {"login": NEW, "password": PASSWORD})
    assert login.status_code == 200


def test_the_address_in_use_is_told_at_once_and_a_new_password_ends_what_was_asked(cast: Cast) -> None:
    thief = proved(cast.a)
    thief.post("/account/email/", {"email": NEW})
    note, asked = mail.outbox
    assert (note.to, NEW in note.body) == ([f"{cast.a.id}@example.org"], False)
    assert "choose a new password" in note.body
    owner = proved_again(cast.a)
    new = {"oldpassword": PASSWORD, "password1": "another-long-pass-9", "password2": "another-long-pass-9"}
    assert owner.post("/account/password/change/", new).status_code == 302
    for client in (owner, thief, Client()):
        client.post(link(asked))
    assert User.objects.get(person=cast.a).email == f"{cast.a.id}@example.org"
    assert owner.post(link(asked)).status_code == 404


def test_who_finds_the_link_gains_nothing_by_it(cast: Cast) -> None:
    proved(cast.a).post("/account/email/", {"email": NEW})
    found = link(mail.outbox[1])
    for method in ("get", "post"):
        assert getattr(Client(), method)(found)["Location"].startswith("/account/login/"), (
            "not even what it is for"
        )
        other = client_for(cast.b)
        assert getattr(other, method)(found).status_code == 404
        assert other.get("/account/2fa/").status_code == 200, "nobody is signed out by it"
    assert User.objects.get(person=cast.a).email == f"{cast.a.id}@example.org"


def test_a_link_lives_for_three_days_and_only_one_of_two(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    client = proved(cast.a)
    for email in ("one@example.org", "two@example.org"):
        client.post("/account/email/", {"email": email})
    one, two = link(mail.outbox[1]), link(mail.outbox[3])
    later = time.time() + LINK_LIVES.total_seconds() + 60
    with monkeypatch.context() as patched:
        patched.setattr("django.core.signing.time.time", lambda: later)
        assert address_asked_for(User.objects.get(person=cast.a), one.split("/")[-2]) is None
    assert client.post(two).status_code == 302
    assert client.post(one).status_code == 404
    assert User.objects.get(person=cast.a).email == "two@example.org"


def test_an_address_that_became_somebody_elses_meanwhile_is_not_taken(cast: Cast) -> None:
    client = proved(cast.a)
    client.post("/account/email/", {"email": NEW})
    User.objects.filter(person=cast.b).update(email=NEW)
    for method in ("get", "post"):
        assert getattr(client, method)(link(mail.outbox[1])).status_code == 404


def test_mails_about_an_address_name_nothing(cast: Cast) -> None:
    client = proved(cast.a)
    client.post("/account/email/", {"email": NEW})
    client.post(link(mail.outbox[1]))
    client.post("/account/email/", {"email": f"{cast.b.id}@example.org"})
    assert len(mail.outbox) == 5
    for each in mail.outbox:
        said = f"{each.subject} {each.body}".lower().replace("/account/confirm-email", "")
        assert not {
            word
            for word in ("bothwell", "clinic", "ketamine", "amara", "ben", "sign up")
            if re.search(rf"\b{word}\b", said)
        }


def test_whether_an_address_is_known_here_cannot_be_told(cast: Cast) -> None:
    client, taken = proved(cast.a), f"{cast.b.id}@example.org"
    same = text(client.post("/account/email/", {"email": taken}))
    assert same == text(client.post("/account/email/", {"email": NEW}))
    own = f"{cast.a.id}@example.org"
    assert [each.to for each in mail.outbox] == [[own], [taken], [own], [NEW]]
    assert "nothing was changed" in mail.outbox[1].body
    assert not EmailAddress.objects.filter(email=NEW).exists()


@pytest.mark.parametrize("is_known", [True, False])
def test_an_address_gets_three_mails_an_hour_and_a_login_asks_five_times(cast: Cast, is_known: bool) -> None:
    email = f"{cast.nurse.id}@example.org" if is_known else NEW
    client, other = proved(cast.a), proved(cast.b)
    answers = [client.post("/account/email/", {"email": email}) for _ in range(6)]
    assert [each.status_code for each in answers] == [200] * 5 + [422]
    assert len({text(each) for each in answers[:5]}) == 1, "nothing tells that it gets no more"
    assert "Wait an hour" in text(answers[5])
    assert f'value="{email}"' in text(answers[5])
    assert text(other.post("/account/email/", {"email": email})) == text(answers[0])
    assert [each.to for each in mail.outbox].count([email]) == 3


def test_a_mail_that_cannot_be_sent_is_told(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    client = proved(cast.a)

    def fails(*_: Any, **__: Any) -> None:
        raise ConnectionRefusedError

    monkeypatch.setattr("django.core.mail.message.EmailMessage.send", fails)
    answer = client.post("/account/email/", {"email": NEW})
    assert (answer.status_code, "could not be sent" in text(answer)) == (422, True)
    assert f'value="{NEW}"' in text(answer)


def test_the_mails_about_an_address_are_the_same_under_a_shelter(cast: Cast) -> None:
    client = proved(cast.a)
    client.post("/account/email/", {"email": NEW})
    before = [(each.to, each.subject) for each in mail.outbox]
    with door.opened(cast.a.id):
        shelter_actions.keep_to_myself(by=Person.objects.get(id=cast.a.id))
    mail.outbox.clear()
    client.post("/account/email/", {"email": NEW})
    assert [(each.to, each.subject) for each in mail.outbox] == before


def test_nothing_of_the_page_changes_with_the_second_it_is_opened(cast: Cast) -> None:
    """Its headers named the hour: two looks differed, as if something had happened between them."""
    answer = proved(cast.a).get("/account/email/")
    assert ("Expires" in answer, answer["Cache-Control"]) == (False, "no-store")


@pytest.mark.parametrize(
    ("email", "words"), [("not an address", "Write an e-mail address"), ("", "Please fill this in")]
)
def test_an_address_that_is_none_is_refused(cast: Cast, email: str, words: str) -> None:
    answer = proved(cast.a).post("/account/email/", {"email": email})
    assert (answer.status_code, words in text(answer)) == (422, True)
    own = proved(cast.a).post("/account/email/", {"email": f"{cast.a.id}@example.org"})
    assert "You sign in with this address already." in text(own)
    assert mail.outbox == []


def test_a_device_left_open_changes_no_address(cast: Cast) -> None:
    User.objects.filter(person=cast.a).update(password=make_password(PASSWORD))
    for method in ("get", "post"):
        answer = getattr(client_for(cast.a), method)("/account/email/", {"email": NEW})
        assert answer["Location"].startswith("/account/reauthenticate/")
    assert mail.outbox == []
