"""The work-up: the same page for everyone on the team, each seeing what is theirs; what is refused keeps what
was typed.
"""

from __future__ import annotations

import re
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.hashers import make_password
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from bothwell.instruments import safety_actions
from bothwell.models import (
    AuditEntry,
    ConsentText,
    Course,
    Credential,
    DecisionSignature,
    DosingSession,
    GateCheck,
    HoldReason,
    JointDecision,
    MedicalFact,
    Order,
    OrderWithdrawn,
    Person,
    Preparation,
    Resolution,
    Response,
    Room,
    SafetyFlag,
    Step,
    User,
)
from bothwell.pathway import decision_actions
from bothwell.privacy import door
from tests.cast import client_for
from tests.conftest import loading
from tests.web.desks import Desk, desk, full_story

pytestmark = pytest.mark.django_db


@pytest.fixture
def made() -> Desk:
    """Ben's course in evaluation."""
    made = desk()
    made.course(made.cast.b, phase="evaluation")
    return made


@pytest.fixture
def told() -> Desk:
    return full_story()


def path(made: Desk) -> str:
    return f"/people/{made.cast.b.id}/workup"


def look(made: Desk, who: Person | None = None) -> str:
    response = client_for(who or made.cast.prescriber).get(path(made))
    assert response.status_code == 200
    return response.content.decode()


def post(made: Desk, do: str, who: Person | None = None, **data: Any) -> tuple[int, str]:
    response = client_for(who or made.cast.prescriber).post(path(made), {"do": do, **data})
    return response.status_code, response.content.decode()


def course(made: Desk) -> Course:
    with door.opened(made.cast.prescriber.id):
        return Course.objects.get(subject=made.cast.b)


def clock(hours: float = 0) -> str:
    return (timezone.now() + timedelta(hours=hours)).strftime("%Y-%m-%dT%H:%M")


# ----------------------------------------------------------------------------------------------- who may look


@pytest.mark.parametrize(
    "who", ["a", "b", "coordinator", "safety", "stranger_prescriber", "therapist_a", "other_lead"]
)
def test_for_others_there_is_no_such_page(made: Desk, who: str) -> None:
    client = client_for(getattr(made.cast, who))
    missing = client.get(f"/people/{uuid4()}/workup")
    for response in (client.get(path(made)), client.post(path(made), {"do": "step"})):
        assert response.status_code == 404
    assert len(client.get(path(made)).content) == len(missing.content)


@pytest.mark.parametrize("who", ["couples_therapist", "therapist_b", "lead"])
def test_without_a_release_the_medical_part_is_one_neutral_sentence(told: Desk, who: str) -> None:
    text = look(told, getattr(told.cast, who))
    assert "Released to you? No." in text
    for trace in (
        "Sleep apnoea",
        "Benzodiazepines",
        "152/94",
        "Not known yet",
        "Everything on record",
        "Orders",
    ):
        assert trace not in text


def test_the_neutral_sentence_is_the_same_whatever_was_found(made: Desk) -> None:
    dana = made.cast.couples_therapist

    def shape() -> str:
        return re.sub(r'value="[\w:-]+"|X-CSRFToken[^}]*', "", look(made, dana))

    before = shape()
    made.facts(made.cast.b, hypersensitivity=True)
    assert shape() == before


def test_a_release_opens_the_findings_to_the_couples_therapist_until_withdrawn(told: Desk) -> None:
    dana = told.cast.couples_therapist
    released = told.release(told.cast.b, "medical_summary")
    assert "152/94 mmHg" in look(told, dana)
    with loading():
        released.withdrawn_at = timezone.now()
        released.save()
    assert "152/94" not in look(told, dana)


def test_a_look_is_in_the_persons_own_log(made: Desk) -> None:
    look(made)
    with door.opened(made.cast.b.id):
        assert AuditEntry.objects.get(action="viewed", actor=made.cast.prescriber).item_kind == "medical"


def test_before_a_course_the_page_says_what_comes(made: Desk) -> None:
    response = client_for(made.cast.prescriber).get(f"/people/{made.cast.a.id}/workup")
    assert response.status_code == 200
    assert b"No course yet" in response.content
    assert (
        client_for(made.cast.prescriber).post(f"/people/{made.cast.a.id}/workup", {"do": "step"}).status_code
        == 404
    )


