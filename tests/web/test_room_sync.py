"""Entries handed in later: kept once, with their own times, refused in words, and open to those who may chart."""

from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
from django.test import Client
from django.utils import timezone

from bothwell.models import (
    Administration,
    AdverseEvent,
    Alarm,
    AlarmEvent,
    AuditEntry,
    DosingSession,
    Note,
    Sample,
)
from bothwell.monitoring import adverse as terms
from bothwell.privacy import door
from bothwell.web import room_sync
from tests.cast import client_for, make_cast
from tests.conftest import loading
from tests.dosing.ready import Ready, make_ready, started_ago

pytestmark = pytest.mark.django_db


@pytest.fixture
def ready() -> Ready:
    made = make_ready(make_cast())
    started_ago(made, 20)
    return made


@pytest.fixture
def nurse(ready: Ready) -> Client:
    return client_for(ready.cast.nurse)


def entry(
    ready: Ready, end: str, minutes_ago: float = 5, *, behind_s: float = 0, **fields: object
) -> dict[str, Any]:
    """As a tablet keeps it, its clock `behind_s` behind ours."""
    at = timezone.now() - timedelta(minutes=minutes_ago) - timedelta(seconds=behind_s)
    return {
        "request_id": str(uuid4()),
        "path": f"/room/{ready.session.id}/{end}",
        "fields": [[name, str(value)] for name, value in fields.items()],
        "made_at": at.isoformat(),
        "behind_ms": behind_s * 1000,
    }


def hand_in(client: Client, ready: Ready, *entries: dict[str, Any]) -> list[dict[str, Any]]:
    answer = client.post(
        f"/room/{ready.session.id}/sync", {"entries": list(entries)}, content_type="application/json"
    )
    assert answer.status_code == 200, answer.content
    return answer.json()["entries"]


def outcomes(said: list[dict[str, Any]]) -> list[str]:
    return [each["outcome"] for each in said]


def of_session(ready: Ready, code: str) -> list[Sample]:
    with door.opened(ready.cast.nurse.id):
        return list(Sample.objects.filter(session=ready.session, code=code).order_by("observed_at"))


def test_each_entry_is_kept_once_with_its_own_time(ready: Ready, nurse: Client) -> None:
    first = entry(ready, "enter/pressure", 9, systolic=151, diastolic=92)
    second = entry(ready, "enter/pressure", 4, systolic=144, diastolic=88)
    assert outcomes(hand_in(nurse, ready, first, second)) == ["kept", "kept"]
    assert outcomes(hand_in(nurse, ready, first, second)) == ["known", "known"]
    kept = of_session(ready, "systolic")[-2:]
    assert [int(sample.value) for sample in kept] == [151, 144]
    assert [sample.observed_at for sample in kept] == [
        datetime.fromisoformat(each["made_at"]) for each in (first, second)
    ]
    assert kept[0].detail["made_at_by_the_tablet"] == first["made_at"]


def test_a_wrong_clock_is_put_right_and_both_times_stay(ready: Ready, nurse: Client) -> None:
    slow = entry(ready, "enter/vitals", 5, behind_s=600, spo2=94)
    fast = entry(ready, "enter/vitals", 3, behind_s=-900, spo2=95)
    assert outcomes(hand_in(nurse, ready, slow, fast)) == ["kept", "kept"]
    kept = of_session(ready, "spo2")[-2:]
    assert [int(sample.value) for sample in kept] == [94, 95]
    now = timezone.now()
    for sample, minutes in zip(kept, (5, 3), strict=True):
        assert abs(now - sample.observed_at - timedelta(minutes=minutes)) < timedelta(seconds=20)
    assert kept[1].detail["made_at_by_the_tablet"] > now.isoformat()
    with loading():
        assert (
            AuditEntry.objects.filter(action__startswith="handed in", item_id=ready.session.id).count() == 2
        )


def test_a_page_cannot_say_that_something_was_made_earlier(ready: Ready, nurse: Client) -> None:
    long_ago = (timezone.now() - timedelta(hours=2)).isoformat()
    claimed = {"made_at": long_ago, "made_at_by_the_tablet": long_ago}
    posted = {"spo2": 93, "request_id": str(uuid4())} | claimed
    assert nurse.post(f"/room/{ready.session.id}/enter/vitals", posted).status_code == 302
    # Nor can a field of an entry that is handed in: at once, or later than it says.
    assert outcomes(hand_in(nurse, ready, entry(ready, "enter/vitals", 0, spo2=94, **claimed))) == ["kept"]
    later = entry(ready, "enter/vitals", 5, spo2=95, **claimed)
    assert outcomes(hand_in(nurse, ready, later)) == ["kept"]
    kept = {int(sample.value): sample for sample in of_session(ready, "spo2")}
    for value in (93, 94):
        assert timezone.now() - kept[value].observed_at < timedelta(minutes=1)
        assert kept[value].detail == {}
    assert kept[95].observed_at == datetime.fromisoformat(later["made_at"])
    with loading():
        logged = AuditEntry.objects.filter(action__startswith="handed in", item_id=ready.session.id)
        assert logged.count() == 1


