"""A positive answer about not wanting to live: a task that somebody owns, closed only with a reason."""

import re
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from bothwell.instruments import safety_actions as actions
from bothwell.instruments.actions import enter_on_behalf, send
from bothwell.instruments.catalogue import load
from bothwell.models import AuditEntry, Contact, Response, SafetyFlag
from bothwell.privacy import door
from bothwell.privacy.glass_actions import break_glass
from bothwell.refusal import Refused, Stale
from tests.cast import Cast, client_for, make_cast
from tests.conftest import loading
from tests.dosing.ready import make_ready

pytestmark = pytest.mark.django_db
NO = {f"asq-{n}": "false" for n in range(1, 5)}
ACUTE = NO | {"asq-1": "true", "asq-5": "true", "asq-5-describe": "asked in person"}
POSITIVE = NO | {"asq-2": "true", "asq-5": "false"}


@pytest.fixture
def cast() -> Cast:
    return make_cast()


def entered(cast: Cast, answers: dict[str, str], by: str = "nurse", subject: Any = None) -> None:
    staff = getattr(cast, by)
    with door.opened(staff.id):
        enter_on_behalf(
            by=staff, subject=subject or cast.a, instrument_id="asq", wave=uuid4().hex[:8], answers=answers,
            answered_at=timezone.now(), entered_as="spoken", request_id=uuid4(),
        )  # fmt: skip


def flags(cast: Cast, viewer: str = "prescriber") -> list[SafetyFlag]:
    with door.opened(getattr(cast, viewer).id):
        return list(SafetyFlag.objects.order_by("recorded_at"))


def flag(cast: Cast) -> SafetyFlag:
    (only,) = flags(cast)
    return only


# ── raised ────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("by", ["prescriber", "nurse", "therapist_a", "couples_therapist"])
def test_whoever_types_it_in_the_task_is_about_who_answered(cast: Cast, by: str) -> None:
    entered(cast, POSITIVE, by)
    raised = flag(cast)
    assert (raised.subject_id, raised.author_id) == (cast.a.id, getattr(cast, by).id)
    assert (raised.is_acute, raised.what) == (False, "ASQ: thoughts of not living")


def test_an_acute_answer_is_one_task_that_says_so(cast: Cast) -> None:
    entered(cast, ACUTE)
    assert (flag(cast).is_acute, flag(cast).what) == (True, "ASQ: thoughts of not living, right now")


def test_a_no_raises_none_and_refusing_does(cast: Cast) -> None:
    entered(cast, NO)
    assert flags(cast) == []
    entered(cast, {"asq-1": "false", "asq-2": "false", "asq-3": "false"})  # the fourth was not answered
    assert len(flags(cast)) == 1


def test_answered_by_themselves_it_is_raised_and_they_do_not_see_it(cast: Cast) -> None:
    instrument = load("phq-9")
    answers = {item.link_id: item.options[1].code for item in instrument.items if item.scored}
    rest = {item.link_id: None for item in instrument.items if not item.scored}
    with loading():
        draft = Response.objects.create(
            clinic=cast.clinic, subject=cast.a, author=cast.a, instrument="phq-9", kind=instrument.kind.value,
            instrument_version=instrument.version, wave="w", answers=answers | rest,
        )  # fmt: skip
    with door.opened(cast.a.id):
        send(by=cast.a, response_id=draft.id)
        assert not SafetyFlag.objects.exists()
    assert flag(cast).subject_id == cast.a.id


# ── seen to ───────────────────────────────────────────────────────────────────────────────────────────────


def test_it_is_acknowledged_with_a_plan_and_closed_with_a_reason(cast: Cast) -> None:
    entered(cast, ACUTE)
    client, raised = client_for(cast.prescriber), flag(cast)
    page = client.get("/tasks").content.decode()
    assert "Amara" in page
    assert "right now" in page
    assert "1 safety task waits" in client.get("/today").content.decode()
    assert client.post(f"/tasks/{raised.id}/close", {"reason": "All is well"}).status_code == 422
    assert client.post(f"/tasks/{raised.id}/acknowledge", {"plan": " "}).status_code == 422
    assert (
        client.post(f"/tasks/{raised.id}/acknowledge", {"plan": "I am with her now"})["Location"] == "/tasks"
    )
    assert client.post(f"/tasks/{raised.id}/acknowledge", {"plan": "Once more"}).status_code == 302
    assert "1 acknowledged, still open" in client.get("/today").content.decode()
    page = client_for(cast.therapist_a).get("/tasks").content.decode()
    assert "I am with her now" in page
    refused = client.post(f"/tasks/{raised.id}/close", {"reason": ""})
    assert refused.status_code == 422
    client_for(cast.therapist_a).post(
        f"/tasks/{raised.id}/close", {"reason": "Safety plan made, seen at 15:00"}
    )
    page = client.get("/tasks").content.decode()
    assert "Nothing waits" in page
    assert "Safety plan made, seen at 15:00" in page
    assert "safety task" not in client.get("/today").content.decode()