# --------------------------------------------------------------------------------------------------- findings


def test_each_finding_stands_with_reason_source_and_evidence(told: Desk) -> None:
    text = look(told)
    assert "152/94 mmHg" in text
    assert "152/94 mmHg is above 140/90" in text
    assert "Esketamine label" in text
    assert "PMC10812090" in text
    assert "Default, confirmed by Lea (name given), entered by Lea, on" in " ".join(text.split())
    assert "default to confirm" not in text, "the signature under the protocol confirmed it"
    assert "Helen, MD" in text
    assert 'class="finding hold"' in text
    assert "It was asked, and the answer is not known." in text


def test_the_tally_counts_by_kind(told: Desk) -> None:
    text = look(told)
    counts = {
        name: int(number) for number, name in re.findall(r"<b>(\d+)</b><span><strong>([\w ]+)</strong>", text)
    }
    assert counts == {"Hold": 1, "To weigh": 2, "Missing": 1, "Clear": 27}


def test_violence_and_coercion_never_stand_here(told: Desk) -> None:
    before = re.sub(r'value="[\w:-]+"|X-CSRFToken[^}]*', "", look(told))
    with loading():
        Response.objects.create(
            clinic=told.cast.clinic,
            subject=told.cast.b,
            author=told.cast.b,
            instrument="hark",
            instrument_version="1",
            kind="screen.violence",
            wave="x",
            status="sent",
            sent_at=timezone.now(),
            total=4,
            band="x",
        )
    assert re.sub(r'value="[\w:-]+"|X-CSRFToken[^}]*', "", look(told)) == before


def test_facts_are_recorded_many_at_once_and_once(made: Desk) -> None:
    nurse = made.cast.nurse
    given = {
        "source": "visit",
        "observed_at": clock(-1),
        "systolic_mmhg": "128",
        "diastolic_mmhg": "78",
        "maoi": "no",
        "arrhythmia": "unknown",
        "weight_kg": "70.5",
        "request_id": str(uuid4()),
    }
    for _ in range(2):
        assert post(made, "facts", nurse, **given)[0] == 302
    with door.opened(nurse.id):
        kept = dict(MedicalFact.objects.values_list("code", "value"))
    assert kept == {
        "systolic_mmhg": "128",
        "diastolic_mmhg": "78",
        "maoi": False,
        "arrhythmia": None,
        "weight_kg": "70.5",
    }


def test_what_is_on_record_says_which_pressure_it_is_and_in_which_unit(made: Desk) -> None:
    given = {"systolic_mmhg": "118", "diastolic_mmhg": "76", "weight_kg": "70"}
    post(made, "facts", source="visit", observed_at=clock(-1), request_id=str(uuid4()), **given)
    text = look(made)
    for title, value in (("systolic", "118 mmHg"), ("diastolic", "76 mmHg")):
        assert re.search(rf"Blood pressure at rest, {title}</th><td[^>]*><b>{value}</b>", text)
    assert "<b>70 kg</b>" in text


def test_an_open_task_is_called_so_and_what_was_done_about_it_stands_there(made: Desk) -> None:
    cast, first = made.cast, "before anything else"
    assert "safety task is open" not in look(made)
    with loading():
        raised = SafetyFlag.objects.create(
            clinic=cast.clinic, subject=cast.b, author=cast.b, what="PHQ-9, item 9"
        )
    text = look(made)
    assert "nobody has acknowledged it" in text and first in text and "safety flag" not in text
    with door.opened(cast.prescriber.id):
        safety_actions.acknowledge(by=cast.prescriber, flag_id=raised.id, plan="I call him")
    text = look(made)
    assert "Helen, MD acknowledged it on" in text and first not in text and "asked again" not in text
    of = course(made)
    with loading():
        session = DosingSession.objects.create(
            clinic=cast.clinic, subject=cast.b, couple=cast.couple, course=of, number=1,
            scheduled_at=timezone.now(),
        )  # fmt: skip
        said = {"clinic": cast.clinic, "subject": cast.b, "session": session, "name": "suicide_rescreened"}
        GateCheck.objects.create(**said, author=cast.nurse, value={"risk": True})
        GateCheck.objects.create(**said, author=cast.prescriber, value={"risk": False})
    text = look(made)
    assert "Helen, MD asked again on" in text and "nothing that holds the dose" in text