def adverse(ready: Ready, **changed: object) -> dict[str, Any]:
    began = timezone.localtime(timezone.now() - timedelta(minutes=6), ZoneInfo(ready.cast.clinic.timezone))
    said = {"code": "nausea", "grade": 2, "outcome": "ongoing", "is_serious": "no"}
    return entry(ready, "events", 5, **said | {"began_at": f"{began:%Y-%m-%dT%H:%M}"} | changed)


def test_an_adverse_event_is_handed_in_once_and_a_wrong_one_is_refused_in_words(
    ready: Ready, nurse: Client
) -> None:
    first = adverse(ready)
    assert outcomes(hand_in(nurse, ready, first, first)) == ["kept", "known"]
    # Looking at readings first is for an open page: what is handed in is kept, or it is said why not.
    said = hand_in(
        nurse, ready, adverse(ready, grade=7), adverse(ready, code="hiccup"), adverse(ready, look=1)
    )
    assert outcomes(said) == ["refused", "refused", "kept"]
    assert "no such grade" in said[0]["reason"]
    assert said[1]["reason"] == "Choose what it was."
    revised = entry(ready, f"events/{uuid4()}/revise", code="nausea", grade=1)
    assert outcomes(hand_in(nurse, ready, revised)) == ["refused"]
    with door.opened(ready.cast.nurse.id):
        assert AdverseEvent.objects.filter(session=ready.session).count() == 2


def test_the_form_at_hand_asks_for_every_term_and_fills_in_no_grade(ready: Ready, nurse: Client) -> None:
    address = f"/room/{ready.session.id}/events?sheet"
    sheet = nurse.get(address).content.decode()
    for term in terms.shipped().all:
        assert f'<option value="{term.code}">' in sheet and f'data-of="{term.code}"' in sheet
    assert "checked" not in sheet
    assert client_for(ready.cast.therapist_a).get(address).status_code == 404


def test_one_that_cannot_be_kept_stops_no_other(ready: Ready, nurse: Client) -> None:
    said = hand_in(
        nurse, ready,
        entry(ready, "enter/pressure", systolic=80, diastolic=120),
        entry(ready, "medicine", substance="Ondansetron", dose_mg="four"),
        entry(ready, "correct/" + str(uuid4()), value=3, reason="typo"),
        entry(ready, "enter/note", 2, note="At ease, eyes closed."),
    )  # fmt: skip
    assert outcomes(said) == ["refused", "refused", "refused", "kept"]
    assert "ystolic" in said[0]["reason"]
    assert said[1]["reason"].startswith("Dose")
    with door.opened(ready.cast.nurse.id):
        assert Note.objects.filter(session=ready.session).count() == 1


@pytest.mark.parametrize("end", ["start", "discharge", "leave-early", "turn-back", "summary", "sync"])
def test_no_dose_is_begun_and_nobody_signed_off_later(ready: Ready, nurse: Client, end: str) -> None:
    (said,) = hand_in(nurse, ready, entry(ready, end, reason="Went home early.", signed_name="Luis"))
    assert said["outcome"] == "refused"
    with door.opened(ready.cast.nurse.id):
        assert DosingSession.objects.get(id=ready.session.id).ended_at is None


def test_another_sessions_page_is_not_reached_through_this_one(ready: Ready, nurse: Client) -> None:
    other = entry(ready, "enter/vitals", spo2=91)
    other["path"] = f"/room/{ready.partners.id}/enter/vitals"
    assert outcomes(hand_in(nurse, ready, other)) == ["refused"]


def test_the_infusion_was_held_when_it_was_held(ready: Ready, nurse: Client) -> None:
    with loading():
        Administration.objects.create(
            clinic=ready.cast.clinic, subject=ready.cast.a, couple=ready.cast.couple, author=ready.cast.nurse,
            session=ready.session, event="start", substance="Ketamine", dose_mg=34,
            at=timezone.now() - timedelta(minutes=20),
        )  # fmt: skip
    held = entry(ready, "infusion", 6, event="pause")
    again = entry(ready, "infusion", 3, event="resume")
    said = hand_in(nurse, ready, held, again)
    assert outcomes(said) == ["kept", "kept"], said
    with door.opened(ready.cast.nurse.id):
        rows = Administration.objects.filter(session=ready.session, event__in=("pause", "resume")).order_by(
            "at"
        )
        assert [row.at for row in rows] == [datetime.fromisoformat(each["made_at"]) for each in (held, again)]


