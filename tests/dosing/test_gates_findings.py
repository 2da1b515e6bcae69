"""Before a dose: what the work-up found since the clearance, and answers of today that no second answer takes back."""

from datetime import datetime, timedelta
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from bothwell.dosing import checklist_actions, gate_actions, giving_actions, visit_actions
from bothwell.dosing.gates import Gate, GateResult
from bothwell.instruments import safety_actions
from bothwell.models import (
    Assignment,
    DosingSession,
    GateCheck,
    MedicalFact,
    Person,
    Resolution,
    SafetyFlag,
    StaffRole,
)
from bothwell.pathway import workup_actions
from bothwell.privacy import door
from bothwell.refusal import Refused
from tests.cast import client_for, make_cast
from tests.conftest import loading
from tests.dosing.ready import Ready, answer_all, calm, make_ready

pytestmark = pytest.mark.django_db


@pytest.fixture
def ready() -> Ready:
    made = make_ready(make_cast())
    with door.opened(made.cast.nurse.id):
        visit_actions.arrive(by=made.cast.nurse, session_id=made.session.id, room=made.room)
        answer_all(made)
    return made


def found(ready: Ready, code: str, value: bool | None, *, hours_ago: float = 0) -> MedicalFact:
    with door.opened(ready.cast.prescriber.id):
        (row,) = workup_actions.record_facts(
            by=ready.cast.prescriber, subject=ready.cast.a, values={code: value}, source="imaging",
            observed_at=timezone.now() - timedelta(hours=hours_ago),
        )  # fmt: skip
    return row


def decided(ready: Ready, code: str) -> Resolution:
    with door.opened(ready.cast.prescriber.id):
        return workup_actions.resolve(
            by=ready.cast.prescriber,
            course=ready.course,
            finding=code,
            reason="Cardiology saw the ECG: benign.",
        )


def gate(ready: Ready, name: Gate, at: datetime | None = None) -> GateResult:
    with door.opened(ready.cast.nurse.id):
        session = DosingSession.objects.select_related("course__protocol", "clinic").get(id=ready.session.id)
        results = gate_actions.gates_of(session, calm(), timezone.now(), at)
    return next(one for one in results if one.name is name)


def said(ready: Ready, who: str, name: str, value: object) -> None:
    by = getattr(ready.cast, who)
    with door.opened(by.id):
        checklist_actions.check(by=by, session_id=ready.session.id, name=name, value=value)


# ── what the work-up found ────────────────────────────────────────────────────────────────────────────────


def test_a_contraindication_recorded_after_the_clearance_holds_the_dose(ready: Ready) -> None:
    assert gate(ready, Gate.FINDINGS).passed
    found(ready, "aneurysm_or_avm", True)
    with door.opened(ready.cast.nurse.id), pytest.raises(Refused, match="Aneurysm, AV malformation"):
        giving_actions.start(
            by=ready.cast.nurse, session_id=ready.session.id, pressures=calm(), saturation_at=timezone.now(),
            request_id=uuid4(), order_id=ready.order.id,
        )  # fmt: skip
    page = client_for(ready.cast.nurse).get(f"/room/{ready.session.id}")
    assert "findings" in page.context["missing"]
    assert "No reason clears this: Aneurysm, AV malformation." in page.content.decode()


def test_a_finding_that_holds_does_so_until_the_prescriber_decided_it_and_newer_evidence_asks_anew(
    ready: Ready,
) -> None:
    found(ready, "arrhythmia", True)
    held = gate(ready, Gate.FINDINGS)
    assert not held.passed
    assert held.reason == (
        "The work-up holds the dose: Arrhythmia. The prescriber decides it in the work-up."
    )
    decided(ready, "arrhythmia")
    assert gate(ready, Gate.FINDINGS).passed
    found(ready, "arrhythmia", True)
    assert not gate(ready, Gate.FINDINGS).passed


def grows_old(ready: Ready, code: str, days: int = 400) -> None:
    """Everything on record of this fact, and what was decided of it, was so many days earlier."""
    with loading():
        for row in MedicalFact.objects.filter(code=code):
            MedicalFact.objects.filter(id=row.id).update(
                observed_at=row.observed_at - timedelta(days=days),
                recorded_at=row.recorded_at - timedelta(days=days),
            )
        Resolution.objects.update(recorded_at=timezone.now() - timedelta(days=days))


