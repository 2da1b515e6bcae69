"""The programme's form after a nasal session: filled in, saved, signed, sent, opened again; nothing lost, nothing guessed."""

import io
import re
from datetime import date, timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone
from pypdf import PdfReader

from bothwell.models import (
    Administration,
    AuditEntry,
    Contact,
    Course,
    DosingSession,
    MedicalFact,
    Order,
    ProgrammeForm,
    Sample,
)
from bothwell.monitoring import programme, programme_actions
from bothwell.privacy import door
from bothwell.refusal import Refused, Stale
from tests.cast import client_for, make_cast
from tests.conftest import loading
from tests.dosing.ready import Ready, chart, make_ready, started_ago

pytestmark = pytest.mark.django_db
NEW, OLD = "spravato-rems-2024", "spravato-rems-2021"


@pytest.fixture
def ready() -> Ready:
    """A nasal session that ended an hour ago."""
    found = make_ready(make_cast())
    nasal(found)
    return found


def nasal(ready: Ready, *, is_over: bool = True) -> DosingSession:
    session, cast = started_ago(ready, 190), ready.cast
    about = {"clinic": cast.clinic, "subject": cast.a, "couple": cast.couple}
    with loading():
        Order.objects.filter(id=ready.order.id).update(
            route="in",
            product="Esketamine nasal spray",
            dose_mg=84,
            minutes=None,
            concentration_mg_per_ml=None,
        )
        Course.objects.filter(id=session.course_id).update(route="in")
        ended = session.started_at + timedelta(minutes=130) if session.started_at and is_over else None
        DosingSession.objects.filter(id=session.id).update(
            ended_at=ended, outcome="discharged" if ended else ""
        )
        Administration.objects.create(
            **about, author=cast.nurse, session=session, event="given", substance="Esketamine nasal spray",
            dose_mg=Decimal(84), at=session.started_at, route="in",
        )  # fmt: skip
        Contact.objects.filter(subject=cast.a).update(full_name="Amara Jo Full", born_on=date(1984, 5, 31))
        MedicalFact.objects.create(**about, author=cast.prescriber, code="maoi", value=False, source="visit",
                                   observed_at=session.started_at)  # fmt: skip
        Sample.objects.bulk_create(
            Sample(**about, author=cast.nurse, session=session, code="sedation", value=value, unit="",
                   observed_at=session.started_at + timedelta(minutes=at))
            for at, value in ((10, 4), (60, 5))
        )  # fmt: skip
    for at, systolic in ((-3, 122), (41, 149), (125, 127)):
        chart(ready, at, session, systolic=systolic, diastolic=80, spo2=97)
    with loading():
        ready.session.refresh_from_db()
    return ready.session


def whole(form: str = NEW) -> dict[str, str]:
    """Every field answered."""
    sample = {"bool": "no", "int": "120", "text": "x", "date": "2026-03-02", "time": "10:05", "bp": "128/80"}
    return {one.key: sample.get(one.type) or one.choices[0] for one in programme.shipped()[form].fields}


def posted(answers: dict[str, str], **more: Any) -> dict[str, Any]:
    named = {f"answer-{key}": said for key, said in answers.items()}
    return {"request_id": str(uuid4()), "after": "0", "form": NEW, "do": "save", **named, **more}


def address(ready: Ready, end: str = "") -> str:
    return f"/room/{ready.session.id}/programme{end}"


def act(ready: Ready, do: Any, **given: Any) -> ProgrammeForm:
    with door.opened(ready.cast.nurse.id):
        row: ProgrammeForm = do(by=ready.cast.nurse, session_id=ready.session.id,
                                **{"request_id": uuid4(), "after": 0, **given})  # fmt: skip
        return row


def signed(ready: Ready) -> ProgrammeForm:
    return act(ready, programme_actions.sign, form=NEW, answers=whole(), signed_name="Luis")


