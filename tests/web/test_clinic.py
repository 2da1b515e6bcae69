"""The lead's pages: setting up from nothing, staff, rooms, protocols, the log, breaking the glass."""

import re
from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from bothwell.couples import crisis
from bothwell.enrolment.naming import FOUNDERS_NAME
from bothwell.models import (
    AuditEntry,
    BreakGlass,
    Clinic,
    Credential,
    Device,
    Person,
    ProtocolVersion,
    Room,
    StaffRole,
)
from bothwell.privacy import audit, door
from tests.cast import Cast, client_for, make_cast
from tests.conftest import loading

pytestmark = pytest.mark.django_db
LINES = {
    "line-TOTAL_FORMS": "2", "line-INITIAL_FORMS": "0", "line-MIN_NUM_FORMS": "0", "line-MAX_NUM_FORMS": "8",
    "line-0-label": "Crisis line", "line-0-number": "988", "confirmed": "on",
}  # fmt: skip
DETAILS = {"name": "Clinic One", "timezone_name": "America/New_York", "country": "US", **LINES}


@pytest.fixture
def cast() -> Cast:
    return make_cast()


def text(answer: object) -> str:
    return answer.content.decode()  # type: ignore[attr-defined]


def test_a_new_clinic_is_set_up_step_by_step(cast: Cast) -> None:
    with loading():
        Clinic.objects.filter(id=cast.clinic.id).update(set_up_at=None)
    client = client_for(cast.lead)
    assert "What does the clinic still need?" in text(client.get("/clinic"))
    assert client.post("/clinic/finish", follow=True).context["steps"], "no crisis line yet"
    assert client.post("/clinic/details", DETAILS)["Location"] == "/clinic/staff"
    client.post("/clinic/rooms", {"do": "room", "name": "Garden"})
    client.post("/clinic/protocols")
    with loading():
        version = ProtocolVersion.objects.filter(clinic=cast.clinic).first()
    path = f"/clinic/protocols/{version.id}"
    page = text(client.get(path))
    assert "numbers to confirm" in page
    assert client.post(path, {"signed_name": "Lea"}).status_code == 422, "not read"
    assert client.post(path, {"signed_name": "Lea", "has_read": "on"})["Location"] == path
    steps = client.get("/clinic").context["steps"]
    assert [step.words for step in steps if not step.is_done] == ["The texts people sign"]
    for each in ("treatment/iv", "treatment/im", "treatment/in", "treatment/sl", "disclosure/no_secrets"):
        words = {"after": "0", "title": "T", "body": "B", "do": "publish", "confirmed": "on"}
        assert client.post(f"/clinic/texts/{each}", words)["Location"] == "/clinic/texts"
    assert all(step.is_done for step in client.get("/clinic").context["steps"])
    client.post("/clinic/finish")
    assert "How is the clinic set up?" in text(client.get("/clinic"))
    with loading():
        clinic = Clinic.objects.get(id=cast.clinic.id)
    line = {"label": "Crisis line", "number": "988", "href": "tel:988"}
    assert (clinic.country, clinic.timezone, clinic.crisis_lines) == ("US", "America/New_York", [line])


@pytest.mark.parametrize(
    "changes",
    [
        {"line-0-number": "javascript:alert(1)"},
        {"line-0-label": ""},
        {"line-0-number": "", "line-0-label": ""},
        {"country": "U1"},
        {"country": "Germany 😀"},
        {"timezone_name": "Mars/Base"},
        {"name": ""},
    ],
)
def test_details_that_cannot_be_are_refused_and_kept_on_the_page(cast: Cast, changes: dict[str, str]) -> None:
    answer = client_for(cast.lead).post("/clinic/details", {**DETAILS, **changes})
    assert answer.status_code == 422
    with loading():
        assert Clinic.objects.get(id=cast.clinic.id).crisis_lines == []