def test_two_readings_of_the_pressure_count_as_two(made: Desk) -> None:
    given = {
        "source": "visit",
        "observed_at": clock(-1),
        "systolic_mmhg": "152",
        "diastolic_mmhg": "94",
        "second_systolic": "150",
        "second_diastolic": "92",
        "second_at": clock(-0.8),
        "request_id": str(uuid4()),
    }
    assert post(made, "facts", **given)[0] == 302
    assert "150/92 mmHg is above 140/90 on readings 5 min or more apart" in look(made)


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"systolic_mmhg": "128"}, "A blood pressure is two numbers"),
        ({"maoi": ""}, "Answer at least one question"),
        ({"second_systolic": "120", "second_diastolic": "80"}, "when the second reading was taken"),
        ({"weight_kg": "heavy", "maoi": "no"}, "Write a number, in digits"),
        ({"maoi": "no", "observed_at": clock(5)}, "lies in the future"),
        ({"maoi": "no", "note": "n" * 20_001}, "longer than"),
    ],
)
def test_what_cannot_be_recorded_is_told_and_nothing_typed_is_lost(
    made: Desk, changed: dict[str, str], told: str
) -> None:
    given = {
        "source": "visit",
        "observed_at": clock(-1),
        "note": "Typed with care.",
        "request_id": str(uuid4()),
    }
    status, text = post(made, "facts", **{**given, **changed})
    assert status == 422
    assert told in text
    assert changed.get("note", "Typed with care.") in text
    with door.opened(made.cast.prescriber.id):
        assert not MedicalFact.objects.exists()


def test_a_fact_is_corrected_on_its_own_page(made: Desk) -> None:
    made.facts(made.cast.b, maoi=True)
    helen = client_for(made.cast.prescriber)
    with door.opened(made.cast.prescriber.id):
        wrong = MedicalFact.objects.get(code="maoi")
    at = f"{path(made)}/facts/{wrong.id}"
    assert b"MAO inhibitor" in helen.get(at).content
    refused = helen.post(at, {"value": "no", "reason": ""})
    assert refused.status_code == 422
    assert helen.post(at, {"value": "no", "reason": "Misheard."}).status_code == 302
    assert "corrected: Misheard." in look(made)
    assert client_for(made.cast.couples_therapist).get(at).status_code == 404
    again = helen.post(at, {"value": "yes", "reason": "Once more."})
    assert again.status_code == 422
    assert b"corrected this entry already" in again.content


def test_a_hold_is_decided_with_a_reason_by_the_prescriber(told: Desk) -> None:
    status, text = post(told, "resolve", finding="blood_pressure", reason="ok", request_id=str(uuid4()))
    assert status == 422
    assert "in a sentence" in text
    given = {
        "finding": "blood_pressure",
        "reason": "White coat; home values are normal.",
        "request_id": str(uuid4()),
    }
    for _ in range(2):
        assert post(told, "resolve", **given)[0] == 302
    text = look(told)
    assert "Decided by Helen, MD" in text
    assert 'class="finding hold"' not in text
    with door.opened(told.cast.prescriber.id):
        assert Resolution.objects.count() == 1
    assert post(told, "resolve", told.cast.nurse, **{**given, "request_id": str(uuid4())})[0] == 422


def test_a_caution_asks_for_the_prescribers_reason_and_shows_it(told: Desk) -> None:
    text = look(told)
    assert "Weigh it, with your reason" in text
    assert "Weigh it, with your reason" not in look(told, told.cast.nurse)
    given = {"finding": "severe_untreated_sleep_apnoea", "request_id": str(uuid4())}
    status, text = post(told, "resolve", **given, reason="fine")
    assert status == 422
    assert "in a sentence" in text
    reason = "Mask since May; saturation is watched throughout."
    assert post(told, "resolve", told.cast.nurse, **given, reason=reason)[0] == 422
    assert post(told, "resolve", **given, reason=reason)[0] == 302
    text = look(told)
    assert f"Weighed by Helen, MD, {timezone.localtime():%-d %b %Y}: {reason}" in text
    assert "; 1 given" in text
    log = client_for(told.cast.b).get("/access").content.decode()
    assert "weighed a caution" in log