def states(ready: Ready) -> list[str]:
    with door.opened(ready.cast.nurse.id):
        return list(ProgrammeForm.objects.order_by("number").values_list("state", flat=True))


# ── what is done with it ──────────────────────────────────────────────────────────────────────────────────


def test_a_draft_may_leave_anything_open_and_each_saving_is_a_row(ready: Ready) -> None:
    act(ready, programme_actions.save_draft, form=NEW, answers={"first_name": "Amara"})
    row = act(ready, programme_actions.save_draft, form=NEW, answers={"first_name": "Amy"}, after=1)
    assert (row.number, row.answers["first_name"], row.answers["lots"]) == (2, "Amy", "")
    assert states(ready) == ["draft", "draft"]


def test_a_repeated_post_is_kept_once(ready: Ready) -> None:
    same = uuid4()
    one, two = (act(ready, programme_actions.save_draft, form=NEW, answers={}, request_id=same) for _ in "ab")
    assert one.id == two.id and states(ready) == ["draft"]


def test_signing_names_every_field_that_is_empty(ready: Ready) -> None:
    with pytest.raises(Refused, match=r"Sex, .*Lot number or numbers"):
        act(
            ready,
            programme_actions.sign,
            form=NEW,
            answers=whole() | {"sex": "", "lots": ""},
            signed_name="L",
        )
    gone = {"sedation": "yes", "sedation_began_at": "", "sedation_ended_at": ""}
    with pytest.raises(Refused, match="Sedation began at, Sedation was over at"):
        act(ready, programme_actions.sign, form=NEW, answers=whole() | gone, signed_name="L")
    with pytest.raises(Refused, match="name"):
        act(ready, programme_actions.sign, form=NEW, answers=whole(), signed_name=" ")
    assert states(ready) == []


def test_from_the_signature_to_sending_and_open_again(ready: Ready) -> None:
    assert signed(ready).signed_name == "Luis"
    with pytest.raises(Refused, match="signed"):
        act(ready, programme_actions.save_draft, form=NEW, answers={}, after=1)
    sent = act(
        ready, programme_actions.mark_sent, how="By fax", reference="F-1", sent_at=timezone.now(), after=1
    )
    assert sent.sent_how == "By fax, reference F-1" and sent.answers["first_name"] == "x"
    again = act(ready, programme_actions.reopen, reason="The dose was wrong", after=2)
    assert (again.state, again.number, again.answers) == ("draft", 3, sent.answers)
    assert states(ready) == ["signed", "sent", "draft"]


def test_what_was_not_asked_does_not_stand_in_a_signed_form(ready: Ready) -> None:
    assert "sedation_began_at" not in signed(ready).answers


@pytest.mark.parametrize(
    ("do", "given"),
    [
        ("mark_sent", {"how": "By fax", "reference": "", "sent_at": timezone.now()}),
        ("reopen", {"reason": "x"}),
    ],
)
def test_a_draft_is_neither_sent_nor_opened_again(ready: Ready, do: str, given: dict[str, Any]) -> None:
    act(ready, programme_actions.save_draft, form=NEW, answers={})
    with pytest.raises(Refused):
        act(ready, getattr(programme_actions, do), after=1, **given)


def test_sent_lies_between_the_signature_and_now_and_again_needs_a_reason(ready: Ready) -> None:
    signed(ready)
    for off in (timedelta(days=-1), timedelta(hours=1)):
        with pytest.raises(Refused, match="not later than now"):
            act(
                ready,
                programme_actions.mark_sent,
                how="By fax",
                reference="",
                sent_at=timezone.now() + off,
                after=1,
            )
    with pytest.raises(Refused, match="why"):
        act(ready, programme_actions.reopen, reason="  ", after=1)


def test_who_saves_after_somebody_else_is_told(ready: Ready) -> None:
    act(ready, programme_actions.save_draft, form=NEW, answers={"lots": "L1"})
    with pytest.raises(Stale):
        act(ready, programme_actions.save_draft, form=NEW, answers={"lots": "L2"})