@pytest.mark.parametrize(
    ("changes", "marked", "words"),
    [
        ({"line-1-label": "Second", "line-1-number": "call us"}, "line-1-number", "A telephone number, for"),
        ({"line-1-label": "Second", "line-1-number": ""}, "line-1-number", "under which number"),
        ({"line-1-label": "", "line-1-number": "116 123"}, "line-1-label", "under which number"),
    ],
)
def test_the_faulty_crisis_line_is_marked_with_its_sentence(
    cast: Cast, changes: dict[str, str], marked: str, words: str
) -> None:
    answer = client_for(cast.lead).post("/clinic/details", {**DETAILS, **changes})
    page = text(answer)
    assert answer.status_code == 422
    faulty = [tag for tag in re.findall(r"<input[^>]*>", page) if 'aria-invalid="true"' in tag]
    assert [f'name="{marked}"' in tag for tag in faulty] == [True]
    assert f'aria-describedby="id_{marked}_error"' in faulty[0]
    assert words in page.split(f'id="id_{marked}_error"')[1].split("</ul>")[0]
    assert "Look at what is marked below" in page


def test_a_crisis_line_reaches_a_partners_page(cast: Cast) -> None:
    client_for(cast.lead).post("/clinic/details", DETAILS)
    assert "tel:988" in text(client_for(cast.a).get("/access"))


def new_staff(**changes: object) -> dict[str, object]:
    return {"name_used": "Ida", "title": "RN", "roles": ["nurse"], "request_id": str(uuid4()), **changes}


def test_a_colleague_joins_once_and_gets_a_link(cast: Cast) -> None:
    client, given = client_for(cast.lead), new_staff()
    first, second = (client.post("/clinic/staff", given)["Location"] for _ in range(2))
    assert first == second
    assert "/invitation/" in text(client.get(first))
    with loading():
        assert Person.objects.filter(name_used="Ida").count() == 1


def test_a_colleague_without_a_role_is_refused_and_what_was_typed_stays(cast: Cast) -> None:
    answer = client_for(cast.lead).post("/clinic/staff", new_staff(roles=[]))
    assert answer.status_code == 422
    assert 'value="Ida"' in text(answer)


def test_roles_and_credentials_are_kept_on_a_colleagues_page(cast: Cast) -> None:
    client, path = client_for(cast.lead), f"/clinic/staff/{cast.nurse.id}"
    assert client.post(path, {"do": "role", "role": "researcher"})["Location"] == path
    assert client.post(path, {"do": "role", "role": "researcher"}).status_code == 422
    filed = {"do": "credential", "kind": "licence", "reference": "RN 7", "request_id": str(uuid4())}
    assert client.post(path, filed)["Location"] == path
    client.post(path, filed)
    assert client.post(path, {**filed, "reference": ""}).status_code == 422
    assert "RN 7" in text(client.get(path))
    with loading():
        assert Credential.objects.filter(person=cast.nurse).count() == 1
        role = StaffRole.objects.get(person=cast.nurse, role="nurse")
        last = StaffRole.objects.get(person=cast.lead, role="lead")
    cared = client.post(path, {"do": "end", "role": str(role.id)})
    assert (cared.status_code, "care for somebody" in text(cared)) == (422, True)
    alone = client.post(f"/clinic/staff/{cast.lead.id}", {"do": "end", "role": str(last.id)})
    assert "last clinic lead" in text(alone)


def test_the_staff_page_says_what_each_role_needs_on_file_and_what_lacks(cast: Cast) -> None:
    client, dana = client_for(cast.lead), cast.couples_therapist
    with loading():
        for kind, until in (("licence", None), ("couples", timezone.localdate() - timedelta(days=1))):
            Credential.objects.create(
                clinic=cast.clinic,
                person=dana,
                kind=kind,
                reference="1",
                expires_on=until,
                filed_by=cast.lead,
            )
    page = text(client.get(f"/clinic/staff/{dana.id}"))
    assert "licence to practise, ketamine-assisted therapy, couples therapy" in page
    assert "Lacking now: ketamine-assisted therapy, couples therapy." in page, "what ran out lacks too"
    assert "sign no joint decision" in text(client.get(f"/clinic/staff/{cast.nurse.id}"))
    everyone = text(client.get("/clinic/staff"))
    assert "as prescriber: licence to practise, ketamine-assisted therapy" in everyone
    assert "as couples therapist: ketamine-assisted therapy, couples therapy" in everyone