def test_a_hold_whose_evidence_grew_old_holds_on_until_it_is_decided_or_asked_again(ready: Ready) -> None:
    found(ready, "arrhythmia", True)
    grows_old(ready, "arrhythmia")
    assert "Arrhythmia" in gate(ready, Gate.FINDINGS).reason
    with door.opened(ready.cast.prescriber.id):
        held = next(one for one in workup_actions.findings_of(ready.course) if one.code == "arrhythmia")
        assert (held.kind, held.is_old) == ("hold", True)
        assert "older than" in held.reason
    decided(ready, "arrhythmia")
    assert gate(ready, Gate.FINDINGS).passed
    with door.opened(ready.cast.prescriber.id):
        assert "Arrhythmia" in workup_actions.may_clear(ready.course).reason, "a clearance asks for it anew"
    found(ready, "arrhythmia", False)
    assert gate(ready, Gate.FINDINGS).passed


def test_that_nobody_knows_now_takes_back_no_hold(ready: Ready) -> None:
    found(ready, "arrhythmia", True, hours_ago=2)
    found(ready, "arrhythmia", None)
    assert "Arrhythmia" in gate(ready, Gate.FINDINGS).reason
    found(ready, "arrhythmia", False)
    assert gate(ready, Gate.FINDINGS).passed


def test_what_was_seen_before_a_decision_and_recorded_after_it_asks_anew(ready: Ready) -> None:
    wrong = found(ready, "arrhythmia", True, hours_ago=5)
    decided(ready, "arrhythmia")
    assert gate(ready, Gate.FINDINGS).passed
    found(ready, "arrhythmia", True, hours_ago=30)
    assert not gate(ready, Gate.FINDINGS).passed
    decided(ready, "arrhythmia")
    assert gate(ready, Gate.FINDINGS).passed
    with door.opened(ready.cast.prescriber.id):
        workup_actions.correct_fact(
            by=ready.cast.prescriber, fact_id=wrong.id, value=True, reason="Another kind than was written."
        )
    assert not gate(ready, Gate.FINDINGS).passed


def test_what_is_missing_too_old_or_a_caution_is_left_to_the_work_up(ready: Ready) -> None:
    found(ready, "maoi", True)
    found(ready, "psychosis_or_mania", False, hours_ago=24 * 400)
    assert gate(ready, Gate.FINDINGS).passed


def test_the_work_up_is_weighed_as_it_stood_at_the_time_of_the_dose(ready: Ready) -> None:
    began = timezone.now()
    found(ready, "arrhythmia", True, hours_ago=2)
    found_at = timezone.now()
    assert gate(ready, Gate.FINDINGS, began).passed, "recorded only after it"
    decided(ready, "arrhythmia")
    assert not gate(ready, Gate.FINDINGS, found_at).passed, "decided only after it"
    wrong = found(ready, "psychosis_or_mania", True)
    stood_at = timezone.now()
    with door.opened(ready.cast.prescriber.id):
        workup_actions.correct_fact(
            by=ready.cast.prescriber, fact_id=wrong.id, value=False, reason="Another person's sheet."
        )
    assert gate(ready, Gate.FINDINGS).passed
    assert "Psychosis, mania" in gate(ready, Gate.FINDINGS, stood_at).reason, "corrected only after it"


def test_more_findings_ask_the_database_no_more_often(ready: Ready) -> None:
    def asked() -> int:
        with CaptureQueriesContext(connection) as queries:
            assert not gate(ready, Gate.FINDINGS).passed
        return len(queries)

    found(ready, "arrhythmia", True)
    few = asked()
    for code in ("psychosis_or_mania", "uncontrolled_hypertension", "severe_hepatic_impairment"):
        found(ready, code, True)
    decided(ready, "arrhythmia")
    assert asked() == few


# ── pregnancy ─────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("result", ["positive", "refused"])
def test_a_test_of_today_counts_although_the_work_up_says_not_possible(ready: Ready, result: str) -> None:
    assert gate(ready, Gate.PREGNANCY).passed
    said(ready, "nurse", "pregnancy", {"result": result})
    shut = gate(ready, Gate.PREGNANCY)
    assert not shut.passed
    assert f"The pregnancy test was {result}." in shut.reason


def test_a_recorded_pregnancy_counts_although_the_work_up_says_not_possible(ready: Ready) -> None:
    found(ready, "pregnant", True, hours_ago=24 * 30)
    assert not gate(ready, Gate.PREGNANCY).passed
    said(ready, "nurse", "pregnancy", {"result": "negative"})
    assert not gate(ready, Gate.PREGNANCY).passed
    said(ready, "prescriber", "pregnancy", {"result": "negative"})
    assert gate(ready, Gate.PREGNANCY).passed