def test_signed_off_meanwhile_what_was_before_counts_and_the_rest_becomes_a_note(
    ready: Ready, nurse: Client
) -> None:
    with loading():
        DosingSession.objects.filter(id=ready.session.id).update(
            ended_at=timezone.now() - timedelta(minutes=4), outcome="discharged"
        )
    before = entry(ready, "enter/vitals", 6, spo2=96)
    late = entry(ready, "enter/vitals", 1, spo2=97)
    said = hand_in(nurse, ready, before, late)
    assert outcomes(said) == ["kept", "refused"]
    told = {key: late[key] for key in ("request_id", "made_at", "behind_ms")}
    told |= {"said": "SpO₂ 97", "reason": said[1]["reason"], "why": "", "is_left_out": False}
    address = f"/room/{ready.session.id}/sync/conflict"
    assert nurse.post(address, told, content_type="application/json").json() == {"kept": True}
    assert nurse.post(address, told, content_type="application/json").json() == {"kept": True}
    otherwise = told | {"why": "Twice.", "is_left_out": True}
    for _ in range(2):
        assert nurse.post(address, otherwise, content_type="application/json").json() == {"kept": True}
    left_out = told | {"request_id": str(uuid4()), "is_left_out": True}
    assert nurse.post(address, left_out, content_type="application/json").status_code == 422
    left_out["why"] = "Entered on the wrong person."
    assert nurse.post(address, left_out, content_type="application/json").status_code == 200
    with door.opened(ready.cast.nurse.id):
        notes = [note.text for note in Note.objects.filter(session=ready.session).order_by("recorded_at")]
    assert len(notes) == 3
    assert "SpO₂ 97" in notes[0] and said[1]["reason"] in notes[0]
    assert "Left out: Twice." in notes[1], "its first answer was lost on the way: neither word is"
    assert "Entered on the wrong person." in notes[2]


@pytest.mark.parametrize("minutes_ago", [0, 5])
def test_a_medicine_of_which_the_answer_was_lost_is_handed_in_again_and_stays_one(
    ready: Ready, nurse: Client, minutes_ago: float
) -> None:
    given = {"substance": "Ondansetron", "dose_mg": "4", "route": "iv", "note": "Slowly.", "indication": "Nausea",
             "ordered_how": "verbal"}  # fmt: skip
    later = entry(ready, "medicine", minutes_ago, **given)
    page = f"/room/{ready.session.id}/medicine"
    assert nurse.post(page, given | {"request_id": later["request_id"]}).status_code == 302
    assert outcomes(hand_in(nurse, ready, later)) == ["known"]
    assert nurse.post(page, given | {"request_id": later["request_id"]}).status_code == 302
    again = entry(ready, "medicine", minutes_ago, **given)
    assert outcomes(hand_in(nurse, ready, again)) == ["kept"]
    assert nurse.post(page, given | {"request_id": again["request_id"]}).status_code == 302
    with door.opened(ready.cast.nurse.id):
        assert Administration.objects.filter(session=ready.session).count() == 2


def test_a_medicine_that_waited_since_less_was_asked_is_taken_as_it_is(ready: Ready, nurse: Client) -> None:
    for given in ({"substance": "Oxygen"}, {"substance": "Ondansetron", "dose_mg": "4", "route": ""}):
        assert outcomes(hand_in(nurse, ready, entry(ready, "medicine", 5, **given))) == ["kept"]
    assert outcomes(hand_in(nurse, ready, entry(ready, "medicine", 5, dose_mg="4"))) == ["refused"]
    # A page that is live hands in at once, and asks for all of it.
    (said,) = hand_in(nurse, ready, entry(ready, "medicine", 0, substance="Naloxone", dose_mg="4"))
    assert said["outcome"] == "refused"
    assert "On whose order: Choose how it was ordered" in said["reason"]
    with door.opened(ready.cast.nurse.id):
        rows = Administration.objects.filter(session=ready.session).order_by("recorded_at")
        assert [(row.substance, row.dose_mg, row.route) for row in rows] == [
            ("Oxygen", None, ""), ("Ondansetron", 4, "")
        ]  # fmt: skip