def test_nonsense_is_not_found(cast: Cast) -> None:
    client = client_for(cast.lead)
    assert client.post(f"/clinic/staff/{cast.nurse.id}", {"do": "promote"}).status_code == 404
    assert client.post(f"/clinic/staff/{cast.nurse.id}", {"do": "end", "role": "x"}).status_code == 404
    assert client.get(f"/clinic/staff/{cast.a.id}").status_code == 404
    assert client.get(f"/clinic/protocols/{uuid4()}").status_code == 404


def test_rooms_and_monitors(cast: Cast) -> None:
    client = client_for(cast.lead)
    client.post("/clinic/rooms", {"do": "room", "name": "Garden"})
    assert client.post("/clinic/rooms", {"do": "room", "name": "Garden"}).status_code == 422
    with loading():
        room = Room.objects.get(name="Garden", clinic=cast.clinic)
    monitor = {"do": "device", "identifier": "MON-1", "name": "By the window", "room": str(room.id)}
    assert client.post("/clinic/rooms", monitor).status_code == 302
    again = client.post("/clinic/rooms", monitor)
    assert (again.status_code, "By the window" in text(again)) == (422, True)
    with loading():
        device = Device.objects.get(identifier="MON-1")
    client.post("/clinic/rooms", {"do": "retire", "about": str(device.id)})
    with loading():
        assert Device.objects.get(id=device.id).is_retired


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("my monitor", "one word"),
        ("00A0B0FFFEC0D001|2", "one word"),
        ("00A0B0FFFE\tC0D001", "one word"),
        ("00A0B0FFFEC0D0012", "has 16 digits, and this has 17"),
        ("00:A0:B0:C0:D0:01", "has 16 digits, and this has 12"),
        ("sender:GATE|WARD", "one word"),
        ("M" * 81, "up to 80 characters"),
    ],
)
def test_an_identifier_no_monitor_sends_is_refused_and_kept_on_the_page(
    cast: Cast, typed: str, words: str
) -> None:
    answer = client_for(cast.lead).post("/clinic/rooms", {"do": "device", "identifier": typed, "name": "Bed"})
    assert (answer.status_code, words in text(answer)) == (422, True)
    assert 'value="Bed"' in text(answer)
    with loading():
        assert not Device.objects.filter(name="Bed").exists()


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        (" 00-a0-b0-ff-fe-c0-d0-01 ", "00A0B0FFFEC0D001"),
        ("sender:GE Gateway/WARD 2", "sender:GE Gateway/WARD 2"),
        (
            "urn:uuid:6f1e3c9a-0000-4000-8000-000000000001#mds0",
            "urn:uuid:6f1e3c9a-0000-4000-8000-000000000001#mds0",
        ),
    ],
)
def test_an_identifier_is_kept_as_the_listener_reads_it(cast: Cast, typed: str, kept: str) -> None:
    asked = {"do": "device", "identifier": typed, "name": "Bed"}
    assert client_for(cast.lead).post("/clinic/rooms", asked).status_code == 302
    with loading():
        assert Device.objects.get(name="Bed").identifier == kept