def test_an_open_session_has_a_draft_and_no_signature(ready: Ready) -> None:
    with loading():
        DosingSession.objects.filter(id=ready.session.id).update(ended_at=None, outcome="")
    act(ready, programme_actions.save_draft, form=NEW, answers=whole())
    with pytest.raises(Refused, match="still open"):
        act(ready, programme_actions.sign, form=NEW, answers=whole(), signed_name="Luis", after=1)


def test_nobody_else_writes_it_and_no_row_is_changed_or_lost(ready: Ready) -> None:
    row = signed(ready)
    for name in ("therapist_a", "couples_therapist", "a", "b", "lead", "stranger_prescriber"):
        who = getattr(ready.cast, name)
        with door.opened(who.id), pytest.raises(Refused):
            programme_actions.reopen(
                by=who, session_id=ready.session.id, reason="x", after=1, request_id=uuid4()
            )
    with door.opened(ready.cast.nurse.id), connection.cursor() as cursor:
        for right in ("update", "delete"):
            cursor.execute("select has_table_privilege(current_user, 'bothwell_programmeform', %s)", [right])
            assert cursor.fetchone() == (False,), right
    assert states(ready) == ["signed"] and row.number == 1


def test_all_of_it_is_logged_without_what_was_answered(ready: Ready) -> None:
    signed(ready)
    act(ready, programme_actions.reopen, reason="A wrong lot", after=1)
    with door.opened(ready.cast.a.id):
        rows = list(AuditEntry.objects.filter(subject_id=ready.cast.a.id, actor_id=ready.cast.nurse.id))
    assert {"signed a programme form", "opened a programme form again"} <= {row.action for row in rows}
    assert not any(row.why for row in rows)


# ── the page ──────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def nurse(ready: Ready) -> Client:
    return client_for(ready.cast.nurse)


def value(page: str, key: str) -> str:
    """What stands in a text field."""
    found = re.search(
        rf'name="answer-{key}"[^>]*value="([^"]*)"|value="([^"]*)"[^>]*name="answer-{key}"', page
    )
    return (found[1] or found[2] or "") if found else ""


def test_the_page_begins_with_what_the_record_knows_and_says_where_from(ready: Ready, nurse: Client) -> None:
    page = nurse.get(address(ready)).content.decode()
    assert value(page, "first_name") == "Amara" and value(page, "last_name") == "Full"
    assert value(page, "born_on") == "1984-05-31" and value(page, "minutes_monitored") == "130"
    assert value(page, "pressure_40") == "149/80" and "From the chart, minute 41" in page
    assert re.search(r'value="84 mg"[^>]*checked', page) and "The chart suggests: Yes. You decide." in page
    assert not re.search(r'name="answer-(sedation|acceptable_before)"[^>]*checked', page)
    assert "6 days left" in page and "Still to be answered" in page and "To confirm." in page
    assert "<title>Form</title>" in page and ">Ben<" not in page


def test_every_field_of_both_versions_is_on_the_page(ready: Ready, nurse: Client) -> None:
    for form in programme.for_route("in"):
        page = nurse.get(f"{address(ready)}?form={form.id}").content.decode()
        assert set(re.findall(r'name="answer-([\w]+)"', page)) == {one.key for one in form.fields}


def test_saved_and_found_again_with_who_changed_what(ready: Ready, nurse: Client) -> None:
    answer = nurse.post(address(ready), posted({"first_name": "Amy", "maoi": "yes"}))
    assert answer.status_code == 302
    page = nurse.get(address(ready)).content.decode()
    assert value(page, "first_name") == "Amy" and "Changed by a person. From the contact details" in page
    assert value(page, "last_name") == "" and "Draft, not signed" in page


