"""Enrolling on one page: both partners side by side, nothing lost, nothing made twice."""

from datetime import date
from uuid import uuid4

import pytest
from django.utils import timezone

from bothwell.enrolment.people_actions import Reach, change_contact
from bothwell.models import Contact, Couple, Person
from bothwell.pathway.protocol_actions import load_protocols, sign_protocol
from bothwell.privacy import door
from bothwell.refusal import Refused
from tests.cast import Cast, client_for, make_cast
from tests.conftest import loading

pytestmark = pytest.mark.django_db


@pytest.fixture
def cast() -> Cast:
    cast = make_cast()
    with door.opened(cast.lead.id):
        (version, *_) = load_protocols(by=cast.lead)
        sign_protocol(by=cast.lead, protocol_id=version.id, signed_name="Lea")
    return cast


def typed(**changes: str) -> dict[str, str]:
    given = {
        "a-name_used": "Amy", "a-pronouns": "she/her", "a-safe_email": "amy@example.org",
        "a-is_treated": "on",
        "a-safe_phone": "555 0100", "a-may_leave_message": "on", "b-name_used": "Bo", "started_by": "both",
        "request_id": str(uuid4()), "send_mail": "on",
    }  # fmt: skip
    return {key: value for key, value in {**given, **changes}.items() if value}


def names(*wanted: str) -> int:
    with loading():
        return Person.objects.filter(name_used__in=wanted).count()


def test_enrolling_leads_to_the_links_to_hand_over(cast: Cast) -> None:
    client = client_for(cast.coordinator)
    done = client.post("/enrol", typed(), follow=True)
    page = done.content.decode()
    assert done.status_code == 200
    assert page.count("/invitation/") == 2
    with loading():
        contact = Contact.objects.get(subject__name_used="Amy")
        assert (contact.safe_phone, contact.may_leave_message) == ("555 0100", True)


def test_the_empty_form_asks_for_both(cast: Cast) -> None:
    page = client_for(cast.coordinator).get("/enrol").content.decode()
    assert 'name="a-name_used"' in page
    assert 'name="b-name_used"' in page


def test_a_double_submit_enrols_once_and_shows_the_same(cast: Cast) -> None:
    client, given = client_for(cast.coordinator), typed()
    assert client.post("/enrol", given)["Location"] == client.post("/enrol", given)["Location"]
    assert names("Amy", "Bo") == 2


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"b-name_used": ""}, "Please fill this in"),
        ({"a-safe_email": "amy at home"}, "Write an e-mail address"),
        ({"b-safe_email": "AMY@example.org"}, "shared mailbox"),
        ({"a-born_on": "yesterday"}, "Write a day of the calendar"),
    ],
)
def test_what_was_typed_is_still_there_when_something_is_wrong(
    cast: Cast, changes: dict[str, str], words: str
) -> None:
    given = typed(**changes)
    answer = client_for(cast.coordinator).post("/enrol", given)
    page = answer.content.decode()
    assert answer.status_code == 422
    assert words in page
    for kept in ("Amy", "she/her", "555 0100", given["request_id"], *changes.values()):
        assert kept in page
    assert names("Amy", "Bo") == 0


def test_what_an_action_refuses_is_said_and_nothing_is_lost() -> None:
    cast = make_cast()
    answer = client_for(cast.coordinator).post("/enrol", typed())
    assert answer.status_code == 422
    assert "No protocol is signed yet" in answer.content.decode()
    assert "Amy" in answer.content.decode()
    assert names("Amy", "Bo") == 0


def test_a_lead_who_does_not_coordinate_is_told_how(cast: Cast) -> None:
    answer = client_for(cast.lead).post("/enrol", typed())
    assert answer.status_code == 422
    assert "take that role" in answer.content.decode()