def test_a_rate_handed_in_later_that_is_far_from_the_ordered_one_goes_back_to_whoever_typed_it(
    ready: Ready, nurse: Client
) -> None:
    with loading():
        session = DosingSession.objects.get(id=ready.session.id)
        Administration.objects.create(
            clinic=ready.cast.clinic, subject=ready.cast.a, couple=ready.cast.couple, author=ready.cast.nurse,
            session=session, event="start", substance="Ketamine", dose_mg=34, route="iv", at=session.started_at,
            rate_ml_per_h=60,
        )  # fmt: skip
    said = hand_in(nurse, ready, entry(ready, "infusion", 5, event="rate", rate_ml_per_h="600"))
    assert outcomes(said) == ["refused"]
    assert "10 times the rate at the start of 60 mL/h" in said[0]["reason"]
    assert outcomes(hand_in(nurse, ready, entry(ready, "infusion", 5, event="rate", rate_ml_per_h="30"))) == [
        "kept"
    ]


def test_two_people_wrote_down_the_same_and_somebody_is_to_look(ready: Ready, nurse: Client) -> None:
    hand_in(
        client_for(ready.cast.prescriber),
        ready,
        entry(ready, "enter/pressure", 5, systolic=150, diastolic=90),
    )
    near, far = (entry(ready, "enter/pressure", minutes, systolic=152, diastolic=91) for minutes in (4.5, 1))
    said = hand_in(nurse, ready, near, far)
    assert [len(each["alike"]) for each in said] == [2, 0]
    assert ready.cast.prescriber.name_used in said[0]["alike"][0]
    assert len(of_session(ready, "systolic")[-3:]) == 3


def test_an_alarm_is_acknowledged_by_its_name_and_a_past_one_is_not(ready: Ready, nurse: Client) -> None:
    hand_in(nurse, ready, entry(ready, "enter/vitals", 2, spo2=82))
    with door.opened(ready.cast.nurse.id):
        alarm = Alarm.objects.filter(session=ready.session, code="spo2").latest("raised_at")
    seen = entry(ready, f"acknowledge/{alarm.id}", 1)
    assert outcomes(hand_in(nurse, ready, seen, seen, entry(ready, f"acknowledge/{uuid4()}"))) == [
        "kept", "known", "refused",
    ]  # fmt: skip
    with door.opened(ready.cast.nurse.id):
        assert AlarmEvent.objects.filter(alarm=alarm, kind="acknowledged").count() == 1


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b'{"entries": 3}', b'{"entries": [{}]}', b'{"entries": [{"request_id": "x"}]}', b"\xff",
     b'{"entries": [{"request_id": "6f1c8a52-7a5e-4c6e-9f7e-2b1f0a3c4d5e", "path": 1, "fields": [],'
     b' "made_at": "2026-01-01T00:00:00+00:00", "behind_ms": 1e400}]}'],
)  # fmt: skip
def test_what_no_page_of_ours_sends_changes_nothing(ready: Ready, nurse: Client, body: bytes) -> None:
    for end in ("sync", "sync/conflict"):
        answer = nurse.post(f"/room/{ready.session.id}/{end}", body, content_type="application/json")
        assert answer.status_code == 400


def test_the_key_is_for_who_may_chart_and_one_for_each_of_them(ready: Ready, nurse: Client) -> None:
    address = f"/room/{ready.session.id}/sync"
    mine, theirs = nurse.get(address).json(), client_for(ready.cast.prescriber).get(address).json()
    assert mine["key"] != theirs["key"] and mine["owner"] != theirs["owner"]
    assert mine["key"] == client_for(ready.cast.nurse).get(address).json()["key"]
    assert mine["key"] != room_sync.queue_key(ready.cast.nurse.id, ready.partners.id)
    for name in ("a", "b", "lead", "coordinator", "couples_therapist"):
        who = client_for(ready.cast.everyone()[name])
        assert who.get(address).status_code == 404
        assert who.post(address, {"entries": []}, content_type="application/json").status_code == 404


def test_the_key_of_the_picture_is_of_this_login_alone(ready: Ready, nurse: Client) -> None:
    address = f"/room/{ready.session.id}/sync"
    first = nurse.get(address).json()
    assert first["picture_key"] == nurse.get(address).json()["picture_key"] != first["key"]
    again = client_for(ready.cast.nurse).get(address).json()
    assert again["key"] == first["key"]
    assert again["picture_key"] != first["picture_key"]
    nurse.logout()
    assert nurse.get(address).status_code == 302


def test_the_frame_a_tablet_keeps_names_nobody(ready: Ready, nurse: Client) -> None:
    shell = nurse.get("/room/shell").content.decode()
    assert "data-room-shell" in shell
    for word in (ready.cast.nurse.name_used, ready.cast.a.name_used, str(ready.cast.nurse.id)):
        assert word not in shell
    assert shell == client_for(ready.cast.prescriber).get("/room/shell").content.decode()
    assert client_for(ready.cast.a).get("/room/shell").status_code == 404