def test_no_code_is_shown_where_words_belong(told: Desk) -> None:
    with loading():
        DosingSession.objects.filter(subject=told.cast.b, number=1).update(outcome="left_early")
        DosingSession.objects.filter(subject=told.cast.b, number=2).update(outcome="turned_back")
    text = look(told)
    assert "left early, against advice" in text
    assert "turned back, no dose" in text
    for code in ("leftearly", "left_early", "turnedback", "turned_back", ">Advance<"):
        assert code not in text


def test_a_long_list_of_findings_stands_in_the_log_in_whole_words(made: Desk) -> None:
    made.facts(made.cast.b)  # more codes than one line of the log holds
    log = client_for(made.cast.b).get("/access").content.decode()
    assert "and 1" in log
    assert "more" in log
    assert not re.search(r"[a-z]_[a-z]+_?[a-z]*,", log)
    with loading():
        AuditEntry.objects.create(
            clinic=made.cast.clinic, actor=made.cast.prescriber, subject=made.cast.b, action="recorded facts",
            item_kind="medical", why="maoi, opioids_or_depressant",
        )  # fmt: skip
    log = client_for(made.cast.b).get("/access").content.decode()
    assert "opioids_or_depressant" not in log
    assert "MAO inhibitor, Opioids, other depressants" in log


# ------------------------------------------------------------------------------------------------------ steps


def test_a_step_shows_its_gates_and_says_what_is_wanting(made: Desk) -> None:
    made.facts(made.cast.b)
    text = look(made)
    assert "Met: </span>The medical work-up has no open finding" in text
    assert "Laboratory values and ECG were reviewed" in text
    taken = course(made).steps_taken
    asked = {"kind": "advance", "to": "joint_decision", "steps_seen": taken}
    status, text = post(made, "step", **asked, attested=["psychiatric_evaluation_recorded"])
    assert status == 422
    assert "Not yet:" in text
    assert re.search(r'value="psychiatric_evaluation_recorded" checked', text)
    dana = made.cast.couples_therapist
    assert 'name="words"' not in text
    assert 'value="couple_assessment_recorded"' not in text
    said = {"words": "They hold each other; nothing speaks against it.", "steps_seen": taken}
    assert "Record the assessment" in look(made, dana)
    status, refused = post(made, "assess", dana, **{**said, "words": "Fine."})
    assert status == 422
    assert "in a sentence or two: at least 20 characters" in refused
    assert post(made, "assess", **said)[0] == 422  # the prescriber's it is not
    assert post(made, "assess", dana, **said)[0] == 302
    assert said["words"] in look(made)
    taken = asked["steps_seen"] = course(made).steps_taken
    every = ["psychiatric_evaluation_recorded", "laboratory_reviewed"]
    assert post(made, "step", **asked, attested=every)[0] == 302
    assert post(made, "step", **asked, attested=every)[0] == 409
    assert course(made).phase == "joint_decision"


def test_a_hold_keeps_its_typed_reason_when_refused_and_apart_when_kept(made: Desk) -> None:
    nurse, taken = made.cast.nurse, course(made).steps_taken
    status, text = post(
        made, "step", nurse, kind="hold", to="evaluation", steps_seen=taken + 5, why="Chest pain & fear."
    )
    assert status == 409
    assert "Chest pain &amp; fear." in text
    assert (
        post(made, "step", nurse, kind="hold", to="evaluation", steps_seen=taken, why="Chest pain.")[0] == 302
    )
    assert "Chest pain." in look(made)
    assert "Chest pain." not in look(made, made.cast.couples_therapist)
    with door.opened(made.cast.prescriber.id):
        assert HoldReason.objects.count() == 1
    assert (
        post(made, "step", kind="resume", to="evaluation", steps_seen=taken + 1, why="Seen, and well.")[0]
        == 302
    )


@pytest.mark.parametrize(
    "asked", [{"kind": "fly"}, {"kind": "advance", "to": "moon"}, {"kind": "advance", "to": "ended"}]
)
def test_there_are_no_other_steps(made: Desk, asked: dict[str, str]) -> None:
    assert post(made, "step", **asked, steps_seen=course(made).steps_taken)[0] == 422
    with door.opened(made.cast.prescriber.id):
        assert Step.objects.count() == 1


def test_an_unknown_request_is_a_page_not_found(made: Desk) -> None:
    assert post(made, "erase")[0] == 404