def test_a_retired_monitor_is_used_again_and_what_was_misspelt_is_put_right(cast: Cast) -> None:
    client = client_for(cast.lead)
    for name in ("Gardn", "Attic"):
        client.post("/clinic/rooms", {"do": "room", "name": name})
    client.post("/clinic/rooms", {"do": "device", "identifier": "MON-1", "name": "By the widow"})
    with loading():
        device = Device.objects.get(identifier="MON-1")
        room = Room.objects.get(name="Gardn", clinic=cast.clinic)
    about = {"about": str(device.id)}
    client.post("/clinic/rooms", {"do": "retire"} | about)
    again = client.post("/clinic/rooms", {"do": "device", "identifier": "MON-1"})
    assert (again.status_code, "use it again there" in text(again)) == (422, True)
    assert client.post("/clinic/rooms", {"do": "again"} | about).status_code == 302

    asked = {"do": "rename", "about": str(room.id)}
    refused = client.post("/clinic/rooms", asked | {"name": "Attic"})
    assert (refused.status_code, "of this name already" in text(refused)) == (422, True)
    assert client.post("/clinic/rooms", asked | {"name": "Garden"}).status_code == 302
    changed = {"do": "change", "name": "By the window", "room": str(room.id)} | about
    assert client.post("/clinic/rooms", changed).status_code == 302
    page = text(client.get("/clinic/rooms"))
    assert "widow" not in page
    assert "Gardn" not in page
    with loading():
        device.refresh_from_db()
        assert (device.is_retired, device.name, device.room_id) == (False, "By the window", room.id)
        said = AuditEntry.objects.filter(item_kind__in=("device", "room")).values_list("action", flat=True)
        assert {"renamed a room", "changed a monitor", "took up a monitor again"} <= set(said)
    assert client.post("/clinic/rooms", changed | {"about": str(uuid4())}).status_code == 404


LEADS = ("/clinic", "/clinic/details", "/clinic/staff", "/clinic/protocols", "/clinic/log")


@pytest.mark.parametrize("who", ["a", "coordinator", "prescriber", "nurse", "safety", "couples_therapist"])
def test_these_pages_are_the_leads(cast: Cast, who: str) -> None:
    client = client_for(getattr(cast, who))
    assert {client.get(path).status_code for path in LEADS} == {404}
    assert client.post("/clinic/finish").status_code == 404


# ---------------------------------------------------------------------------------------------------- the log


def looked(cast: Cast, by: Person, **about: object) -> None:
    with door.opened(by.id):
        audit.viewed(by, **about)  # type: ignore[arg-type]


def test_the_log_is_in_words_and_narrowed_by_person_colleague_action_and_day(cast: Cast) -> None:
    looked(cast, cast.nurse, subject=cast.a, what="medical", why="before the session")
    looked(cast, cast.prescriber, subject=cast.b, what="pathway")
    client = client_for(cast.lead)
    page = text(client.get("/clinic/log"))
    assert "Luis" in page
    assert "medical history and findings" in page
    assert "before the session" in page

    def shown(**asked: str) -> set[str]:
        return {line.whose for line in client.get("/clinic/log", asked).context["lines"]}

    assert shown(name="amar") == {"Amara"}
    assert shown(staff=str(cast.prescriber.id)) == {"Ben"}
    assert shown(action="viewed") == {"Amara", "Ben"}
    assert shown(until="2001-01-01") == set()
    assert client.get("/clinic/log", {"since": "the day before"}).status_code == 422
    assert client.get("/clinic/log", {"staff": str(cast.other_lead.id)}).status_code == 422


def test_the_log_holds_nothing_of_the_safety_circle_nor_of_another_clinic(cast: Cast) -> None:
    looked(cast, cast.safety, subject=cast.a, what="screen.violence", sealed=True)
    looked(cast, cast.other_lead, subject=cast.other_partner, what="overview")
    page = client_for(cast.lead).get("/clinic/log")
    assert page.context["lines"] == []


def test_the_log_is_narrowed_by_any_of_many_kinds_of_action_and_by_no_time_that_never_was(cast: Cast) -> None:
    with loading():
        AuditEntry.objects.bulk_create(
            AuditEntry(clinic=cast.clinic, actor=cast.nurse, action=f"a kind {number}")
            for number in range(120)
        )
    looked(cast, cast.nurse, subject=cast.a, what="overview")
    client = client_for(cast.lead)
    assert len(client.get("/clinic/log", {"action": "viewed"}).context["lines"]) == 1
    never = f"9999-12-31T23:59:59-23:59~{uuid4()}"
    assert client.get("/clinic/log", {"before": never}).status_code == 200


