"""The plan for afterwards and the care plan: versions never overwritten, signs one's own, a slip with a next step."""

from datetime import date, timedelta
from uuid import UUID, uuid4

import pytest
from django.utils import timezone

from bothwell.integration import plan_actions as actions
from bothwell.integration.support import Kind
from bothwell.models import (
    CarePlanItem,
    ConsentText,
    CoupleHold,
    CoupleSession,
    LaidAside,
    Person,
    PlanReview,
    SupportPlan,
    WarningSign,
)
from bothwell.privacy import door
from bothwell.privacy.glass_actions import break_glass
from bothwell.privacy.keeping_actions import kept_first
from bothwell.privacy.signing_actions import sign_consent
from bothwell.refusal import Refused, SentBefore, Stale
from tests.cast import Cast, make_cast
from tests.conftest import loading

pytestmark = pytest.mark.django_db
TODAY = timezone.localdate()
SOON = TODAY + timedelta(days=20)


@pytest.fixture
def cast() -> Cast:
    return make_cast()


def plan(
    cast: Cast, cadence: str = "Every three weeks", after: int = 0, by: Person | None = None, **said: object
) -> SupportPlan:
    by = by or cast.couples_therapist
    with door.opened(by.id):
        return actions.write_plan(
            by=by,
            couple=cast.couple,
            plan=actions.Plan(cadence, **said),  # type: ignore[arg-type]
            after=after,
            today=TODAY,
            request_id=uuid4(),
        )


def look(
    cast: Cast, by: Person, kind: Kind = Kind.MAINTENANCE, request_id: UUID | None = None, **said: object
) -> PlanReview:
    with door.opened(by.id):
        return actions.look_back(
            by=by,
            couple=cast.couple,
            look=actions.LookBack(kind, **{"words": "As it is.", **said}),  # type: ignore[arg-type]
            today=TODAY,
            request_id=request_id or uuid4(),
            session_id=uuid4(),
        )


def due(cast: Cast, who: Person) -> date | None:
    with door.opened(who.id):
        return actions.next_look(cast.couple, actions.plan_of(cast.couple))


def test_versions_follow_each_other_and_both_partners_read_the_newest(cast: Cast) -> None:
    plan(cast, review_on=SOON)
    plan(cast, "When they ask", after=1, agreed="Ten minutes in the evening.")
    for who in (cast.a, cast.b, cast.couples_therapist):
        with door.opened(who.id):
            newest = actions.plan_of(cast.couple)
            assert newest is not None
            assert (newest.number, newest.cadence) == (2, "When they ask")
            assert SupportPlan.objects.count() == 2
    for other in (cast.stranger_a, cast.therapist_a, cast.lead):
        with door.opened(other.id):
            assert actions.plan_of(cast.couple) is None


def test_two_windows_never_write_over_each_other(cast: Cast) -> None:
    plan(cast)
    with pytest.raises(Stale, match="newer"):
        plan(cast, "From an old window", after=0)


@pytest.mark.parametrize("who", ["a", "prescriber", "therapist_a", "lead"])
def test_only_their_own_couples_therapist_writes_it(cast: Cast, who: str) -> None:
    with pytest.raises(Refused, match="own couples therapist"):
        plan(cast, by=getattr(cast, who))


def test_a_plan_that_says_nothing_or_too_much_is_refused(cast: Cast) -> None:
    for said in ({"cadence": " "}, {"cadence": "x" * 301}, {"review_on": TODAY}, {"agreed": "x" * 100_001}):
        with pytest.raises(Refused):
            plan(cast, **said)  # type: ignore[arg-type]


def test_while_couple_work_is_on_hold_the_therapist_is_told_and_the_partners_pages_go_on(cast: Cast) -> None:
    with loading():
        CoupleHold.objects.create(clinic=cast.clinic, couple=cast.couple, placed_on=TODAY)
    with pytest.raises(Refused, match="on hold"):
        plan(cast)
    look(cast, cast.a)


def test_signs_are_named_by_each_and_taken_off_by_who_named_them(cast: Cast) -> None:
    post = uuid4()
    with door.opened(cast.a.id):
        for _ in range(2):
            sign = actions.name_sign(by=cast.a, words=" I go quiet. ", request_id=post)
    with door.opened(cast.b.id):
        assert WarningSign.objects.get().words == "I go quiet."
        with pytest.raises(Refused, match="no such sign of yours"):
            actions.drop_sign(by=cast.b, sign_id=sign.id)
        with pytest.raises(Refused, match="few words"):
            actions.name_sign(by=cast.b, words=" ", request_id=uuid4())
        with pytest.raises(Refused, match="300"):
            actions.name_sign(by=cast.b, words="x" * 301, request_id=uuid4())
    with door.opened(cast.couples_therapist.id), pytest.raises(Refused, match="not in a couple"):
        actions.name_sign(by=cast.couples_therapist, words="x", request_id=uuid4())
    with door.opened(cast.a.id):
        for _ in range(2):
            actions.drop_sign(by=cast.a, sign_id=sign.id)
        assert LaidAside.objects.get().author_id == cast.a.id
    for who in (cast.a, cast.b):
        with door.opened(who.id):
            assert not actions.signs_of(cast.couple).exists()
            assert WarningSign.objects.get().words == "I go quiet."  # it stays on record


def test_the_next_look_is_the_day_named_last(cast: Cast) -> None:
    assert due(cast, cast.a) is None
    plan(cast, review_on=SOON)
    assert due(cast, cast.a) == SOON
    look(cast, cast.b, next_on=SOON + timedelta(days=7))
    assert due(cast, cast.a) == due(cast, cast.couples_therapist) == SOON + timedelta(days=7)