def test_after_a_positive_test_another_negative_of_the_same_nurse_opens_nothing(ready: Ready) -> None:
    for result in ("positive", "negative", "negative"):
        said(ready, "nurse", "pregnancy", {"result": result})
        shut = gate(ready, Gate.PREGNANCY)
        assert not shut.passed
    assert "a second person sees a second negative test" in shut.reason
    colleague = another_nurse(ready)
    with door.opened(colleague.id):
        checklist_actions.check(
            by=colleague, session_id=ready.session.id, name="pregnancy", value={"result": "negative"}
        )
    assert gate(ready, Gate.PREGNANCY).passed


def test_a_positive_test_recorded_after_a_negative_one_counts_although_it_was_seen_before(
    ready: Ready,
) -> None:
    said(ready, "nurse", "pregnancy", {"result": "negative"})
    assert gate(ready, Gate.PREGNANCY).passed
    found(ready, "pregnant", True, hours_ago=20)
    assert not gate(ready, Gate.PREGNANCY).passed


def another_nurse(ready: Ready) -> Person:
    with loading():
        who = Person.objects.create(clinic=ready.cast.clinic, kind="staff", name_used="Nurse 2")
        about = {"clinic": ready.cast.clinic, "since": timezone.now() - timedelta(days=9)}
        StaffRole.objects.create(**about, person=who, role="nurse")
        Assignment.objects.create(**about, staff=who, role="nurse", subject=ready.cast.a)
    return who


# ── what no second answer takes back ──────────────────────────────────────────────────────────────────────


def test_after_a_yes_about_suicide_at_the_bed_only_the_prescribers_no_opens_the_gate(ready: Ready) -> None:
    said(ready, "nurse", "suicide_rescreened", {"risk": True})
    assert not gate(ready, Gate.SUICIDE_RESCREENED).passed
    said(ready, "nurse", "suicide_rescreened", {"risk": False})
    shut = gate(ready, Gate.SUICIDE_RESCREENED)
    assert not shut.passed
    assert "Acknowledge it; then the prescriber asks again" in shut.reason
    said(ready, "prescriber", "suicide_rescreened", {"risk": False})
    assert not gate(ready, Gate.SUICIDE_RESCREENED).passed, "nobody has taken up the task"
    task_of(ready)
    assert gate(ready, Gate.SUICIDE_RESCREENED).passed
    said(ready, "nurse", "suicide_rescreened", {"risk": True})
    said(ready, "nurse", "suicide_rescreened", {"risk": False})
    assert not gate(ready, Gate.SUICIDE_RESCREENED).passed, "a new Yes asks for a new answer"


def task_of(ready: Ready, *, is_closed: bool = False) -> None:
    """The newest safety task is acknowledged by the prescriber, and closed."""
    prescriber = ready.cast.prescriber
    with door.opened(prescriber.id):
        flag = SafetyFlag.objects.order_by("recorded_at").last()
        assert flag
        safety_actions.acknowledge(by=prescriber, flag_id=flag.id, plan="I see her now.")
        if is_closed:
            safety_actions.close(by=prescriber, flag_id=flag.id, reason="Seen; no intent, plan made.")


@pytest.mark.parametrize("who", ["nurse", "prescriber"])
def test_a_yes_at_the_bed_raises_the_task_of_a_positive_answer_once(ready: Ready, who: str) -> None:
    by, key = getattr(ready.cast, who), uuid4()
    with door.opened(by.id):
        for _ in range(2):
            checklist_actions.check(
                by=by,
                session_id=ready.session.id,
                name="suicide_rescreened",
                value={"risk": True},
                request_id=key,
            )
    for owner in ("prescriber", "therapist_a", "nurse"):
        with door.opened(getattr(ready.cast, owner).id):
            (flag,) = SafetyFlag.objects.all()
            assert (flag.subject_id, flag.author_id, flag.is_acute) == (ready.cast.a.id, by.id, False)
            assert flag.what == "Told at the bed, before a dose: thoughts of not living"
    for other in ("a", "b", "couples_therapist", "therapist_b", "lead", "coordinator"):
        with door.opened(getattr(ready.cast, other).id):
            assert not SafetyFlag.objects.exists()
    said(ready, "nurse", "suicide_rescreened", {"risk": True})
    with loading():
        assert SafetyFlag.objects.count() == 2, "a second Yes is a second answer"


