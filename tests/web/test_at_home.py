"""What the two do at home: exercises step by step, their week, agreements, the plan for afterwards, the care plan."""

import re
from datetime import date, datetime, timedelta
from uuid import uuid4

import pytest
from django.test import Client
from django.utils import timezone

from bothwell.integration.library import exercise as of_library
from bothwell.integration.library import exercises
from bothwell.integration.warmth import monday_of
from bothwell.models import (
    AgreementAnswer,
    CarePlanItem,
    CoupleAgreement,
    CoupleCheckin,
    CoupleSession,
    DosingSession,
    ExerciseDone,
    ExerciseGiven,
    Grant,
    Person,
    PlanReview,
    Shelter,
    SupportPlan,
    WarningSign,
)
from bothwell.privacy import door
from bothwell.web.around import local_now
from tests.cast import Cast, client_for, make_cast
from tests.conftest import loading
from tests.web.partners import session_of

pytestmark = pytest.mark.django_db
TOKEN = re.compile(rb"[A-Za-z0-9]{64}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
OURS = ("/us", "/us/week", "/us/agreed", "/us/plan", "/us/plan/look", "/us/exercises", "/today", "/care-plan")


@pytest.fixture
def cast() -> Cast:
    return make_cast()


def bare(client: Client, page: str) -> bytes:
    """A page without what changes each time: tokens of forms and identifiers."""
    return TOKEN.sub(b"", client.get(page).content)


def text(client: Client, page: str) -> str:
    answer = client.get(page)
    assert answer.status_code == 200, page
    return answer.content.decode()


def given(cast: Cast, code: str = "back_to_back", **more: object) -> ExerciseGiven:
    with loading():
        return ExerciseGiven.objects.create(
            clinic=cast.clinic, couple=cast.couple, author=cast.couples_therapist, exercise=code, **more
        )


# --------------------------------------------------------------------------------------------------- exercises


def test_the_library_is_browsed_by_gain_and_leaves_no_trace(cast: Cast) -> None:
    client = client_for(cast.a)
    everything = text(client, "/us/exercises")
    assert all(f"/us/exercises/library/{one.code}" in everything for one in exercises())
    one_gain = text(client, "/us/exercises?gain=conflict")
    assert "Mend it soon" in one_gain
    assert "Back to back" not in one_gain
    assert "Back to back" in text(client, "/us/exercises?gain=riches")
    assert client.get("/us/exercises/library/climb_a_mountain").status_code == 404
    before = [bare(client_for(cast.b), page) for page in OURS]
    for step in ("", "?step=1", "?step=99"):
        client.get(f"/us/exercises/library/say_it_back{step}")
    assert [bare(client_for(cast.b), page) for page in OURS] == before


def test_an_exercise_is_walked_step_by_step_without_scripts(cast: Cast) -> None:
    row, known = given(cast), of_library("back_to_back")
    assert known is not None
    client, address = client_for(cast.a), f"/us/exercises/{row.id}"
    assert all(step.partition("'")[0] in text(client, address) for step in known.steps)
    for number, step in enumerate(known.steps, 1):
        page = text(client, f"{address}?step={number}")
        assert step.partition("'")[0] in page
        assert f"step {number} of {len(known.steps)}" in page
        assert f"{address}?step={number + 1}" in page
    assert "Done today" in text(client, f"{address}?step={len(known.steps) + 1}")
    for nonsense in ("-1", "x", "9" * 40, "٣"):
        assert client.get(address, {"step": nonsense}).status_code == 200


def test_how_it_went_is_read_by_both_with_the_name(cast: Cast) -> None:
    row = given(cast)
    sent = {"together": "together", "how": "good", "words": "Warm backs."}
    assert client_for(cast.a).post(f"/us/exercises/{row.id}/done", sent)["Location"] == "/us"
    page = text(client_for(cast.b), f"/us/exercises/{row.id}")
    assert "<b>Amara</b>" in page
    assert "together: it did us good. Warm backs." in " ".join(page.split())
    assert "You said so today already" in text(client_for(cast.a), f"/us/exercises/{row.id}?step=99")
    assert "First week with something the two of you did." in text(client_for(cast.b), "/us")


@pytest.mark.parametrize("sent", [{"how": "brilliant"}, {"words": "x" * 301}, {"together": "perhaps"}])
def test_what_cannot_be_kept_comes_back_as_it_was_typed(cast: Cast, sent: dict[str, str]) -> None:
    row = given(cast)
    answer = client_for(cast.a).post(f"/us/exercises/{row.id}/done", {"words": "So it was.", **sent})
    assert answer.status_code == 422
    assert sent.get("words", "So it was.") in answer.content.decode()
    with door.opened(cast.a.id):
        assert not ExerciseDone.objects.exists()


# -------------------------------------------------------------------------------------------------- our week


def week_of(cast: Cast) -> date:
    return monday_of(local_now(cast.a).date())


def send(who: Person, week: date, **lines: str) -> int:
    return client_for(who).post("/us/week", {"week": week.isoformat(), **lines}).status_code


def test_lines_are_sent_once_and_read_by_both_and_the_therapist_of_both(cast: Cast) -> None:
    week = week_of(cast)
    assert send(cast.a, week, appreciated="The soup.", wish="A walk.") == 302
    mine, theirs = text(client_for(cast.a), "/us/week"), text(client_for(cast.b), "/us/week")
    assert "The soup." in mine
    assert "The soup." in theirs
    assert "What I appreciated" in theirs
    assert "What I appreciated" not in mine
    assert "First week with words for each other." in theirs
    assert send(cast.a, week, appreciated="Something else.") == 422
    with door.opened(cast.couples_therapist.id):
        assert CoupleCheckin.objects.get().author_id == cast.a.id
    for other in (cast.stranger_a, cast.other_partner):
        assert "The soup." not in text(client_for(other), "/us/week")


def test_an_unsendable_week_keeps_what_was_typed(cast: Cast) -> None:
    client = client_for(cast.a)
    for sent in (
        {"harder": "x" * 501},
        {"harder": "kept words", "week": "2020-01-06"},
        {"harder": "kept words", "week": "x"},
    ):
        answer = client.post("/us/week", {"week": week_of(cast).isoformat(), **sent})
        assert answer.status_code == 422
        assert sent["harder"] in answer.content.decode()
    assert client.post("/us/week", {"week": week_of(cast).isoformat()}).status_code == 422


def test_past_weeks_are_read_page_by_page(cast: Cast) -> None:
    with loading():
        for back in range(30):
            CoupleCheckin.objects.create(
                clinic=cast.clinic, couple=cast.couple, subject=cast.b, author=cast.b,
                week=week_of(cast) - timedelta(weeks=back), appreciated=f"week back {back}.",
            )  # fmt: skip
    client = client_for(cast.a)
    first = text(client, "/us/week")
    assert "week back 25." in first
    assert "week back 26." not in first
    older = re.search(r"\?before=([0-9-]+)", first)
    assert older
    assert "week back 26." in text(client, f"/us/week?before={older[1]}")
    assert client.get("/us/week?before=yesterday").status_code == 200


def test_of_lines_that_are_not_there_nothing_is_said(cast: Cast) -> None:
    page = text(client_for(cast.a), "/us/week") + text(client_for(cast.a), "/us")
    assert not re.search(r"not (yet )?(written|sent|answered)|has(n’t| not)|waiting for", page, re.IGNORECASE)


# -------------------------------------------------------------------------------------------------- agreements


def agree(cast: Cast, days: int = 2) -> CoupleAgreement:
    """No big decisions for so many days, with the yes of both."""
    with loading():
        row = CoupleAgreement.objects.create(
            clinic=cast.clinic, couple=cast.couple, author=cast.a, kind="no_big_decisions", days=days
        )
        for who in (cast.a, cast.b):
            AgreementAnswer.objects.create(
                clinic=cast.clinic, couple=cast.couple, subject=who, author=who, agreement=row, answer="yes"
            )
    return row


def dosed(cast: Cast, who: Person, hours_ago: float) -> DosingSession:
    at = timezone.now() - timedelta(hours=hours_ago)
    session = session_of(cast, who, at)
    with loading():
        DosingSession.objects.filter(id=session.id).update(
            arrived_at=at, started_at=at, ended_at=at + timedelta(hours=1), outcome="discharged"
        )
    return session


def tell(cast: Cast, session: DosingSession) -> None:
    with loading():
        Grant.objects.create(
            clinic=cast.clinic, subject=cast.a, author=cast.a, couple=cast.couple, item_kind="dosing.time",
            item_id=session.id, audience="partner", opens_at=timezone.now() - timedelta(hours=1),
        )  # fmt: skip


def test_one_proposes_the_other_agrees_and_either_ends_it(cast: Cast) -> None:
    a, b = client_for(cast.a), client_for(cast.b)
    sent = {"kind": "no_big_decisions", "days": "3", "request_id": str(uuid4())}
    assert a.post("/us/agreed", sent).status_code == 302
    assert "It holds once both of you have." in text(a, "/us/agreed")
    assert "Amara proposed" in text(b, "/us/agreed")
    with door.opened(cast.b.id):
        row = CoupleAgreement.objects.get()
    assert b.post(f"/us/agreed/{row.id}", {"answer": "yes"}).status_code == 302
    for client in (a, b):
        page = text(client, "/us/agreed")
        assert "No big decisions for 3 days after a session" in page
        assert "both of you said yes" in page
    a.post(f"/us/agreed/{row.id}", {"answer": "end"})
    assert "No longer holding" in text(b, "/us/agreed")


def test_an_answer_that_is_none_changes_nothing(cast: Cast) -> None:
    row = agree(cast)
    client_for(cast.a).post(f"/us/agreed/{row.id}", {"answer": "perhaps"})
    assert "both of you said yes" in text(client_for(cast.a), "/us/agreed")


@pytest.mark.parametrize(
    "sent",
    [
        {"kind": "other", "words": " "},
        {"kind": "other", "words": "x" * 501},
        {"kind": "no_big_decisions", "days": "400"},
    ],
)
def test_what_cannot_be_proposed_comes_back(cast: Cast, sent: dict[str, str]) -> None:
    answer = client_for(cast.a).post("/us/agreed", {**sent, "request_id": str(uuid4())})
    assert answer.status_code == 422
    assert "errors" in answer.content.decode()


def test_quiet_days_stand_on_ones_own_pages_and_on_the_others_only_where_the_session_may_be_known(
    cast: Cast,
) -> None:
    agree(cast)
    before = [bare(client_for(cast.b), page) for page in OURS]
    session = dosed(cast, cast.a, 20)
    for page in ("/us", "/today"):
        assert "No big decisions until" in text(client_for(cast.a), page)
    assert [bare(client_for(cast.b), page) for page in OURS] == before
    tell(cast, session)
    for page in ("/us", "/today"):
        assert "Amara had a session." in text(client_for(cast.b), page)


def test_quiet_days_end_and_need_an_agreement(cast: Cast) -> None:
    dosed(cast, cast.a, 20)
    assert "No big decisions" not in text(client_for(cast.a), "/us")
    agree(cast)
    with loading():
        DosingSession.objects.update(
            arrived_at=timezone.now() - timedelta(days=4),
            started_at=timezone.now() - timedelta(days=4),
            ended_at=timezone.now() - timedelta(days=3),
        )
    assert "No big decisions until" not in text(client_for(cast.a), "/us")


# ---------------------------------------------------------------------------------------- the plan afterwards


def planned(cast: Cast, review_on: date | None = None) -> SupportPlan:
    with loading():
        return SupportPlan.objects.create(
            clinic=cast.clinic, couple=cast.couple, author=cast.couples_therapist, number=1,
            cadence="Every three weeks.", if_it_returns="Ben calls Dana.", review_on=review_on,
        )  # fmt: skip


def plan_form(**changed: object) -> dict[str, object]:
    return {"cadence": "Every month.", "after": 0, "request_id": str(uuid4()), **changed}


def test_the_therapist_writes_versions_and_both_partners_read_the_newest(cast: Cast) -> None:
    dana, address = client_for(cast.couples_therapist), f"/couples/{cast.couple.id}/support"
    assert dana.post(address, plan_form(if_it_returns="Ben calls Dana.")).status_code == 302
    assert dana.post(address, plan_form(cadence="When they ask.", after=1)).status_code == 302
    for who in (cast.a, cast.b):
        page = text(client_for(who), "/us/plan")
        assert "When they ask." in page
        assert "Every month." in page, "an earlier version stays to be read"
    old = dana.post(address, plan_form(cadence="From an old window.", after=1))
    assert old.status_code == 422
    assert "From an old window." in old.content.decode()
    assert dana.post(address, plan_form(cadence=" ", after=2)).status_code == 422
    for other in (cast.a, cast.prescriber, cast.lead, cast.therapist_a):
        assert client_for(other).get(address).status_code == 404


def test_each_names_their_own_signs(cast: Cast) -> None:
    client = client_for(cast.a)
    assert client.post("/us/plan", {"words": "I go quiet.", "request_id": str(uuid4())}).status_code == 302
    assert "I go quiet." in text(client_for(cast.b), "/us/plan")
    assert "I go quiet." in text(client_for(cast.couples_therapist), f"/couples/{cast.couple.id}/support")
    with door.opened(cast.a.id):
        sign = WarningSign.objects.get()
    assert client_for(cast.b).post(f"/us/plan/signs/{sign.id}/drop").status_code == 404
    assert client.post(f"/us/plan/signs/{sign.id}/drop").status_code == 302
    assert "I go quiet." not in text(client, "/us/plan")
    long = client.post("/us/plan", {"words": "y" * 301, "request_id": str(uuid4())})
    assert long.status_code == 422
    assert "y" * 301 in long.content.decode()


def test_the_day_of_the_look_back_is_told_to_both_when_it_has_come(cast: Cast) -> None:
    today = local_now(cast.a).date()
    planned(cast, today + timedelta(days=1))
    assert "has come" not in text(client_for(cast.a), "/us")
    with loading():
        SupportPlan.objects.update(review_on=today)
    for who in (cast.a, cast.b):
        assert "has come" in text(client_for(who), "/us")
        assert "has come" in text(client_for(who), "/us/plan")
        assert "Look at your plan again" in text(client_for(who), "/today")
    assert "has come" in text(client_for(cast.couples_therapist), f"/couples/{cast.couple.id}/support")


def test_after_a_slip_one_leaves_with_a_next_step(cast: Cast) -> None:
    planned(cast)
    client, soon = client_for(cast.a), local_now(cast.a).date() + timedelta(days=9)
    page = text(client, "/us/plan/look?how=slipped")
    assert "Ben calls Dana." in page
    assert "no session is planned, so ask for one" in page
    sent = {"kind": "relapse", "words": "We shouted.", "request_id": str(uuid4()), "session_id": str(uuid4())}
    refused = client.post("/us/plan/look", sent)
    assert refused.status_code == 422
    assert "We shouted." in refused.content.decode()
    assert "who calls whom" in refused.content.decode()
    assert (
        client.post(
            "/us/plan/look", {**sent, "next_step": "I call.", "next_on": soon.isoformat()}
        ).status_code
        == 302
    )
    assert "What happens next: I call." in text(client_for(cast.b), "/us/plan")


def test_the_therapists_look_back_plans_the_session(cast: Cast) -> None:
    dana, soon = client_for(cast.couples_therapist), local_now(cast.a).date() + timedelta(days=9)
    at = (timezone.now() + timedelta(days=3)).strftime("%Y-%m-%dT%H:%M")
    sent = {
        "kind": "relapse", "words": "By telephone.", "next_step": "We meet.", "session_at": at,
        "next_on": soon.isoformat(), "request_id": str(uuid4()), "session_id": str(uuid4()),
    }  # fmt: skip
    for _ in range(2):
        assert dana.post(f"/couples/{cast.couple.id}/support/look", sent).status_code == 302
    with door.opened(cast.a.id):
        assert CoupleSession.objects.get().state == "planned"
        assert PlanReview.objects.count() == 1
    bad = dana.post(
        f"/couples/{cast.couple.id}/support/look", {**sent, "session_at": "soon", "request_id": str(uuid4())}
    )
    assert bad.status_code == 422
    assert "By telephone." in bad.content.decode()


# --------------------------------------------------------------------------------------------------- care plan


def test_the_care_plan_says_that_ketamine_is_a_part_and_shows_to_each_what_they_may_see(cast: Cast) -> None:
    dosed(cast, cast.a, 200)
    planned(cast)
    client = client_for(cast.a)
    sent = {"part": "people", "words": "The choir.", "request_id": str(uuid4())}
    assert client.post("/care-plan", sent).status_code == 302
    own = text(client, "/care-plan")
    for words in (
        "one part of a plan",
        "One session so far",
        "With Dana",
        "From now on: Every three weeks.",
        "The choir.",
    ):
        assert words in own
    theirs = text(client_for(cast.prescriber), f"/people/{cast.a.id}/care-plan")
    assert "The choir." in theirs
    assert "One session so far" in theirs
    assert "Every three weeks" not in theirs, "the couple's own is not the prescriber's to see"
    therapist = text(client_for(cast.couples_therapist), f"/people/{cast.a.id}/care-plan")
    assert "Every three weeks" in therapist
    assert "session so far" not in therapist, "no release, no dosing"
    assert "The choir." not in text(client_for(cast.b), "/care-plan")
    for other in (cast.b, cast.safety, cast.therapist_b, cast.stranger_prescriber, cast.other_lead):
        assert client_for(other).get(f"/people/{cast.a.id}/care-plan").status_code == 404


def test_the_care_team_adds_and_ends_parts_and_a_mistake_keeps_the_words(cast: Cast) -> None:
    helen, address = client_for(cast.prescriber), f"/people/{cast.a.id}/care-plan"
    sent = {"part": "medical", "words": "Blood pressure in May.", "request_id": str(uuid4())}
    assert helen.post(address, sent).status_code == 302
    assert "Blood pressure in May." in text(client_for(cast.a), "/care-plan")
    with door.opened(cast.a.id):
        item = CarePlanItem.objects.get()
    assert client_for(cast.b).post(f"/care-plan/{item.id}/end").status_code == 404
    assert client_for(cast.a).post(f"/care-plan/{item.id}/end").status_code == 302
    assert "Blood pressure in May." not in text(helen, address)
    long = helen.post(address, {**sent, "words": "z" * 501, "request_id": str(uuid4())})
    assert long.status_code == 422
    assert "z" * 501 in long.content.decode()


# ----------------------------------------------------------------------------------------------------- shelter


def test_of_a_sheltered_person_the_others_pages_are_as_if_nothing_had_been_done(cast: Cast) -> None:
    planned(cast)
    row = given(cast)
    client = client_for(cast.b)
    for page in OURS:
        client.get(page)
    before = [bare(client, page) for page in OURS]
    with loading():
        Shelter.objects.create(clinic=cast.clinic, subject=cast.a, author=cast.a)
    own, soon = client_for(cast.a), local_now(cast.a).date() + timedelta(days=9)
    own.post(f"/us/exercises/{row.id}/done", {"how": "hard", "words": "zqmarker"})
    own.post("/us/week", {"week": week_of(cast).isoformat(), "harder": "zqmarker"})
    own.post("/us/agreed", {"kind": "other", "words": "zqmarker", "request_id": str(uuid4())})
    own.post("/us/plan", {"words": "zqmarker", "request_id": str(uuid4())})
    look = {"kind": "relapse", "words": "zqmarker", "next_step": "x", "next_on": soon.isoformat(),
            "request_id": str(uuid4()), "session_id": str(uuid4())}  # fmt: skip
    own.post("/us/plan/look", look)
    assert [bare(client, page) for page in OURS] == before
    assert "zqmarker" in text(own, "/us/week")


def test_after_parting_nothing_is_asked_and_nothing_taken(cast: Cast) -> None:
    row = given(cast)
    with loading():
        cast.couple.parted_at = datetime.now(tz=timezone.get_current_timezone())
        cast.couple.save(update_fields=["parted_at"])
        cast.couple.memberships.update(until=timezone.now())
    client = client_for(cast.a)
    for page in OURS:
        assert client.get(page).status_code == (404 if page == "/us/plan/look" else 200), page
    assert client.get(f"/us/exercises/{row.id}").status_code == 404
    for page in ("/us/week", "/us/agreed", "/us/plan"):
        assert client.post(page, {"week": week_of(cast).isoformat(), "harder": "x"}).status_code == 422
