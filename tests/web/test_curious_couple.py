"""What one couple leaves to the next, one partner's reading to the other, and a telephone to whoever holds it."""

import json
import time
from datetime import timedelta
from uuid import uuid4

import pytest
from django.utils import timezone

from bothwell.enrolment import couple_actions
from bothwell.instruments.actions import save_answer
from bothwell.instruments.catalogue import load
from bothwell.integration import plan_actions, session_actions, support
from bothwell.integration.doing_actions import choose_exercise
from bothwell.integration.models import Modality
from bothwell.models import (
    AuditEntry,
    Consent,
    ConsentText,
    CoupleSession,
    JointRequest,
    Person,
    ProgressNote,
    Request,
    Response,
    Shelter,
    StaffRole,
)
from bothwell.privacy import door
from bothwell.records import parting_actions, request_actions
from bothwell.refusal import Refused
from tests.cast import Cast, assign, client_for, make_cast, pair, person
from tests.conftest import loading
from tests.web.partners import gave, wrote
from tests.web.test_shelter import end, keep


@pytest.fixture
def cast(db: None) -> Cast:
    return make_cast()


def part(cast: Cast) -> None:
    with door.opened(cast.lead.id):
        parting_actions.part(by=cast.lead, couple_id=cast.couple.id, reason="They said so")


def next_therapist(cast: Cast) -> Person:
    """Amara is in a couple with Zed now, and Tess is theirs."""
    with loading():
        couple = pair(cast.clinic, cast.a, person(cast.clinic, "Zed"))
        tess = person(cast.clinic, "Tess", "staff", "couples_therapist")
        assign(tess, "couples_therapist", couple=couple)
    return tess


# ── from one couple to the next ──


def test_answers_about_a_couple_that_parted_are_not_sent_into_the_next(cast: Cast) -> None:
    with loading():
        asked = Request.objects.create(
            clinic=cast.clinic, subject=cast.a, couple=cast.couple, instrument="csi-16", wave="w1",
            kind="measure.relationship", due_at=timezone.now(),
        )  # fmt: skip
    phone = client_for(cast.a)
    assert phone.get(f"/checkin/{asked.id}").status_code == 200
    part(cast)
    tess = next_therapist(cast)
    with loading():
        text = ConsentText.objects.create(
            clinic=cast.clinic, kind="release", code="relationship_scores", title="t", body="b", sha256="0"
        )
        Consent.objects.create(
            clinic=cast.clinic, subject=cast.a, author=cast.a, text=text, sha256="0", signed_name="A",
            release_class="relationship_scores", release_to="couples_therapist",
        )  # fmt: skip
    with door.opened(cast.a.id):
        draft = Response.objects.get(request=asked)
        for item in load("csi-16").items:
            draft = save_answer(
                by=cast.a, response_id=draft.id, link_id=item.link_id, code=item.options[0].code,
                revision=draft.revision,
            )  # fmt: skip
    handed_in = json.dumps({"revision": draft.revision})
    sent = phone.post(f"/checkin/{asked.id}/send", handed_in, content_type="application/json")
    assert sent.status_code == 422
    assert phone.post(f"/checkin/{asked.id}/review").status_code == 422
    with door.opened(tess.id):
        assert not Response.objects.exists()


def test_a_release_signed_on_a_page_from_before_the_parting_opens_nothing_to_the_next(cast: Cast) -> None:
    with loading():
        text = ConsentText.objects.create(
            clinic=cast.clinic, kind="release", code="individual_scores", title="t", body="b", sha256="0"
        )
    phone, sheet = client_for(cast.a), f"/consents/texts/{text.id}"
    signed = {"to": "couples_therapist", "signed_name": "A", "read": "on"}
    assert phone.get(f"{sheet}?to=couples_therapist").status_code == 200
    part(cast)
    assert phone.post(sheet, signed).status_code == 422
    next_therapist(cast)
    with loading():
        assert not Consent.objects.filter(withdrawn_at__isnull=True).exists()
    assert phone.post(sheet, signed).status_code == 302  # in the couple they are in now, it is theirs to sign