def test_the_log_is_paged_and_its_cost_does_not_grow(cast: Cast) -> None:
    client = client_for(cast.lead)
    looked(cast, cast.nurse, subject=cast.a, what="overview")
    client.get("/clinic/log")
    with CaptureQueriesContext(connection) as few:
        client.get("/clinic/log")
    for _ in range(70):
        looked(cast, cast.nurse, subject=cast.a, what="overview")
    with CaptureQueriesContext(connection) as many:
        page = client.get("/clinic/log?action=viewed")
    assert len(few) == len(many)
    first = len(page.context["lines"])
    second = client.get(f"/clinic/log?{page.context['older']}")
    assert (first, len(second.context["lines"]), second.context["older"]) == (50, 21, "")


# ----------------------------------------------------------------------------------------- breaking the glass


def test_breaking_the_glass_takes_a_reason_and_stands_in_the_persons_log(cast: Cast) -> None:
    client = client_for(cast.lead)
    given = {"whose": f"person:{cast.a.id}", "reason": ""}
    assert client.post("/clinic/break-glass", given).status_code == 422
    short = client.post("/clinic/break-glass", {**given, "reason": "why"})
    assert (short.status_code, "in a sentence" in text(short)) == (422, True)
    why = "Her emergency contact called about her breathing."
    assert client.post("/clinic/break-glass", {**given, "reason": why})["Location"] == f"/people/{cast.a.id}"
    with loading():
        assert BreakGlass.objects.get(author=cast.lead).subject == cast.a
    assert why in text(client_for(cast.a).get("/access"))
    assert why in text(client.get("/clinic"))


def test_a_couples_glass_stands_in_both_logs(cast: Cast) -> None:
    why = "Both asked us to look at the session they remember differently."
    given = {"whose": f"couple:{cast.couple.id}", "reason": why}
    answer = client_for(cast.couples_therapist).post("/clinic/break-glass", given)
    assert answer["Location"] == f"/people/couples/{cast.couple.id}"
    with loading():
        told = set(AuditEntry.objects.filter(why=why).values_list("subject_id", flat=True))
    assert told == {cast.a.id, cast.b.id}


def test_others_break_no_glass(cast: Cast) -> None:
    for who in (cast.a, cast.nurse, cast.prescriber, cast.coordinator):
        given = {"whose": f"person:{cast.a.id}", "reason": "I would like to know how she is."}
        assert client_for(who).post("/clinic/break-glass", given).status_code == 404
    stranger = {"whose": f"person:{cast.stranger_a.id}", "reason": "I would like to know how he is."}
    assert client_for(cast.couples_therapist).post("/clinic/break-glass", stranger).status_code == 422
    with loading():
        assert not BreakGlass.objects.exists()


def test_a_new_clinic_is_offered_its_countrys_lines_and_must_confirm_them(cast: Cast) -> None:
    with loading():
        Clinic.objects.filter(id=cast.clinic.id).update(set_up_at=None, country="DE")
    client = client_for(cast.lead)
    page = text(client.get("/clinic/details"))
    assert 'value="0800 111 0 111"' in page
    assert "offered for you to confirm" in page
    assert client.post("/clinic/details", {**DETAILS, "offer": "<b"}).status_code == 200
    refused = client.post("/clinic/details", {**DETAILS, "confirmed": ""})
    assert refused.status_code == 422
    assert "Call or look up each new line first" in text(refused)
    assert client.post("/clinic/details", DETAILS).status_code == 302
    assert client.post("/clinic/details", {**DETAILS, "confirmed": ""}).status_code == 302, "no line is new"


