"""The walls, one sentence each: who stands before which, and finds nothing."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from django.db import ProgrammingError, connection
from django.utils import timezone

from bothwell.models import (
    Assignment,
    Couple,
    CoupleSession,
    Grant,
    Insight,
    InsightVersion,
    Membership,
    Person,
    ProgressNote,
    Response,
)
from bothwell.privacy import door
from bothwell.privacy.models import Audience
from bothwell.privacy.sharing_actions import receive, revoke, share
from tests.cast import Cast, assign, make_cast, pair
from tests.conftest import LOGINS, loading
from tests.privacy.looking import eyes_of, our_tables, visible
from tests.privacy.worlds import filled

pytestmark = pytest.mark.django_db

LOOKED_AT = [
    table
    for table in our_tables()
    if table not in ("bothwell_doorkey", "bothwell_auditlink", "bothwell_noteskey", "bothwell_analysisuse")
]


@pytest.fixture
def cast() -> Cast:
    return make_cast()


def an_insight(who: Person, text: str = "what came up") -> InsightVersion:
    with loading():
        insight = Insight.objects.create(clinic_id=who.clinic_id, subject=who, author=who)
        return InsightVersion.objects.create(
            clinic_id=who.clinic_id, subject=who, author=who, insight=insight, number=1, text=text
        )


def sees(viewer: Person, thing: Any) -> bool:
    with door.opened(viewer.id):
        return type(thing).objects.filter(id=thing.id).exists()


def test_an_insight_is_its_authors_alone_until_given(cast: Cast) -> None:
    version = an_insight(cast.a)
    assert [name for name, who in cast.everyone().items() if sees(who, version)] == ["a"]


def test_a_gift_to_ones_partner_reaches_the_partner_and_nobody_else(cast: Cast) -> None:
    version = an_insight(cast.a)
    with door.opened(cast.a.id):
        share(by=cast.a, item_kind="insight", item=version, to=Audience.PARTNER)
    assert [name for name, who in cast.everyone().items() if sees(who, version)] == ["a", "b"]


def test_a_gift_taken_back_is_gone_with_the_next_look_opened_or_not(cast: Cast) -> None:
    version = an_insight(cast.a)
    with door.opened(cast.a.id):
        grant = share(by=cast.a, item_kind="insight", item=version, to=Audience.PARTNER)
    with door.opened(cast.b.id):
        receive(by=cast.b, item_kind="insight", item=InsightVersion.objects.get(id=version.id))
    with door.opened(cast.a.id):
        revoke(by=cast.a, grant_id=grant.id)
    assert not sees(cast.b, version)
    assert not sees(cast.b, grant)


def test_a_gift_slept_on_is_not_there_until_it_opens(cast: Cast) -> None:
    version = an_insight(cast.a)
    with door.opened(cast.a.id):
        grant = share(
            by=cast.a,
            item_kind="insight",
            item=version,
            to=Audience.PARTNER,
            opens_at=timezone.now() + timedelta(hours=8),
        )
    assert not sees(cast.b, version)
    assert not sees(cast.b, grant)
    with loading():
        Grant.objects.filter(id=grant.id).update(opens_at=timezone.now() - timedelta(days=1))
    assert sees(cast.b, version)


def test_a_former_partner_loses_gifts_and_keeps_what_both_had_opened(cast: Cast) -> None:
    version = an_insight(cast.a)
    with door.opened(cast.a.id):
        share(by=cast.a, item_kind="insight", item=version, to=Audience.PARTNER)
    with loading():
        Couple.objects.filter(id=cast.couple.id).update(parted_at=timezone.now())
        Membership.objects.filter(couple=cast.couple).update(until=timezone.now())
    assert not sees(cast.b, version)
    with eyes_of(cast.b.id) as cursor:
        cursor.execute("select subject from door.busy()")
        assert cast.a.id not in {subject for (subject,) in cursor.fetchall()}


def test_a_couple_that_comes_together_again_does_not_open_the_old_gifts(cast: Cast) -> None:
    version = an_insight(cast.a)
    with door.opened(cast.a.id):
        share(by=cast.a, item_kind="insight", item=version, to=Audience.PARTNER)
    with loading():
        Couple.objects.filter(id=cast.couple.id).update(parted_at=timezone.now())
        Membership.objects.filter(couple=cast.couple).update(until=timezone.now())
        pair(cast.clinic, cast.a, cast.b)
    assert not sees(cast.b, version)


def test_a_nurse_who_is_the_partner_sees_a_partners_view_and_no_more(cast: Cast) -> None:
    """Even when the assignment is older than the couple."""
    with loading():
        Couple.objects.filter(id=cast.couple.id).update(parted_at=timezone.now())
        Membership.objects.filter(couple=cast.couple).update(until=timezone.now())
        pair(cast.clinic, cast.b, cast.nurse)
        answers = filled(
            Response,
            {},
            clinic=cast.clinic,
            subject=cast.b,
            author=cast.b,
            kind="measure.predose",
            status="sent",
            sent_at=timezone.now(),
        )
        answers.save(force_insert=True)
    assert sees(cast.prescriber, answers)
    assert not sees(cast.nurse, answers)
    with door.opened(cast.nurse.id):
        assert not Assignment.objects.filter(subject=cast.b).exclude(staff=cast.nurse).exists()


def test_a_lead_does_not_touch_the_care_team_log_or_login_of_their_own_partner(cast: Cast) -> None:
    with loading():
        Couple.objects.filter(id=cast.couple.id).update(parted_at=timezone.now())
        Membership.objects.filter(couple=cast.couple).update(until=timezone.now())
        pair(cast.clinic, cast.b, cast.lead)
        before = Assignment.objects.filter(subject=cast.b, until__isnull=True).count()
    with eyes_of(cast.lead.id) as cursor:
        cursor.execute("update bothwell_assignment set until = '3001-01-01'")
        cursor.execute("select set_config('role', 'bothwell_loader', true)")
        assert Assignment.objects.filter(subject=cast.b, until__isnull=True).count() == before
        assert not Assignment.objects.filter(subject=cast.a, until__isnull=True).exists()
    with door.opened(cast.lead.id), connection.cursor() as cursor:
        cursor.execute("select person_id from bothwell_user")
        assert cast.b.id not in {person for (person,) in cursor.fetchall()}


def test_a_role_ends_with_its_last_moment(cast: Cast) -> None:
    with loading():
        note = filled(
            ProgressNote,
            {"CoupleSession": _couple_session(cast)},
            clinic=cast.clinic,
            couple=cast.couple,
            author=cast.couples_therapist,
        )
        note.save(force_insert=True)
    assert sees(cast.couples_therapist, note)
    with loading():
        Assignment.objects.filter(staff=cast.couples_therapist).update(
            until=timezone.now() - timedelta(days=1)
        )
    assert not sees(cast.couples_therapist, note)


def test_two_circles_towards_one_person_add_up_and_a_strangers_prescriber_has_none(cast: Cast) -> None:
    with loading():
        assign(cast.nurse, "individual_therapist", subject=cast.a)
        answers = filled(
            Response,
            {},
            clinic=cast.clinic,
            subject=cast.a,
            author=cast.a,
            kind="measure.individual",
            status="sent",
            sent_at=timezone.now(),
        )
        answers.save(force_insert=True)
    assert sees(cast.nurse, answers)
    assert not sees(cast.stranger_prescriber, answers)


def _couple_session(cast: Cast) -> Any:
    session = filled(CoupleSession, {}, clinic=cast.clinic, couple=cast.couple, author=cast.couples_therapist)
    session.save(force_insert=True)
    return session


# ----------------------------------------------------------------------------------- no viewer, or not the right one


def _expired(cast: Cast) -> str:
    return door.token(cast.a.id, now=datetime.now(UTC) - timedelta(minutes=3))


def _someone_elses(cast: Cast) -> str:
    _, expires, signature = door.token(cast.a.id).split(".")
    return f"{cast.b.id}.{expires}.{signature}"


def _prolonged(cast: Cast) -> str:
    person, expires, signature = door.token(cast.a.id).split(".")
    return f"{person}.{int(expires) + 3600}.{signature}"


@pytest.mark.parametrize(
    "token",
    [
        lambda cast: "",
        lambda cast: str(cast.a.id),
        lambda cast: f"{cast.a.id}.99999999999.{'0' * 64}",
        lambda cast: door.token(cast.a.id) + "0",
        lambda cast: door.token(cast.a.id).upper(),
        lambda cast: door.token(uuid4()),
        lambda cast: "' or true --",
        _expired,
        _someone_elses,
        _prolonged,
    ],
    ids=[
        "none",
        "a bare name",
        "invented",
        "longer",
        "upper case",
        "of nobody",
        "text",
        "expired",
        "of another",
        "prolonged",
    ],
)
def test_without_a_good_token_every_table_is_empty(cast: Cast, token: Callable[[Cast], str]) -> None:
    an_insight(cast.a)
    with connection.cursor() as cursor:
        cursor.execute(
            "select set_config('role', 'bothwell_viewer', true), set_config('bothwell.viewer', %s, true)",
            [token(cast)],
        )
        assert visible(cursor, LOOKED_AT) == {}
        cursor.execute(
            "select door.me(), (select count(*) from door.busy()), (select count(*) from door.subjects('person.name'))"
        )
        me, busy, names = cursor.fetchone()
        assert (busy, names) == (0, int(me is not None))  # one's own name, though nobody bears it
    door.close()


def test_a_good_token_of_somebody_unknown_is_nobody(cast: Cast) -> None:
    with door.opened(uuid4()):
        assert Person.objects.count() == 0


def test_before_the_door_the_web_login_sees_no_clinical_table(cast: Cast) -> None:
    before_the_door = {"bothwell_user", "bothwell_invitation", "bothwell_calendarfeed"}
    with psycopg.connect(LOGINS.web, autocommit=True) as web:
        for table in our_tables():
            if table not in before_the_door:
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    web.execute(f"select 1 from {table}")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):  # whose a calendar is, and no more
            web.execute("select id from bothwell_calendarfeed")
        for function in ("subjects('person.name')", "granted('insight')", "busy()", "reads()"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                web.execute(f"select * from door.{function}")


@pytest.mark.parametrize("role", ["bothwell_owner", "bothwell_rules", "bothwell_work", "postgres"])
def test_neither_the_web_login_nor_a_viewer_becomes_a_stronger_role(role: str) -> None:
    with psycopg.connect(LOGINS.web, autocommit=True) as web:
        for statement in (f"set role {role}", f"set session authorization {role}"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                web.execute(statement)  # type: ignore[call-overload]
        web.execute("set role bothwell_viewer")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            web.execute(f"set role {role}")  # type: ignore[call-overload]
        for sly in (
            "create temporary table x (y int)",
            "create function public.f() returns int language sql as 'select 1'",
            "alter table bothwell_insight disable row level security",
            "create policy p on bothwell_insight using (true)",
            "drop function door.me() cascade",
            "select * from bothwell_doorkey",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                web.execute(sly)  # type: ignore[call-overload]


def test_switching_row_security_off_gives_an_error_and_no_rows(cast: Cast) -> None:
    an_insight(cast.a)
    with eyes_of(cast.b.id) as cursor:
        cursor.execute("set local row_security = off")
        with pytest.raises(ProgrammingError, match="row-level security"):
            cursor.execute("select * from bothwell_insightversion")


def test_a_viewer_outside_the_door_cannot_name_themselves(cast: Cast) -> None:
    """Whoever gets text into a query can take the role back, and name a person; they cannot sign for one."""
    with eyes_of(cast.b.id) as cursor:
        cursor.execute("reset role")
        cursor.execute(
            "select set_config('bothwell.viewer', %s, true), set_config('role', 'bothwell_viewer', true)",
            [f"{cast.a.id}.9999999999.{'a' * 64}"],
        )
        cursor.execute("select door.me()")
        assert cursor.fetchone() == (None,)


def test_the_work_login_reads_no_clinical_text() -> None:
    may_read = {
        "bothwell_administration",
        "bothwell_alarm",
        "bothwell_alarmevent",
        "bothwell_assignment",
        "bothwell_binding",
        "bothwell_channel",
        "bothwell_clinic",
        "bothwell_clinicinstrument",
        "bothwell_closeto",
        "bothwell_contact",
        "bothwell_couple",
        "bothwell_couplepause",
        "bothwell_course",
        "bothwell_device",
        "bothwell_dosingsession",
        "bothwell_escalation",
        "bothwell_invitation",
        "bothwell_membership",
        "bothwell_nextdaycall",
        "bothwell_order",
        "bothwell_person",
        "bothwell_protocolversion",
        "bothwell_pushaddress",
        "bothwell_reminder",
        "bothwell_request",
        "bothwell_response",
        "bothwell_safetyflag",
        "bothwell_safetyflagacknowledged",
        "bothwell_safetyflagclosed",
        "bothwell_sample",
        "bothwell_staffrole",
        "bothwell_user",
    }
    with psycopg.connect(LOGINS.work, autocommit=True) as work:
        allowed = {
            table
            for table in our_tables()
            if work.execute("select has_any_column_privilege(%s, 'select')", [table]).fetchone() == (True,)
        }
        assert allowed == may_read
        for table, column in (
            ("bothwell_administration", "substance"),
            ("bothwell_administration", "dose_mg"),
            ("bothwell_administration", "note"),
            ("bothwell_nextdaycall", "answers"),
            ("bothwell_nextdaycall", "note"),
            ("bothwell_closeto", "how"),
            ("bothwell_contact", "full_name"),
            ("bothwell_contact", "born_on"),
            ("bothwell_order", "dose_mg"),
            ("bothwell_order", "product"),
            ("bothwell_order", "out_of_range_reason"),
            ("bothwell_person", "name_used"),
            ("bothwell_response", "answers"),
            ("bothwell_response", "total"),
            ("bothwell_response", "flags"),
            ("bothwell_safetyflag", "what"),
            ("bothwell_safetyflagacknowledged", "plan"),
            ("bothwell_safetyflagclosed", "reason"),
        ):
            assert work.execute(
                "select has_column_privilege(%s, %s, 'select')", [table, column]
            ).fetchone() == (False,)


def test_the_viewer_ends_with_the_transaction(cast: Cast) -> None:
    with psycopg.connect(LOGINS.web) as web:
        web.execute(
            "select set_config('bothwell.viewer', %s, true), set_config('role', 'bothwell_viewer', true)",
            [door.token(cast.a.id)],
        )
        web.commit()
        assert web.execute("select current_user, current_setting('bothwell.viewer', true)").fetchone() == (
            "bothwell_web",
            "",
        )