# --------------------------------------------------------------------------------------------------- decision


@pytest.fixture
def deciding() -> Desk:
    made = desk()
    made.course(made.cast.b, phase="joint_decision")
    made.facts(made.cast.b)
    made.credentials()
    return made


SUMMARY = "We propose three infusions, because two medicines did not help."


def test_the_three_sign_from_their_own_pages(deciding: Desk) -> None:
    cast, made = deciding.cast, deciding
    asked = {"route": "iv", "summary": SUMMARY, "request_id": str(uuid4())}
    for _ in range(2):
        assert post(made, "decision", **asked)[0] == 302
    with door.opened(cast.prescriber.id):
        row = JointDecision.objects.get()
    signing = {"decision": str(row.id), "verdict": "proceed", "words": "", "signed_name": "Dr Helen"}
    assert post(made, "sign", **signing)[0] == 302
    assert post(made, "sign", cast.couples_therapist, **{**signing, "signed_name": "Dana W."})[0] == 302
    text = look(made)
    assert "Dr Helen" in text
    assert "On file when signing: couples, ketamine, licence." in text
    assert "Signs last" in text
    with door.opened(cast.b.id):
        decision_actions.sign_decision(
            by=cast.b, decision_id=row.id, verdict="proceed", words="", signed_name="Ben"
        )  # type: ignore[arg-type]
    assert "All three have signed to go on" in look(made)
    assert course(made).route == "iv"


def test_what_lacks_on_file_is_told_before_the_signature(deciding: Desk) -> None:
    cast = deciding.cast
    post(deciding, "decision", route="iv", summary=SUMMARY, request_id=str(uuid4()))
    for who in (cast.prescriber, cast.couples_therapist):
        assert "must be on file" not in look(deciding, who)
    with loading():
        one = Credential.objects.filter(person=cast.couples_therapist, kind="ketamine")
        one.update(expires_on=timezone.localdate() - timedelta(days=1))
    assert "must be on file" not in look(deciding)
    assert "must be on file for you and valid: <b>ketamine-assisted therapy</b>" in look(
        deciding, cast.couples_therapist
    )


def test_a_route_without_its_text_says_so_when_it_is_chosen_and_when_it_is_signed(deciding: Desk) -> None:
    said, stands = "(its text to sign is not published yet)", "until the clinic lead publishes it"
    assert look(deciding).count(said) == 4
    with loading():
        ConsentText.objects.create(
            clinic=deciding.cast.clinic, kind="treatment", code="iv", title="T", body="B", sha256="x"
        )
    assert look(deciding).count(said) == 3
    post(deciding, "decision", route="sl", summary=SUMMARY, request_id=str(uuid4()))
    assert stands in look(deciding) and stands in look(deciding, deciding.cast.couples_therapist)
    with loading():
        JointDecision.objects.update(route="iv")
    assert stands not in look(deciding)


def test_not_yet_needs_words_and_keeps_what_was_typed(deciding: Desk) -> None:
    post(deciding, "decision", route="iv", summary=SUMMARY, request_id=str(uuid4()))
    with door.opened(deciding.cast.prescriber.id):
        row = JointDecision.objects.get()
    signing = {"decision": str(row.id), "verdict": "defer", "words": "", "signed_name": "Dr Helen"}
    status, text = post(deciding, "sign", **signing)
    assert status == 422
    assert "what must change" in text
    assert 'value="Dr Helen"' in text
    assert post(deciding, "sign", **{**signing, "words": "After two more weeks."})[0] == 302
    assert "After two more weeks." in look(deciding)
    assert "Put a new question" in look(deciding)


def test_while_something_holds_going_on_cannot_be_chosen_and_the_reason_stands_there(told: Desk) -> None:
    post(told, "decision", route="iv", summary=SUMMARY, request_id=str(uuid4()))
    text = look(told)
    assert re.search(r'value="proceed" disabled', text)
    with door.opened(told.cast.prescriber.id):
        row = JointDecision.objects.get()
    status, text = post(
        told, "sign", decision=str(row.id), verdict="proceed", words="", signed_name="Dr Helen"
    )
    assert status == 422
    with door.opened(told.cast.prescriber.id):
        assert not DecisionSignature.objects.exists()