def test_nothing_typed_is_lost_where_an_answer_cannot_be_read(ready: Ready, nurse: Client) -> None:
    typed = {
        "pressure_40": "80/149",
        "setting_city": "Springfield & Co",
        "treated_on": "yesterday",
        "sex": "female",
    }
    answer = nurse.post(address(ready), posted(typed, signed_name="Luis"))
    page = answer.content.decode()
    assert answer.status_code == 422
    assert value(page, "pressure_40") == "80/149" and value(page, "treated_on") == "yesterday"
    assert value(page, "setting_city") == "Springfield &amp; Co" and 'value="Luis"' in page
    assert "The first number must be the higher one." in page
    assert re.search(r'value="female"[^>]*checked', page)
    assert states(ready) == []


def test_a_refused_signature_keeps_all_and_names_what_is_open(ready: Ready, nurse: Client) -> None:
    answer = nurse.post(address(ready), posted({"first_name": "Amara"}, do="sign", signed_name="Luis"))
    page = answer.content.decode()
    assert answer.status_code == 422 and "Still to be answered: Last name, " in page
    assert value(page, "first_name") == "Amara" and states(ready) == []


def test_who_comes_second_sees_both_and_can_save(ready: Ready, nurse: Client) -> None:
    act(ready, programme_actions.save_draft, form=NEW, answers={"lots": "THEIRS"})
    answer = nurse.post(address(ready), posted({"lots": "MINE"}))
    page = answer.content.decode()
    assert answer.status_code == 422 and value(page, "lots") == "MINE"
    assert "Saved meanwhile by somebody else: THEIRS." in page
    assert re.search(r'name="after" value="1"', page)
    assert nurse.post(address(ready), posted({"lots": "MINE"}, after="1")).status_code == 302


def test_signed_sent_and_open_again_on_the_page(ready: Ready, nurse: Client) -> None:
    assert nurse.post(address(ready), posted(whole(), do="sign", signed_name="Luis")).status_code == 302
    page = nurse.get(address(ready)).content.decode()
    assert (
        "Signed, not yet sent" in page and "Has the clinic sent it?" in page and 'name="answer-' not in page
    )
    local = ready.clock(timezone.now(), "%Y-%m-%dT%H:%M")
    sent = {"do": "sent", "after": "1", "request_id": str(uuid4()), "how": "By fax", "reference": "F-77"}
    assert nurse.post(address(ready), sent | {"sent_at": "soon"}).status_code == 422
    assert nurse.post(address(ready), sent | {"sent_at": local}).status_code == 302
    page = nurse.get(address(ready)).content.decode()
    assert "By fax, reference F-77" in page and "days left" not in page
    again = {"do": "again", "after": "2", "request_id": str(uuid4())}
    refused = nurse.post(address(ready), again)
    assert refused.status_code == 422 and "Please fill this in" in refused.content.decode()
    assert nurse.post(address(ready), again | {"reason": "A wrong lot"}).status_code == 302
    assert "A wrong lot" in nurse.get(address(ready)).content.decode()


def test_what_is_the_clinics_is_taken_over_to_the_next_form(ready: Ready, nurse: Client) -> None:
    act(ready, programme_actions.sign, form=NEW, answers=whole() | {"setting_city": "Springfield", "lots": "L9"},
        signed_name="Luis")  # fmt: skip
    with loading():
        row = DosingSession.objects.get(id=ready.session.id)
        earlier = DosingSession.objects.create(
            clinic=row.clinic, subject=row.subject, couple=row.couple, author=row.author, course=row.course,
            order=row.order, number=2, scheduled_at=row.scheduled_at - timedelta(days=3),
            arrived_at=row.scheduled_at - timedelta(days=3), started_at=row.scheduled_at - timedelta(days=3),
            ended_at=row.scheduled_at - timedelta(days=3) + timedelta(hours=2), outcome="discharged",
        )  # fmt: skip
    page = nurse.get(f"/room/{earlier.id}/programme").content.decode()
    assert value(page, "setting_city") == "Springfield" and value(page, "lots") == ""
    assert "From the newest signed form" in page