def test_a_slip_is_kept_with_its_next_step_and_the_therapist_can_plan_a_session_with_it(cast: Cast) -> None:
    with pytest.raises(Refused, match="who calls whom"):
        look(cast, cast.a, Kind.RELAPSE)
    post, at = uuid4(), timezone.now() + timedelta(days=4)
    by_a = look(cast, cast.a, Kind.RELAPSE, next_step="Ben calls Dana.", next_on=SOON, session_at=at)
    with door.opened(cast.b.id):
        assert PlanReview.objects.get().words == "As it is.\nWhat happens next: Ben calls Dana."
        assert not CoupleSession.objects.exists(), "a session is the therapist's to plan"
    assert by_a.subject_id == cast.a.id
    dana = cast.couples_therapist
    for _ in range(2):
        look(cast, dana, Kind.RELAPSE, post, next_step="We meet.", next_on=SOON, session_at=at)
    with door.opened(cast.a.id):
        assert PlanReview.objects.count() == 2
        assert CoupleSession.objects.get().at == at


def test_nobody_else_looks_back_and_nothing_is_added_after_parting(cast: Cast) -> None:
    for other in (cast.stranger_a, cast.therapist_a, cast.lead):
        with pytest.raises(Refused):
            look(cast, other)
    with loading():
        cast.couple.parted_at = timezone.now()
        cast.couple.save()
        cast.couple.memberships.update(until=timezone.now())
    for who in (cast.a, cast.couples_therapist):
        with pytest.raises(Refused):
            look(cast, who)
    with pytest.raises(Refused):
        plan(cast)


# -------------------------------------------------------------------------------------------------- care plan


def add(
    by: Person, subject: Person, words: str = "A walk before breakfast", part: str = "daily"
) -> CarePlanItem:
    with door.opened(by.id):
        return actions.add_part(by=by, subject=subject, part=part, words=words, request_id=uuid4())


@pytest.mark.parametrize("who", ["a", "prescriber", "nurse", "therapist_a"])
def test_oneself_and_the_care_team_write_and_read_it_and_the_partner_does_not(cast: Cast, who: str) -> None:
    item = add(getattr(cast, who), cast.a)
    for reader in (cast.a, cast.prescriber, cast.nurse, cast.therapist_a):
        with door.opened(reader.id):
            assert CarePlanItem.objects.get().id == item.id
    for other in (
        cast.couples_therapist,
        cast.lead,
        cast.coordinator,
        cast.b,
        cast.stranger_a,
        cast.safety,
        cast.therapist_b,
        cast.other_lead,
    ):
        with door.opened(other.id):
            assert not CarePlanItem.objects.exists()


def test_their_couples_therapist_reads_it_when_released_and_the_lead_through_broken_glass(cast: Cast) -> None:
    item = add(cast.a, cast.a)
    with loading():
        text = ConsentText.objects.create(
            clinic=cast.clinic, kind="release", code="medical_summary", title="x", body="x", sha256="x"
        )
    with door.opened(cast.a.id):
        sign_consent(by=cast.a, text_id=text.id, signed_name="Amara", release_to="couples_therapist")
    with door.opened(cast.lead.id):
        break_glass(by=cast.lead, reason="They called and were unclear.", subject=cast.a)
    for reader in (cast.couples_therapist, cast.lead):
        with door.opened(reader.id):
            assert CarePlanItem.objects.get().id == item.id
            with pytest.raises(Refused, match="not change it"):
                actions.end_part(by=reader, subject=cast.a, item_id=item.id)


@pytest.mark.parametrize(
    "who",
    [
        "b",
        "stranger_a",
        "therapist_b",
        "stranger_prescriber",
        "other_lead",
        "couples_therapist",
        "lead",
        "coordinator",
    ],
)
def test_nobody_else_adds_to_it(cast: Cast, who: str) -> None:
    with pytest.raises(Refused):
        add(getattr(cast, who), cast.a)


def test_a_part_ends_and_stays_on_record(cast: Cast) -> None:
    item = add(cast.a, cast.a)
    with door.opened(cast.prescriber.id):
        for _ in range(2):
            actions.end_part(by=cast.prescriber, subject=cast.a, item_id=item.id)
    with door.opened(cast.a.id):
        kept = CarePlanItem.objects.get()
        assert kept.until is not None
        assert kept.words == "A walk before breakfast"
    with door.opened(cast.b.id), pytest.raises(Refused, match="no longer there"):
        actions.end_part(by=cast.b, subject=cast.a, item_id=item.id)


def test_what_cannot_be_kept_is_refused(cast: Cast) -> None:
    for said in ({"words": " "}, {"words": "x" * 501}, {"part": "money"}):
        with pytest.raises(Refused):
            add(cast.a, cast.a, **said)


def test_a_second_press_finds_what_the_first_kept_and_nobody_elses(cast: Cast) -> None:
    key = uuid4()

    def sign(by: Person) -> WarningSign:
        about = {"clinic_id": by.clinic_id, "couple": cast.couple, "subject": by, "author": by}
        return WarningSign(id=key, words="We stop asking.", **about)

    with door.opened(cast.a.id):
        assert kept_first(sign(cast.a))
        assert not kept_first(sign(cast.a))
        assert WarningSign.objects.count() == 1
    with door.opened(cast.b.id), pytest.raises(SentBefore):
        kept_first(sign(cast.b))