def test_the_nurse_and_the_individual_therapist_see_the_decision_and_sign_nothing(deciding: Desk) -> None:
    post(deciding, "decision", route="iv", summary=SUMMARY, request_id=str(uuid4()))
    for who in (deciding.cast.nurse, deciding.cast.therapist_b, deciding.cast.lead):
        text = look(deciding, who)
        assert SUMMARY in text
        assert "Your own word" not in text


# ----------------------------------------------------------------------------------------------------- dosing


@pytest.fixture
def ready() -> Desk:
    made = desk()
    made.course(made.cast.b, phase="preparation", route="iv")
    made.facts(made.cast.b)
    return made


ORDER = {
    "dose_mg": "35",
    "weight_kg": "70",
    "minutes": "40",
    "product": "Ketamine",
    "concentration_mg_per_ml": "50",
    "antiemetic": "Ondansetron 4 mg",
}


def test_a_dose_is_checked_with_its_working_before_anything_is_signed(ready: Desk) -> None:
    status, text = post(ready, "order", **ORDER, act="check", request_id=str(uuid4()))
    assert status == 200
    assert "Dose by weight 0.5 mg/kg is inside 0.1 to 0.75 mg/kg" in text
    assert "35 mg ÷ 50 mg/mL = 0.70 mL" in text
    assert 'value="Ondansetron 4 mg"' in text
    with door.opened(ready.cast.prescriber.id):
        assert not Order.objects.exists()


def test_a_bag_is_checked_with_its_working_and_signed_with_the_order(ready: Desk) -> None:
    given = ORDER | {"bag_ml": "100"}
    _, text = post(ready, "order", **given, act="check", request_id=str(uuid4()))
    assert "35 mg ÷ 100 mL = 0.35 mg/mL; 100 mL × 60 ÷ 40 min = 150 mL/h" in text
    assert post(ready, "order", **given | {"minutes": ""}, act="sign", request_id=str(uuid4()))[0] == 422
    assert post(ready, "order", **given, act="sign", request_id=str(uuid4()))[0] == 302
    with door.opened(ready.cast.prescriber.id):
        assert Order.objects.get().bag_ml == 100


@pytest.mark.parametrize(
    ("route", "asked"),
    [
        ("iv", {"minutes", "bag_ml", "concentration_mg_per_ml"}),
        ("im", {"concentration_mg_per_ml"}),
        ("sl", set()),
        ("in", set()),
    ],
)
def test_an_order_is_asked_only_for_what_its_route_has(route: str, asked: set[str]) -> None:
    made = desk()
    made.course(made.cast.b, phase="preparation", route=route)
    page = look(made)
    assert 'name="product"' in page
    shown = {
        name for name in ("minutes", "bag_ml", "concentration_mg_per_ml") if f'id="id_order_{name}"' in page
    }
    assert shown == asked


def test_an_order_by_a_needle_is_signed_without_minutes_and_one_written_for_an_infusion_is_not() -> None:
    made = desk()
    made.course(made.cast.b, phase="preparation", route="im")
    made.facts(made.cast.b)
    given = {**ORDER, "act": "sign", "request_id": str(uuid4())}
    status, text = post(made, "order", **given)
    assert (status, "written for another route" in text) == (422, True)
    assert post(made, "order", **{**given, "minutes": ""})[0] == 302
    with door.opened(made.cast.prescriber.id):
        row = Order.objects.get()
    assert (row.route, row.minutes, row.bag_ml, row.concentration_mg_per_ml) == ("im", None, None, 50)


def test_who_prescribes_alone_reads_under_the_check_what_can_be_done(ready: Desk) -> None:
    _, text = post(ready, "order", **{**ORDER, "dose_mg": "70"}, act="check", request_id=str(uuid4()))
    assert "If nobody else prescribes here" in text


def test_an_order_is_signed_once(ready: Desk) -> None:
    given = {**ORDER, "act": "sign", "request_id": str(uuid4())}
    for _ in range(2):
        assert post(ready, "order", **given)[0] == 302
    with door.opened(ready.cast.prescriber.id):
        row = Order.objects.get()
        assert (row.dose_mg, row.route) == (Decimal(35), "iv")
    assert "35 mg IV over 40 min" in look(ready)