def test_one_person_enrols_alone_once(cast: Cast) -> None:
    client = client_for(cast.coordinator)
    given = {"name_used": "Solo", "request_id": str(uuid4())}
    assert client.post("/enrol/alone", given)["Location"] == client.post("/enrol/alone", given)["Location"]
    assert names("Solo") == 1
    assert client.post("/enrol/alone", {"request_id": str(uuid4())}).status_code == 422


@pytest.mark.parametrize("who", ["a", "prescriber", "nurse", "couples_therapist", "safety"])
@pytest.mark.parametrize("path", ["/enrol", "/enrol/alone", "/enrol/{couple}"])
def test_for_everyone_else_there_is_no_such_page(cast: Cast, who: str, path: str) -> None:
    assert client_for(getattr(cast, who)).get(path.format(couple=cast.couple.id)).status_code == 404


def test_another_clinics_couple_and_none_are_alike(cast: Cast) -> None:
    client = client_for(cast.other_lead)
    assert client.get(f"/enrol/{cast.couple.id}").status_code == 404
    assert client.get(f"/enrol/{uuid4()}").status_code == 404
    with loading():
        assert Couple.objects.filter(id=cast.couple.id).exists()


def test_what_comes_next_names_the_safety_circle_and_the_referral(cast: Cast) -> None:
    given = {"a-name_used": "Ana", "b-name_used": "Bo", "started_by": "both", "request_id": str(uuid4())}
    client = client_for(cast.coordinator)
    done = client.get(client.post("/enrol", given)["Location"]).content.decode()
    assert "names a safety circle for each" in done
    assert "Complete the referral" in done


def test_the_lead_finds_the_place_of_an_empty_safety_circle_and_nobody_else_does(cast: Cast) -> None:
    page = client_for(cast.lead).get(f"/people/{cast.stranger_a.id}/team").content.decode()
    assert "Safety circle" in page
    assert "until then nobody asks" in page
    assert (
        "until then nobody asks"
        not in client_for(cast.lead).get(f"/people/{cast.a.id}/team").content.decode()
    )
    for who in (cast.coordinator, cast.stranger_prescriber):
        page = client_for(who).get(f"/people/{cast.stranger_a.id}/team").content.decode()
        assert "afety circle" not in page


@pytest.mark.parametrize("address", ["/enrol", "/enrol/alone"])
def test_a_child_is_not_enrolled_and_the_year_is_asked_about(cast: Cast, address: str) -> None:
    born = date(timezone.localdate().year - 7, 1, 1).isoformat()
    given = typed(**{"b-born_on": born})
    if address.endswith("alone"):
        given |= {"name_used": "Amy", "born_on": born}
    answer = client_for(cast.coordinator).post(address, given)
    assert answer.status_code == 422
    page = answer.content.decode()
    assert "This person would be 7. Is the year right? The protocols here are for adults." in page
    assert born in page
    assert names("Amy", "Bo") == 0


def test_nobody_in_care_becomes_a_child_by_their_contact(cast: Cast) -> None:
    born = date(timezone.localdate().year - 7, 1, 1)
    with door.opened(cast.coordinator.id), pytest.raises(Refused, match="would be 7"):
        change_contact(
            by=cast.coordinator,
            subject=cast.a,
            name_used="Amara",
            pronouns="",
            reach=Reach(born_on=born),
            seen_at=None,
        )


def test_what_comes_next_leads_to_each_ones_course_for_who_may_open_it(cast: Cast) -> None:
    client = client_for(cast.coordinator)
    page = client.post("/enrol", typed(), follow=True).content.decode()
    with loading():
        amy, bo = Person.objects.get(name_used="Amy"), Person.objects.get(name_used="Bo")
    assert f'href="/people/{amy.id}/course"' in page
    assert f'href="/people/{bo.id}/course"' not in page, "no course is considered for Bo"
    address = client.post("/enrol", typed(request_id=str(uuid4())))["Location"]
    assert "/course" not in client_for(cast.lead).get(address).content.decode()