def test_late_says_so(ready: Ready, nurse: Client) -> None:
    with loading():
        back = timedelta(days=9)
        DosingSession.objects.filter(id=ready.session.id).update(
            arrived_at=ready.session.arrived_at - back, started_at=ready.session.started_at - back,
            ended_at=ready.session.ended_at - back)  # fmt: skip
    assert "2 days late" in nurse.get(address(ready)).content.decode()


@pytest.mark.parametrize("end", ["", "/pdf"])
def test_only_this_persons_nurse_and_prescriber_find_it(ready: Ready, end: str) -> None:
    signed(ready)
    for name, who in ready.cast.everyone().items():
        expected = 200 if name in ("nurse", "prescriber") else 404
        assert client_for(who).get(address(ready, end)).status_code == expected, name
        if name not in ("nurse", "prescriber"):
            assert client_for(who).post(address(ready), {"do": "again"}).status_code == 404


def test_a_session_by_another_route_was_no_earlier_treatment_with_the_spray(ready: Ready) -> None:
    form = programme.shipped()[NEW]

    def is_first() -> bool | None:
        with door.opened(ready.cast.nurse.id):
            session = DosingSession.objects.select_related("order", "course", "clinic").get(
                id=ready.session.id
            )
            return programme_actions.facts_of(session, form).is_first_treatment

    with loading():
        year_ago = timezone.now() - timedelta(days=400)
        about = {"clinic": ready.cast.clinic, "subject": ready.cast.a, "couple": ready.cast.couple}
        course = Course.objects.create(
            **about, author=ready.cast.prescriber, protocol=ready.course.protocol, route="iv", phase="ended",
            state="completed",
        )  # fmt: skip
        DosingSession.objects.create(
            **about, course=course, number=1, scheduled_at=year_ago, arrived_at=year_ago, started_at=year_ago,
            ended_at=year_ago + timedelta(hours=2), outcome="discharged",
        )  # fmt: skip
    assert is_first()
    with loading():
        Course.objects.filter(id=course.id).update(route="in")
    assert not is_first()


def test_another_route_or_no_dose_yet_has_no_such_form(ready: Ready, nurse: Client) -> None:
    with loading():
        Order.objects.filter(id=ready.order.id).update(route="iv")
    assert nurse.get(address(ready)).status_code == 404
    with loading():
        Order.objects.filter(id=ready.order.id).update(route="in")
        DosingSession.objects.filter(id=ready.session.id).update(started_at=None)
    assert nurse.get(address(ready)).status_code == 404


# ── on paper ──────────────────────────────────────────────────────────────────────────────────────────────


def test_on_paper_stands_every_answer_and_that_it_is_signed(ready: Ready, nurse: Client) -> None:
    assert nurse.get(address(ready, "/pdf")).status_code == 302
    signed(ready)
    made = PdfReader(io.BytesIO(nurse.get(address(ready, "/pdf")).content))
    text = " ".join(" ".join(page.extract_text() for page in made.pages).split())
    assert made.metadata is not None and made.metadata.title == "Form"
    asked = programme.shipped()[NEW]
    for one in asked.fields:
        assert (" ".join(one.label.split()) in text) == programme.is_asked(one, whole()), one.key
    assert "Signed by Luis" in text and "Draft" not in text
    with door.opened(ready.cast.a.id):
        assert AuditEntry.objects.filter(actor_id=ready.cast.nurse.id, action="printed").exists()


def test_a_draft_on_paper_says_what_is_open(ready: Ready, nurse: Client) -> None:
    act(ready, programme_actions.save_draft, form=OLD, answers={"first_name": "Amara"})
    text = PdfReader(io.BytesIO(nurse.get(address(ready, "/pdf")).content)).pages[0].extract_text()
    assert "Draft, not signed." in text and "Still to be answered" in text