def test_outside_the_range_it_needs_a_reason_and_another_persons_signature(ready: Desk) -> None:
    cast = ready.cast
    given = {**ORDER, "dose_mg": "70", "act": "sign", "request_id": str(uuid4())}
    status, text = post(ready, "order", **given)
    assert status == 422
    assert "outside 0.1 to 0.75 mg/kg" in text
    assert "second prescriber&#x27;s signature" in text
    reason = {"out_of_range_reason": "Tolerated before at this dose."}
    assert post(ready, "order", **given, **reason)[0] == 422
    with loading():
        User.objects.update(password=make_password("correct-horse-battery"))

    def signed(who: Person, password: str = "correct-horse-battery") -> tuple[int, str]:
        return post(
            ready, "order", **given, **reason, second_email=f"{who.id}@example.org", second_password=password
        )

    status, text = signed(cast.stranger_prescriber, "wrong")
    assert status == 422
    assert "do not belong together" in text
    assert "Tolerated before at this dose." in text
    assert 'value="wrong"' not in text
    for other in (cast.prescriber, cast.nurse):
        assert signed(other)[0] == 422, "another prescriber, and nobody else"
    assert signed(cast.stranger_prescriber)[0] == 302
    assert "second signature Hugo" in look(ready)


def test_another_dose_under_the_same_form_is_not_taken_for_signed(ready: Desk) -> None:
    key = str(uuid4())
    assert post(ready, "order", **ORDER, act="sign", request_id=key)[0] == 302
    status, text = post(ready, "order", **ORDER | {"dose_mg": "14"}, act="sign", request_id=key)
    assert status == 409
    assert "sent a moment ago with other words" in text
    assert f'name="request_id" value="{key}"' not in text
    with door.opened(ready.cast.prescriber.id):
        assert Order.objects.get().dose_mg == 35


def test_a_signed_order_is_withdrawn_with_a_reason_once_and_nothing_comes_in_its_place(ready: Desk) -> None:
    for dose in ("30", "35"):
        assert (
            post(ready, "order", **ORDER | {"dose_mg": dose}, act="sign", request_id=str(uuid4()))[0] == 302
        )
    with door.opened(ready.cast.prescriber.id):
        newest = Order.objects.get(dose_mg=35)
    text = look(ready)
    assert text.count("Waits to be given") == text.count("Withdraw this order") == 1
    assert text.count("Replaced, not given") == 1
    assert "Withdraw this order" not in look(ready, ready.cast.nurse)
    given = {"order_id": str(newest.id), "reason": "Signed for somebody else."}
    assert post(ready, "withdraw", ready.cast.nurse, **given)[0] == 422
    status, text = post(ready, "withdraw", **given | {"reason": " "})
    assert status == 422
    assert "Say why the order is withdrawn" in text
    for _ in range(2):
        assert post(ready, "withdraw", **given)[0] == 302
    text = look(ready, ready.cast.nurse)
    assert "<b>Withdrawn</b>: Signed for somebody else." in text
    assert "Waits to be given" not in text, "the older one was replaced for good"
    with door.opened(ready.cast.prescriber.id):
        assert OrderWithdrawn.objects.get().author_id == ready.cast.prescriber.id
    with loading():
        assert AuditEntry.objects.filter(action="withdrew an order", item_id=newest.id).count() == 1


def test_only_the_prescriber_orders_and_plans(ready: Desk) -> None:
    nurse = ready.cast.nurse
    assert "Sign an order" not in look(ready, nurse)
    assert post(ready, "order", nurse, **ORDER, act="sign", request_id=str(uuid4()))[0] == 422
    assert post(ready, "series", nurse, sessions=6)[0] == 422
    assert post(ready, "series", sessions=6)[0] == 302
    assert post(ready, "series", sessions=40)[0] == 422
    assert "6 sessions in this block" in look(ready)


def test_scheduling_too_close_is_said_at_once_and_holds_nothing_up(ready: Desk) -> None:
    nurse = client_for(ready.cast.nurse)
    for hours, is_told in ((48, False), (72, True), (120, False)):
        given = {"do": "schedule", "at": clock(hours), "room": "", "request_id": str(uuid4())}
        page = nurse.post(path(ready), given, follow=True).content.decode()
        assert "Scheduled." in page
        assert ("1 day after the session of" in page and "the protocol asks for 2 days." in page) is is_told
    with door.opened(ready.cast.nurse.id):
        assert DosingSession.objects.count() == 3