def test_what_ended_with_an_earlier_couple_of_the_same_two_was_taken_back_by_nobody(cast: Cast) -> None:
    insight, page = wrote(cast.a, "zq the garden gate"), client_for(cast.b)
    gave(cast.a, insight)
    assert "zq the garden gate" in page.get("/us").content.decode()
    part(cast)
    with door.opened(cast.lead.id):
        couple_actions.pair(by=cast.lead, one=cast.a, other=cast.b, request_id=uuid4())
    assert "taken back" not in page.get("/us").content.decode()
    gave(cast.a, again := wrote(cast.a, "zq the other gate"))
    assert "zq the other gate" in page.get("/us").content.decode()
    gave(cast.a, again, audiences=())
    assert "taken back" in page.get("/us").content.decode()


# ── what one of the two reads ──


def test_that_one_read_what_is_theirs_in_common_is_not_in_the_others_log(cast: Cast) -> None:
    look = plan_actions.LookBack(
        support.Kind.MAINTENANCE, "zq looks", "", timezone.localdate() + timedelta(9)
    )
    with door.opened(cast.a.id):
        plan_actions.look_back(
            by=cast.a, couple=cast.couple, look=look, today=timezone.localdate(), request_id=uuid4(),
            session_id=uuid4(),
        )  # fmt: skip
    assert "zq looks" in client_for(cast.b).get("/us/plan").content.decode()
    with door.opened(cast.a.id):
        assert not AuditEntry.objects.filter(actor=cast.b).exists()
    assert not [line for line in client_for(cast.a).get("/access").context["lines"] if line.who == "Ben"]
    with door.opened(cast.lead.id):
        assert AuditEntry.objects.filter(actor=cast.b, couple=cast.couple, action="opened").exists()


def test_the_safety_circle_leaves_no_line_wherever_it_looks(cast: Cast) -> None:
    with loading():
        StaffRole.objects.create(clinic=cast.clinic, person=cast.safety, role="couples_therapist")
    sol, lines = client_for(cast.safety), AuditEntry.objects.filter(actor=cast.safety)
    root = f"/people/{cast.a.id}"
    for page in (root, f"{root}/contact", f"{root}/team", f"/people/couples/{cast.couple.id}"):
        assert sol.get(page).status_code == 200
    for who in (cast.a, cast.b, cast.lead):
        with door.opened(who.id):
            assert not lines.exists()
    with door.opened(cast.safety.id):
        assert lines.filter(subject=cast.a, item_kind="contact", sealed=True).exists()
    client_for(cast.nurse).get(root)
    with door.opened(cast.a.id):
        assert AuditEntry.objects.filter(actor=cast.nurse, item_kind="overview").exists()


# ── what a record for both names ──


def test_a_note_in_the_record_for_both_names_nothing_that_was_done_under_shelter(cast: Cast) -> None:
    with loading():
        session = CoupleSession.objects.create(
            clinic=cast.clinic, couple=cast.couple, author=cast.couples_therapist, number=1, at=timezone.now()
        )
    keep(cast.a)
    with door.opened(cast.a.id):
        hidden = choose_exercise(by=cast.a, code="say_it_back", way="each", request_id=uuid4())
    with door.opened(cast.b.id):
        known = choose_exercise(by=cast.b, code="back_to_back", way="each", request_id=uuid4())
    with door.opened(cast.couples_therapist.id):
        session_actions.record_session(
            by=cast.couples_therapist, session_id=session.id, modality=Modality.EFT, stage="", focus="f",
            text="t", taken_up=[f"exercise:{hidden.id}", f"exercise:{known.id}", "moved:a:phq-9"],
        )  # fmt: skip
        assert str(hidden.id) in str(ProgressNote.objects.get().detail)
    end(cast, cast.a)
    with loading():
        Shelter.objects.update(until=timezone.now())
    time.sleep(0.01)
    with door.opened(cast.b.id):
        joint = request_actions.ask_for_both(
            by=cast.b, couple=cast.couple, recipient="r", purpose="p", signed_name="B", request_id=uuid4()
        )
    with door.opened(cast.a.id):
        request_actions.sign_for_both(by=cast.a, joint_id=joint.id, is_yes=True, signed_name="A")
    with loading():
        JointRequest.objects.update(recorded_at=timezone.now())
    file = client_for(cast.lead).post(f"/requests/both/{joint.id}", {"form": "json"}).content.decode()
    assert f"exercise:{known.id}" in file
    assert "moved:a:phq-9" in file
    assert str(hidden.id) not in file