def test_lines_on_file_say_in_words_where_they_are_from(cast: Cast) -> None:
    page = text(client_for(cast.lead).get("/clinic/details"))
    assert "988lifeline.org, run for SAMHSA" in text(
        client_for(cast.lead).post("/clinic/details", {"offer": "US"})
    )
    assert "[K]" not in page
    assert all(line.source.startswith("[K]") and line.published for line in crisis.lines_for("US")), (
        "the file keeps its mark"
    )


def test_a_refusal_takes_neither_the_word_that_lines_are_only_offered_nor_the_tick(cast: Cast) -> None:
    client, offered = client_for(cast.lead), "offered for you to confirm"
    assert offered in text(client.post("/clinic/details", {**DETAILS, "offer": "US"}))
    refused = client.post("/clinic/details", {**DETAILS, "name": ""})
    assert (refused.status_code, offered in text(refused)) == (422, True)
    assert re.search(r'<input[^>]*name="confirmed"[^>]* checked', text(refused))
    refused = client.post("/clinic/details", {**DETAILS, "confirmed": ""})
    assert (refused.status_code, offered in text(refused)) == (422, True)
    assert not re.search(r'<input[^>]*name="confirmed"[^>]* checked', text(refused))
    assert client.post("/clinic/details", DETAILS).status_code == 302
    # What was confirmed is offered no more.
    assert offered not in text(client.post("/clinic/details", {**DETAILS, "name": ""}))
    # Another country's line beside it is offered anew, and says so after a refusal too.
    british = {"country": "GB", "line-1-label": "Samaritans", "line-1-number": "116 123", "confirmed": ""}
    refused = client.post("/clinic/details", {**DETAILS, **british})
    assert (refused.status_code, offered in text(refused)) == (422, True)


def test_the_emergency_number_is_kept_first_wherever_it_was_typed(cast: Cast) -> None:
    typed = {**DETAILS, "line-TOTAL_FORMS": "2", "line-1-label": "Emergency", "line-1-number": "911"}
    assert client_for(cast.lead).post("/clinic/details", typed).status_code == 302
    with loading():
        clinic = Clinic.objects.get(id=cast.clinic.id)
    assert [line["number"] for line in clinic.crisis_lines] == ["911", "988"]


def test_another_countrys_lines_are_offered_and_everything_else_stays_as_it_was_typed(cast: Cast) -> None:
    typed = {
        **DETAILS, "name": "Clinic by the Thames", "timezone_name": "Europe/London", "video_link": "https://v.example/{room}",
        "line-TOTAL_FORMS": "3", "line-1-label": "Our own night line", "line-1-number": "020 7946 0000",
        "line-2-label": "988 Suicide & Crisis Lifeline", "line-2-number": "988", "offer": "GB",
    }  # fmt: skip
    answer = client_for(cast.lead).post("/clinic/details", typed)
    page = text(answer)
    assert answer.status_code == 200
    assert 'value="Clinic by the Thames"' in page
    assert re.search(r'<option value="Europe/London"[^>]* selected', page)
    assert 'value="GB"' in page
    assert 'value="https://v.example/{room}"' in page
    assert 'value="116 123"' in page, "the country's own lines"
    assert 'value="Our own night line"' in page, "a line that somebody typed"
    assert 'value="988"' not in page, "another country's line"
    assert "Britain (UK)" in page
    with loading():
        clinic = Clinic.objects.get(id=cast.clinic.id)
    assert (clinic.name, clinic.crisis_lines) == ("Clinic One", []), "nothing is saved"


def test_a_country_of_one_zone_brings_it_and_one_of_several_leaves_the_choice(cast: Cast) -> None:
    client, typed = client_for(cast.lead), {**DETAILS, "timezone_name": ""}
    assert re.search(
        r'value="Europe/London"[^>]* selected', text(client.post("/clinic/details", {**typed, "offer": "GB"}))
    )
    page = text(client.post("/clinic/details", {**typed, "offer": "US"}))
    assert re.search(r'<option value="" selected', page)


