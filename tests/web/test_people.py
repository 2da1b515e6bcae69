"""The people pages: who is shown to whom, how care teams change, how a couple parts."""

from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from bothwell.models import Assignment, AuditEntry, Clinic, Contact, Couple, Person, StaffRole
from tests.cast import Cast, client_for, make_cast, pair, person
from tests.conftest import loading

pytestmark = pytest.mark.django_db


@pytest.fixture
def cast() -> Cast:
    return make_cast()


def text(answer: object) -> str:
    return answer.content.decode()  # type: ignore[attr-defined]


STAFF_PAGES = (
    "/people", "/people/{a}", "/people/{a}/contact", "/people/{a}/team", "/people/couples/{couple}",
    "/clinic", "/clinic/log", "/clinic/staff", "/clinic/break-glass", "/clinic/rooms", "/clinic/protocols",
    "/clinic/details", "/safety", "/safety/{a}", "/enrol",
)  # fmt: skip


@pytest.mark.parametrize("path", STAFF_PAGES)
def test_a_partner_finds_no_page_of_the_staffs(cast: Cast, path: str) -> None:
    address = path.format(a=cast.a.id, couple=cast.couple.id)
    assert client_for(cast.a).get(address).status_code == 404


def test_the_list_shows_those_in_ones_care_and_nobody_else(cast: Cast) -> None:
    page = text(client_for(cast.therapist_a).get("/people"))
    assert "Amara" in page
    for name in ("Ben", "Carl", "Dora", "Eve"):
        assert name not in page
    everyone = text(client_for(cast.coordinator).get("/people"))
    for name in ("Amara", "Ben", "Carl", "Dora"):
        assert name in everyone
    assert "Eve" not in everyone


def test_in_a_clinic_without_anybody_the_office_is_led_to_the_first_couple(cast: Cast) -> None:
    with loading():
        clinic = Clinic.objects.create(name="New", is_demo=True, set_up_at=timezone.now())
        lead, nurse = (person(clinic, role, "staff", role) for role in ("lead", "nurse"))
    assert "It begins with the first couple" in text(client_for(lead).get("/people"))
    assert "as soon as the coordinator has put you on their care team" in text(
        client_for(nurse).get("/people")
    )


def test_the_list_is_searched_by_name_and_shows_the_couple(cast: Cast) -> None:
    page = text(client_for(cast.coordinator).get("/people?q=amar"))
    assert "Amara" in page
    assert "Ben" in page
    assert "Carl" not in page


def test_the_list_goes_on_page_by_page_and_asks_no_more_of_the_database_for_more_people(cast: Cast) -> None:
    client = client_for(cast.coordinator)
    client.get("/people")
    with CaptureQueriesContext(connection) as few:
        client.get("/people")
    with loading():
        for number in range(30):
            pair(cast.clinic, person(cast.clinic, f"X{number:02}"), person(cast.clinic, f"Y{number:02}"))
    with CaptureQueriesContext(connection) as many:
        first = client.get("/people")
    assert len(many) == len(few)
    assert "More" in text(first)
    seen, after = set(), ""
    for _ in range(4):
        answer = client.get("/people", {"after": after} if after else {})
        seen |= {
            name
            for name in (f"{row}{number:02}" for row in "XY" for number in range(30))
            if name in text(answer)
        }
        after = answer.context["more"]
        if not after:
            break
    assert len(seen) == 60


def test_looking_at_a_person_stands_in_their_log(cast: Cast) -> None:
    assert client_for(cast.prescriber).get(f"/people/{cast.a.id}").status_code == 200
    with loading():
        entry = AuditEntry.objects.get(subject=cast.a, action="viewed")
    assert (entry.actor_id, entry.item_kind) == (cast.prescriber.id, "overview")


@pytest.mark.parametrize("tab", ["", "/contact", "/team"])
def test_whom_one_does_not_care_for_is_not_there(cast: Cast, tab: str) -> None:
    client = client_for(cast.stranger_prescriber)
    hidden, missing = (client.get(f"/people/{key}{tab}") for key in (cast.b.id, uuid4()))
    assert (hidden.status_code, missing.status_code) == (404, 404)


def test_a_member_of_staff_is_no_patient(cast: Cast) -> None:
    assert client_for(cast.coordinator).get(f"/people/{cast.nurse.id}").status_code == 404