def test_who_comes_second_is_told_who_was_first_and_keeps_their_words(cast: Cast) -> None:
    entered(cast, POSITIVE)
    raised = flag(cast)
    first, second = client_for(cast.prescriber), client_for(cast.therapist_a)
    path = f"/tasks/{raised.id}"
    assert first.post(f"{path}/acknowledge", {"plan": "I call her at noon"}).status_code == 302
    late = second.post(f"{path}/acknowledge", {"plan": "Zqmine, I see her at two"})
    page = late.content.decode()
    assert late.status_code == 409
    assert "Helen" in page and "acknowledged this task of <b>Amara</b>" in page
    assert page.count("Zqmine, I see her at two") == 1, "in a field of its own, not in the form that closes"
    assert "I call her at noon" in page and "they may go into its reason" in page

    assert first.post(f"{path}/close", {"reason": "Seen; safety plan made"}).status_code == 302
    late = second.post(f"{path}/close", {"reason": "Zqlate, she told me of the tablets"})
    page = late.content.decode()
    assert late.status_code == 409
    assert "Zqlate, she told me of the tablets" in page and "Seen; safety plan made" in page
    assert "closed this task of <b>Amara</b>" in page and "Somebody else has closed this already." in page
    assert "Nothing waits" not in page
    for sent in ("acknowledge", "close"):
        late = second.post(f"{path}/{sent}", {"plan": " ", "reason": " "})
        assert late.status_code == 422 and "closed this task of" in late.content.decode()
    assert first.post(f"{path}/acknowledge", {"plan": "Zqplan"}).status_code == 302, "their own, said twice"


def test_words_of_somebody_whose_task_it_is_no_longer_stay_on_the_page(cast: Cast) -> None:
    make_ready(cast)
    entered(cast, POSITIVE)
    raised = flag(cast)
    refused = client_for(cast.nurse).post(f"/tasks/{raised.id}/close", {"reason": "Zqnurse, she is calm"})
    page = refused.content.decode()
    assert refused.status_code == 422
    assert "Zqnurse, she is calm" in page and "Only the prescriber or the individual therapist" in page


def test_the_acute_that_nobody_has_seen_come_first_then_the_older(cast: Cast) -> None:
    for answers in (ACUTE, POSITIVE, POSITIVE, ACUTE):
        entered(cast, answers)
    seen, older, newer, acute = flags(cast)
    client = client_for(cast.prescriber)
    said = client.post(
        f"/tasks/{seen.id}/acknowledge", {"plan": "I am with her"}, follow=True
    ).content.decode()
    assert "Acknowledged. Your plan is kept" in said
    assert re.findall(r'id="task-([^"]+)"', said) == [str(one.id) for one in (acute, older, newer, seen)]


def test_whoever_may_read_the_answers_finds_them_from_the_task(cast: Cast) -> None:
    answers = {item.link_id: item.options[1].code for item in load("phq-9").items}
    with door.opened(cast.prescriber.id):
        copied = enter_on_behalf(
            by=cast.prescriber, subject=cast.a, instrument_id="phq-9", wave="w", answers=answers,
            answered_at=timezone.now(), entered_as="paper", request_id=uuid4(),
        )  # fmt: skip
    for who in (cast.prescriber, cast.therapist_a):
        client, path = client_for(who), f"/people/{cast.a.id}/measures/{copied.id}"
        assert f'href="{path}"' in client.get("/tasks").content.decode()
        assert client.get(path).status_code == 200
    with door.opened(cast.lead.id):
        break_glass(by=cast.lead, reason="Nobody could be reached", subject=cast.a)
    assert str(copied.id) not in client_for(cast.lead).get("/tasks").content.decode()


def test_a_later_positive_answer_is_a_task_of_its_own(cast: Cast) -> None:
    entered(cast, POSITIVE)
    first = flag(cast)
    with door.opened(cast.prescriber.id):
        actions.acknowledge(by=cast.prescriber, flag_id=first.id, plan="I call her")
        actions.close(by=cast.prescriber, flag_id=first.id, reason="We spoke")
    entered(cast, POSITIVE)
    assert len(flags(cast)) == 2
    assert "1 safety task waits" in client_for(cast.prescriber).get("/today").content.decode()


@pytest.mark.parametrize(
    "who", ["safety", "lead", "coordinator", "couples_therapist", "therapist_b", "b", "a"]
)
def test_nobody_else_finds_it_or_can_end_it(cast: Cast, who: str) -> None:
    entered(cast, POSITIVE)
    raised, viewer = flag(cast), getattr(cast, who)
    for end in ("acknowledge", "close"):
        assert (
            client_for(viewer)
            .post(f"/tasks/{raised.id}/{end}", {"plan": "x y z", "reason": "x y z"})
            .status_code
            == 404
        )
    with door.opened(viewer.id), pytest.raises(Refused):
        actions.close(by=viewer, flag_id=raised.id, reason="It is nothing")