def test_a_yes_whose_task_cannot_be_raised_is_not_kept_either(
    ready: Ready, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(**_: object) -> None:
        raise Refused("No.")

    monkeypatch.setattr(safety_actions, "raise_told", fails)
    with pytest.raises(Refused):
        said(ready, "nurse", "suicide_rescreened", {"risk": True})
    with loading():
        assert not GateCheck.objects.filter(value={"risk": True}).exists()


def test_the_prescribers_own_yes_is_not_taken_back_by_a_nurse(ready: Ready) -> None:
    for who, risk in (("prescriber", False), ("prescriber", True), ("nurse", False)):
        said(ready, who, "suicide_rescreened", {"risk": risk})
    assert not gate(ready, Gate.SUICIDE_RESCREENED).passed


def test_yesterdays_yes_is_not_of_today(ready: Ready) -> None:
    said(ready, "nurse", "suicide_rescreened", {"risk": True})
    task_of(ready, is_closed=True)
    with loading():
        GateCheck.objects.filter(value={"risk": True}).update(recorded_at=timezone.now() - timedelta(days=1))
    said(ready, "nurse", "suicide_rescreened", {"risk": False})
    assert gate(ready, Gate.SUICIDE_RESCREENED).passed


def test_after_changed_medicines_only_the_prescriber_who_has_seen_it_opens_the_gate(ready: Ready) -> None:
    said(ready, "nurse", "medications", {"changed": True, "what": "Moclobemide begun"})
    for who in ("nurse", "prescriber"):
        said(ready, who, "medications", {"changed": False, "what": ""})
        shut = gate(ready, Gate.MEDICATIONS_CHANGED)
        assert not shut.passed
        assert "The prescriber answers now" in shut.reason
    said(ready, "prescriber", "medications_seen", True)
    assert gate(ready, Gate.MEDICATIONS_CHANGED).passed
    said(ready, "nurse", "medications", {"changed": True, "what": "Lithium begun"})
    said(ready, "prescriber", "medications", {"changed": True, "what": "Sertraline stopped"})
    assert not gate(ready, Gate.MEDICATIONS_CHANGED).passed, "of the lithium nobody has said that it was seen"


def test_a_change_that_the_prescriber_told_has_been_seen(ready: Ready) -> None:
    said(ready, "prescriber", "medications", {"changed": True, "what": "Sertraline stopped"})
    assert gate(ready, Gate.MEDICATIONS_CHANGED).passed


def test_a_yes_in_a_session_turned_back_holds_another_one_on_the_same_day(ready: Ready) -> None:
    said(ready, "nurse", "suicide_rescreened", {"risk": True})
    said(ready, "nurse", "medications", {"changed": True, "what": "Moclobemide begun"})
    now = timezone.now()
    with loading():
        DosingSession.objects.filter(id=ready.session.id).update(ended_at=now, outcome="turned_back")
        again = DosingSession.objects.create(
            clinic=ready.cast.clinic, subject=ready.cast.a, couple=ready.cast.couple, author=ready.cast.nurse,
            course=ready.course, number=2, scheduled_at=now, arrived_at=now, room=ready.room,
        )  # fmt: skip
    ready.session = again
    with door.opened(ready.cast.nurse.id):
        answer_all(ready)
    for name in (Gate.SUICIDE_RESCREENED, Gate.MEDICATIONS_CHANGED):
        assert not gate(ready, name).passed


def test_the_room_says_whom_to_call_and_offers_the_answer_to_the_prescriber_alone(ready: Ready) -> None:
    for name, yes, no in (
        ("suicide_rescreened", {"risk": True}, {"risk": False}),
        ("medications", {"changed": True, "what": "Moclobemide begun"}, {"changed": False, "what": ""}),
    ):
        said(ready, "nurse", name, yes)
        said(ready, "nurse", name, no)

    def rows(who: str) -> dict[Gate, object]:
        page = client_for(getattr(ready.cast, who)).get(f"/room/{ready.session.id}")
        return {row.result.name: row for row in page.context["gates"]}

    seen, decides = rows("nurse"), rows("prescriber")
    asked, medicines = seen[Gate.SUICIDE_RESCREENED], seen[Gate.MEDICATIONS_CHANGED]
    assert (asked.elsewhere, asked.is_task, asked.decision) == ("To call: Helen.", True, None)  # type: ignore[attr-defined]
    assert (medicines.value, medicines.decision) == ("Moclobemide begun.", None)  # type: ignore[attr-defined]
    offered = [
        decides[name].decision.check  # type: ignore[attr-defined]
        for name in (Gate.SUICIDE_RESCREENED, Gate.MEDICATIONS_CHANGED)
    ]
    assert offered == ["suicide_rescreened", "medications_seen"]