# ── whoever left is not written to by asking for the record ──


def ask(cast: Cast, word: str, who: Person | None = None) -> JointRequest:
    who = who or cast.b
    with door.opened(who.id):
        return request_actions.ask_for_both(
            by=who, couple=cast.couple, recipient=f"{word} to", purpose=f"{word} what for", signed_name="B",
            request_id=uuid4(),
        )  # fmt: skip


def test_after_a_parting_the_words_of_a_request_are_for_who_asked_and_the_office(cast: Cast) -> None:
    row = ask(cast, "zq come back")
    pages = ("/access/copy", f"/access/copy/both/{row.id}")
    for page in pages:
        assert "zq come back" in client_for(cast.a).get(page).content.decode()
    part(cast)
    later = ask(cast, "zq please")
    for page in (*pages, f"/access/copy/both/{later.id}"):
        shown = client_for(cast.a).get(page)
        assert shown.status_code == 200
        assert "zq come back" not in shown.content.decode()
        assert "zq please" not in shown.content.decode()
        assert "A copy of the record of you both was asked for" in shown.content.decode()
        assert "A copy of the record" not in client_for(cast.b).get(page).content.decode()
    assert "zq please" in client_for(cast.b).get("/access/copy").content.decode()
    assert "zq please" in client_for(cast.lead).get("/requests").content.decode()
    with door.opened(cast.a.id):  # and they can answer it
        request_actions.sign_for_both(by=cast.a, joint_id=later.id, is_yes=False, signed_name="A")


def test_three_requests_for_the_couples_record_are_open_at_most_whatever_the_other_answered(
    cast: Cast,
) -> None:
    rows = [ask(cast, f"zq {number}") for number in range(request_actions.MOST_OPEN)]
    with pytest.raises(Refused) as before:
        ask(cast, "zq again")
    with door.opened(cast.a.id):
        request_actions.sign_for_both(by=cast.a, joint_id=rows[0].id, is_yes=False, signed_name="A")
    with door.opened(cast.b.id):
        request_actions.take_back_yes(by=cast.b, joint_id=rows[1].id)
    with pytest.raises(Refused) as after:
        ask(cast, "zq again")
    assert before.value.reason == after.value.reason == request_actions.MANY_OPEN
    ask(cast, "zq mine", cast.a)  # the other's own are counted apart
    with loading():
        JointRequest.objects.filter(id=rows[2].id).update(recorded_at=timezone.now() - timedelta(days=1000))
    ask(cast, "zq one ran out")


def test_a_request_posted_twice_is_one_also_when_it_was_the_last_that_may_be_open(cast: Cast) -> None:
    asked = {"recipient": "zq", "purpose": "zq", "signed_name": "B", "request_id": uuid4()}
    for number in range(request_actions.MOST_OPEN - 1):
        ask(cast, f"zq {number}")
    for _ in range(2):
        with door.opened(cast.b.id):
            request_actions.ask_for_both(by=cast.b, couple=cast.couple, **asked)
    with loading():
        assert JointRequest.objects.count() == request_actions.MOST_OPEN