def test_a_nurse_may_acknowledge_but_not_close(cast: Cast) -> None:
    make_ready(cast)  # a session today, so that the nurse sees it
    entered(cast, POSITIVE)
    raised = flag(cast)
    with door.opened(cast.nurse.id):
        actions.acknowledge(by=cast.nurse, flag_id=raised.id, plan="The prescriber is on the way")
        with pytest.raises(Refused, match="prescriber or the individual therapist"):
            actions.close(by=cast.nurse, flag_id=raised.id, reason="She is calm now")
    with door.opened(cast.prescriber.id), pytest.raises(Stale):
        actions.acknowledge(by=cast.prescriber, flag_id=raised.id, plan="I come")


def test_a_glass_that_was_broken_shows_it_and_changes_nothing(cast: Cast) -> None:
    entered(cast, POSITIVE)
    raised = flag(cast)
    with door.opened(cast.lead.id):
        break_glass(by=cast.lead, reason="Nobody could be reached", subject=cast.a)
        with pytest.raises(Refused, match="care team"):
            actions.acknowledge(by=cast.lead, flag_id=raised.id, plan="I call")


def test_the_log_says_that_there_was_a_task_never_why(cast: Cast) -> None:
    entered(cast, POSITIVE)
    raised = flag(cast)
    client_for(cast.prescriber).post(f"/tasks/{raised.id}/acknowledge", {"plan": "I call her"})
    for viewer in (cast.lead, cast.a):
        with door.opened(viewer.id):
            entry = AuditEntry.objects.get(item_id=raised.id)
            assert (entry.action, entry.item_kind, entry.why) == ("acknowledged", "task", "")
            assert not AuditEntry.objects.filter(item_kind="suicide.flag").exists()
    with door.opened(cast.b.id):
        assert not AuditEntry.objects.filter(item_kind="task").exists()


def test_the_number_of_statements_does_not_grow(cast: Cast) -> None:
    client = client_for(cast.prescriber)

    def statements() -> int:
        with CaptureQueriesContext(connection) as asked:
            client.get("/tasks")
        return len(asked)

    entered(cast, POSITIVE)
    client.get("/tasks")
    one = statements()
    for subject in (cast.a, cast.b, cast.a):
        entered(cast, POSITIVE, "prescriber", subject)
    assert statements() == one


def test_help_is_there_for_everybody_whatever_they_answered(cast: Cast) -> None:
    with loading():
        cast.clinic.crisis_lines = [{"label": "Lifeline", "number": "988", "href": "tel:988"}]
        cast.clinic.save(update_fields=["crisis_lines"])
    before = client_for(cast.a).get("/help-now").content
    entered(cast, ACUTE)
    after = client_for(cast.a).get("/help-now").content
    assert b"tel:988" in after
    assert len(before) == len(after)
    assert b'href="/help-now"' in client_for(cast.b).get("/today").content
    with door.opened(cast.lead.id):
        assert not AuditEntry.objects.filter(actor=cast.a, action="viewed").exists()


# ── whoever must act can call ─────────────────────────────────────────────────────────────────────────────


def test_whoever_must_act_can_call_and_a_task_shows_nobody_more(cast: Cast) -> None:
    with loading():
        for who, number in ((cast.a, "555 0171"), (cast.b, "555 0172")):
            Contact.objects.filter(subject=who).update(safe_phone=number, call_me="Miss A")

    def sees(viewer: str) -> set[Any]:
        who = getattr(cast, viewer)
        with door.opened(who.id):
            return set(Contact.objects.exclude(subject=who).values_list("subject_id", flat=True))

    everybody = [name for name, who in cast.everyone().items() if who.clinic_id == cast.clinic.id]
    before = {name: sees(name) for name in everybody}
    assert (before["therapist_a"], before["therapist_b"], before["b"]) == ({cast.a.id}, {cast.b.id}, set())

    entered(cast, POSITIVE)
    assert {name: sees(name) for name in everybody} == before
    client = client_for(cast.therapist_a)
    page = client.get("/tasks").content.decode()
    assert 'href="tel:5550171"' in page
    assert "ask for Miss A" in page
    assert "5550172" not in page
    assert "555 0171" in client.get(f"/people/{cast.a.id}/contact").content.decode()
    assert "555 0171" not in client_for(cast.therapist_b).get("/tasks").content.decode()
    assert client_for(cast.therapist_b).get(f"/people/{cast.a.id}/contact").status_code == 404
    assert "555 0171" not in client_for(cast.b).get("/today").content.decode()
    with door.opened(cast.a.id):
        looks = AuditEntry.objects.filter(actor=cast.therapist_a, action="viewed", item_kind="contact")
        assert looks.exists()


def test_without_a_number_on_file_whoever_must_act_is_told_whom_to_ask(cast: Cast) -> None:
    with loading():
        Contact.objects.filter(subject=cast.a).update(subject=cast.nurse)  # no row of hers is left
    entered(cast, POSITIVE)
    assert (
        "Ask the coordinator or the clinic lead now"
        in client_for(cast.therapist_a).get("/tasks").content.decode()
    )