def test_nothing_is_guessed_on_the_server_of_where_a_new_clinic_is(cast: Cast) -> None:
    with loading():
        Clinic.objects.filter(id=cast.clinic.id).update(set_up_at=None)
    client = client_for(cast.lead)
    page = text(client.get("/clinic/details"))
    assert re.search(r'<option value="" selected', page), "no zone is chosen by nobody"
    assert page.count("data-guess") == 2, "the browser may fill in both"
    assert 'value="988"' not in page
    assert not re.search(r'value="(Factory|localtime|Etc/|posix|GMT)', page)
    refused = client.post("/clinic/details", {**DETAILS, "timezone_name": ""})
    assert (refused.status_code, "Choose the place whose clock you go by." in text(refused)) == (422, True)


def test_a_zone_under_an_old_name_stays_the_clinics(cast: Cast) -> None:
    with loading():
        Clinic.objects.filter(id=cast.clinic.id).update(timezone="US/Eastern")
    page = text(client_for(cast.lead).get("/clinic/details"))
    assert re.search(r'<option value="US/Eastern"[^>]* selected', page)


def test_a_country_is_chosen_whole_and_its_zones_come_first(cast: Cast) -> None:
    client = client_for(cast.lead)
    refused = client.post("/clinic/details", {**DETAILS, "country": "Germany 😀"})
    assert refused.status_code == 422
    assert "Choose the country from the list." in text(refused)
    assert "Georgia" not in text(refused).split('id="on-file"')[1], "no part of it is taken for a country"
    assert '<option value="DE">Germany</option>' in text(refused)
    page = text(
        client.post("/clinic/details", {**DETAILS, "country": "DE", "timezone_name": "", "offer": "DE"})
    )
    zones = page[page.index('name="timezone_name"') :]
    assert zones.index('<optgroup label="Germany">') < zones.index('<optgroup label="Africa">')


def test_the_founder_says_their_name_first_and_goes_on_to_the_clinic(cast: Cast) -> None:
    with loading():
        Clinic.objects.filter(id=cast.clinic.id).update(set_up_at=None)
        Person.objects.filter(id=cast.lead.id).update(name_used=FOUNDERS_NAME)
    client = client_for(cast.lead)
    first = client.get("/clinic").context["steps"][0]
    assert (first.href, first.is_done) == ("/access/name", False)
    page = text(client.get("/access/name"))
    assert "Setting up" in page
    assert "until you say your name" in page
    said = {"name_used": "Lea Roth", "title": "MD", "seen_name_used": FOUNDERS_NAME, "seen_title": ""}
    assert client.post("/access/name", said)["Location"] == "/clinic/details"
    assert client.get("/clinic").context["steps"][0].is_done
    assert "Setting up" not in text(client_for(cast.nurse).get("/access/name"))


def test_filing_a_credential_says_so_and_says_when_it_ran_out(cast: Cast) -> None:
    client, path = client_for(cast.lead), f"/clinic/staff/{cast.nurse.id}"
    given = {"do": "credential", "kind": "licence", "reference": "4711"}
    valid = client.post(path, {**given, "request_id": str(uuid4())}, follow=True)
    assert "Filed: " in text(valid)
    old = client.post(path, {**given, "request_id": str(uuid4()), "expires_on": "1999-05-01"}, follow=True)
    assert "This ran out on 1 May 1999; filed as run out." in text(old)


def test_a_new_colleagues_link_comes_first_with_the_ways_on(cast: Cast) -> None:
    with loading():
        Clinic.objects.filter(id=cast.clinic.id).update(set_up_at=None)
    client = client_for(cast.lead)
    new = {"name_used": "Nia", "roles": ["nurse"], "request_id": str(uuid4())}
    page = text(client.post("/clinic/staff", new, follow=True))
    assert page.index("Their link") < page.index("Add another") < page.index("What they are called")
    assert "Back to the steps" in page
    assert 'data-copy="link-own"' in page
    assert 'href="/clinic/texts">Go on to the texts' in text(client.get("/clinic/protocols"))