def test_a_session_is_scheduled_once_and_cancelled(ready: Desk) -> None:
    with loading():
        room = Room.objects.create(clinic=ready.cast.clinic, name="Room 1")
    given = {"at": clock(48), "room": str(room.id), "request_id": str(uuid4())}
    for _ in range(2):
        assert post(ready, "schedule", ready.cast.nurse, **given)[0] == 302
    with door.opened(ready.cast.nurse.id):
        session = DosingSession.objects.get()
    assert "Room 1" in look(ready)
    assert re.search(r"<summary>Cancel<.*cannot be put back.*>Cancel it</button>", look(ready)), (
        "it asks first"
    )
    assert post(ready, "schedule", at=clock(-48), request_id=str(uuid4()))[0] == 422
    assert (
        post(ready, "schedule", ready.cast.couples_therapist, **{**given, "request_id": str(uuid4())})[0]
        == 422
    )
    at = f"{path(ready)}/sessions/{session.id}/cancel"
    assert client_for(ready.cast.couples_therapist).post(at).status_code == 404
    for _ in range(2):
        assert client_for(ready.cast.nurse).post(at).status_code == 302
    with door.opened(ready.cast.nurse.id):
        assert DosingSession.objects.get().outcome == "cancelled"


def test_what_was_cancelled_leaves_no_number_to_two(ready: Desk) -> None:
    for hours in (24, 48, 72):
        assert post(ready, "schedule", at=clock(hours), request_id=str(uuid4()))[0] == 302
    with door.opened(ready.cast.nurse.id):
        second = DosingSession.objects.get(subject=ready.cast.b, number=2)
    client_for(ready.cast.nurse).post(f"{path(ready)}/sessions/{second.id}/cancel")
    assert post(ready, "schedule", at=clock(96), request_id=str(uuid4()))[0] == 302
    with door.opened(ready.cast.nurse.id):
        standing = DosingSession.objects.filter(subject=ready.cast.b).exclude(outcome="cancelled")
        assert sorted(standing.values_list("number", flat=True)) == [1, 3, 4]


def test_before_the_joint_decision_the_page_says_that_it_comes_first(ready: Desk) -> None:
    with loading():
        Course.objects.filter(subject=ready.cast.b).update(phase="evaluation")
    text = look(ready)
    assert "The joint decision comes first" in text and "Schedule it" not in text
    status, text = post(ready, "schedule", ready.cast.nurse, at=clock(48), request_id=str(uuid4()))
    assert status == 422
    assert "The joint decision comes first" in text and clock(48)[:10] in text
    with loading():
        assert not DosingSession.objects.filter(subject=ready.cast.b).exists()


def test_what_is_arranged_is_kept_once(ready: Desk) -> None:
    given = {
        "escort_name": "Kim",
        "fasting_explained": "on",
        "antiemetic_plan": "Ondansetron",
        "escort_phone": "",
        "note": "",
    }
    for _ in range(2):
        assert post(ready, "prepare", ready.cast.therapist_b, **given)[0] == 302
    with door.opened(ready.cast.nurse.id):
        assert Preparation.objects.count() == 1
    assert "Kim" in look(ready, ready.cast.nurse)
    assert "Kim" not in look(ready, ready.cast.couples_therapist)
    assert post(ready, "prepare", ready.cast.couples_therapist, **given)[0] == 422


# --------------------------------------------------------------------------------------------------- measures


def test_measures_show_the_last_total_and_what_changed_as_released(told: Desk) -> None:
    text = look(told)
    assert "GAD-7" in text
    assert "15 to 7" in text
    assert "Reliably improved" in text
    with loading():
        from bothwell.models import Consent

        Consent.objects.all().update(withdrawn_at=timezone.now())
    assert "15 to 7" not in look(told, told.cast.couples_therapist)


def test_the_page_costs_the_same_however_much_is_on_record(told: Desk) -> None:
    def cost() -> int:
        look(told)
        with CaptureQueriesContext(connection) as asked:
            look(told)
        return len(asked)

    before = cost()
    told.facts(told.cast.b)
    told.facts(told.cast.b, arrhythmia=True)
    told.answers(told.cast.b, "phq-9", (10, 9, 8, 7))
    made = course(told)
    for days in (10, 14, 18):
        told.dose(told.cast.b, made, days, days)
    assert cost() == before