def test_contact_is_shown_by_role_and_changed_by_the_office(cast: Cast) -> None:
    path = f"/people/{cast.a.id}/contact"
    for who in (cast.nurse, cast.therapist_a, cast.couples_therapist):
        assert "Amara Full" in text(client_for(who).get(path))
    assert "Amara Full" not in text(client_for(cast.therapist_b).get(path))
    client = client_for(cast.coordinator)
    seen_at = client.get(path).context["form"]["seen_at"].value()
    given = {"name_used": "Amara", "safe_phone": "555 0199", "seen_at": seen_at}
    assert client.post(path, given)["Location"] == path
    late = client.post(path, {**given, "safe_phone": "555 0142"})
    assert late.status_code == 422
    assert "555 0142" in text(late)
    assert "since you opened it" in text(late)
    with loading():
        assert Contact.objects.get(subject=cast.a).safe_phone == "555 0199"


def test_a_nurse_changes_no_contact(cast: Cast) -> None:
    client_for(cast.nurse).post(f"/people/{cast.a.id}/contact", {"name_used": "Amara", "safe_phone": "1"})
    with loading():
        assert Contact.objects.get(subject=cast.a).safe_phone == ""


def test_the_coordinator_names_and_ends_a_care_team(cast: Cast) -> None:
    client, path = client_for(cast.coordinator), f"/people/{cast.a.id}/team"
    assert client.post(path, {"who": f"{cast.stranger_prescriber.id}:prescriber"})["Location"] == path
    assert "Hugo" in text(client.get(path))
    with loading():
        row = Assignment.objects.get(subject=cast.a, staff=cast.stranger_prescriber)
    assert client.post(f"/people/team/{row.id}/end")["Location"] == path
    with loading():
        assert Assignment.objects.get(id=row.id).until is not None


def test_nobody_is_offered_for_a_role_they_are_not_on_file_for(cast: Cast) -> None:
    client, path = client_for(cast.coordinator), f"/people/{cast.a.id}/team"
    assert client.post(path, {"who": f"{cast.nurse.id}:prescriber"}).status_code == 422
    assert client.post(path, {"who": f"{cast.nurse.id}:safety"}).status_code == 422


def test_the_safety_circle_is_named_by_the_lead_and_shown_to_no_other_office(cast: Cast) -> None:
    with loading():
        StaffRole.objects.create(clinic=cast.clinic, person=cast.nurse, role="safety")
    path = f"/people/{cast.stranger_b.id}/team"
    assert client_for(cast.lead).post(path, {"who": f"{cast.nurse.id}:safety"}).status_code == 302
    assert "Safety circle" in text(client_for(cast.lead).get(path))
    for who in (cast.coordinator, cast.stranger_prescriber):
        assert "afety" not in text(client_for(who).get(path))


def test_clinicians_do_not_change_care_teams(cast: Cast) -> None:
    answer = client_for(cast.prescriber).post(f"/people/{cast.a.id}/team", {"who": f"{cast.nurse.id}:nurse"})
    assert answer.status_code == 422
    with loading():
        row = Assignment.objects.get(subject=cast.a, staff=cast.nurse)
    assert client_for(cast.prescriber).post(f"/people/team/{row.id}/end").status_code == 404


def test_a_couple_parts_with_a_reason_and_finds_together_again(cast: Cast) -> None:
    client, path = client_for(cast.coordinator), f"/people/couples/{cast.couple.id}"
    assert client.post(path, {"do": "part", "reason": ""}).status_code == 422
    assert client.post(path, {"do": "part", "reason": "Moved out in March."})["Location"] == path
    page = text(client.get(path))
    assert "Parted on" in page
    request_id = str(uuid4())
    first, second = (client.post(f"{path}/again", {"request_id": request_id})["Location"] for _ in range(2))
    assert first == second != path
    with loading():
        assert Couple.objects.filter(memberships__person=cast.a).count() == 2


def test_a_new_link_is_made_on_the_persons_page(cast: Cast) -> None:
    with loading():
        lone = Person.objects.create(clinic=cast.clinic, kind="partner", name_used="Lone")
    client, path = client_for(cast.coordinator), f"/people/{lone.id}"
    assert "/invitation/" not in text(client.get(path))
    client.post(f"{path}/invite")
    assert text(client.get(path)).count("/invitation/") == 1
    assert client_for(cast.prescriber).post(f"{path}/invite").status_code == 404


def test_a_link_is_shown_to_the_office_alone(cast: Cast) -> None:
    for who in (cast.prescriber, cast.therapist_a):
        assert "/invitation/" not in text(client_for(who).get(f"/people/{cast.a.id}"))
