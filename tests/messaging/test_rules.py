"""Threads, times, rooms and calendars by rule: for whatever is drawn."""

from datetime import UTC, date, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import icalendar
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bothwell.messaging import booking, feed, threads, video
from bothwell.messaging.booking import Span
from bothwell.messaging.feed import Meeting
from bothwell.messaging.threads import Circle, Thread
from bothwell.privacy.circles import READS, WRITES, Relation

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
WHEN = st.datetimes(datetime(2024, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC))
SPANS = st.builds(Span.of, WHEN, st.integers(10, 300))
ROLES = st.sets(
    st.sampled_from(["prescriber", "nurse", "individual_therapist", "couples_therapist", "safety"])
)


# ── threads ──


def test_who_reads_a_thread_is_who_the_table_says() -> None:
    for circle, roles in threads.READ_BY.items():
        staff = {relation for relation, ways in READS[circle].items() if "Y" in ways}
        assert staff - {Relation.SELF, Relation.PARTNER} == set(map(Relation, roles))
        assert WRITES[circle] - {Relation.SELF, Relation.PARTNER} == set(map(Relation, roles))


@given(ROLES, ROLES, st.none() | st.uuids(), st.uuids())
def test_a_partner_writes_where_somebody_reads(
    roles: set[str], couple_roles: set[str], couple: UUID | None, person: UUID
) -> None:
    for thread in threads.threads_of_partner(person, couple, roles, couple_roles):
        assert thread.is_possible
        assert threads.READ_BY[thread.circle] & (couple_roles if thread.couple else roles)
        assert thread.person in (person, None)


@given(st.sampled_from(sorted(Relation)), st.none() | st.uuids(), st.none() | st.uuids())
def test_a_role_opens_only_its_own_threads(role: str, person: UUID | None, couple: UUID | None) -> None:
    for thread in threads.threads_of_role(role, person, couple, [UUID(int=1), UUID(int=2)]):
        assert thread.is_possible
        assert role in threads.READ_BY[thread.circle]


def test_the_safety_circle_and_the_lead_have_no_thread() -> None:
    for role in ("safety", "lead", "coordinator", "researcher"):
        assert threads.threads_of_role(role, UUID(int=1), None, []) == []
        assert threads.threads_of_role(role, None, UUID(int=1), []) == []
    assert not Thread(Circle.COUPLE, UUID(int=1), UUID(int=2)).is_possible
    assert not Thread(Circle.ALONE, UUID(int=1)).is_possible


@given(st.text(max_size=50))
def test_a_message_has_words_and_an_end(text: str) -> None:
    assert bool(threads.check(text)) == bool(text.strip())
    assert not threads.check(text + "x" * threads.LONGEST + "x")


@pytest.mark.parametrize("mode", ["no_secrets", "confidential", ""])
def test_each_agreement_says_to_each_what_it_means(mode: str) -> None:
    name, to_partner = threads.meaning(mode, for_staff=False)
    assert (name, to_partner) != threads.meaning(mode, for_staff=True)
    assert ("may be brought" in to_partner) == (mode != "confidential")


# ── times ──


@given(SPANS, SPANS)
def test_touching_is_mutual_and_means_a_common_minute(one: Span, other: Span) -> None:
    common = max(one.starts_at, other.starts_at) < min(one.ends_at, other.ends_at)
    assert one.touches(other) == other.touches(one) == common
    assert booking.is_free(one, [other]) == (not common)


@given(SPANS)
def test_one_may_follow_another_at_once(one: Span) -> None:
    assert not one.touches(Span.of(one.ends_at, 10))
    assert one.touches(one)


@given(
    st.dates(date(2020, 1, 1), date(2035, 1, 1)),
    st.sampled_from(["America/New_York", "Europe/Berlin", "UTC"]),
)
def test_days_follow_each_other_without_gap_whatever_the_clocks_do(day: date, zone: str) -> None:
    today, tomorrow = (booking.day_of(each, ZoneInfo(zone)) for each in (day, day + timedelta(days=1)))
    assert today.ends_at == tomorrow.starts_at
    assert today.ends_at - today.starts_at in {timedelta(hours=hours) for hours in (23, 24, 25)}


def test_the_day_the_clocks_change_has_23_and_25_hours() -> None:
    zone = ZoneInfo("America/New_York")
    hours = [
        (booking.day_of(day, zone).ends_at - booking.day_of(day, zone).starts_at) / timedelta(hours=1)
        for day in (date(2026, 3, 8), date(2026, 11, 1))
    ]
    assert hours == [23, 25]


@given(WHEN, st.integers(-500, 500))
def test_an_appointment_lies_ahead_and_lasts_a_while(at: datetime, minutes: int) -> None:
    fits = 10 <= minutes <= 240 and NOW < at <= NOW + booking.AHEAD
    assert bool(booking.check(at, minutes, NOW)) == fits


# ── video ──


@given(st.uuids(), st.uuids(), st.text(min_size=1, max_size=20))
def test_a_room_is_its_meetings_own_and_of_this_site(one: UUID, other: UUID, secret: str) -> None:
    name = video.room(one, secret)
    assert len(name) == 26
    assert set(name) <= set("abcdefghijklmnopqrstuvwxyz234567")
    assert name == video.room(one, secret) != video.room(one, secret + "x")
    assert (video.room(other, secret) == name) == (one == other)


@pytest.mark.parametrize(
    "link",
    [
        "http://video.example.org/{room}",
        "https://video.example.org/",
        "https://video.example.org/{room}/{room}",
        "https://{room}.example.org/",
        "https://user@video.example.org/{room}",
        "https://video.example.org/{room}\nx",
        "javascript:alert(1)//{room}",
        "//video.example.org/{room}",
        "https:///{room}",
        "https://video.example.org:99999/{room}",
        'https://video.example.org/{room}"onclick=',
        "https://[/{room}",
    ],
)
def test_an_address_we_would_not_open_is_refused_and_never_shown(link: str) -> None:
    assert not video.check(link)
    assert video.address(link, UUID(int=1), "s") == ""


def test_a_good_address_gets_the_room() -> None:
    for link in (
        "https://meet.example.org/{room}",
        "https://v.example.org:8443/j?room={room}",
        "https://x.org/#{room}",
    ):
        assert video.check(link)
        assert video.room(UUID(int=1), "s") in video.address(link, UUID(int=1), "s")
    assert video.check("")
    assert video.address("", UUID(int=1), "s") == ""


def test_the_way_in_is_open_from_a_quarter_before_to_the_end() -> None:
    opens = [-16, -15, 0, 49, 50]
    assert [video.is_open(NOW, 50, NOW + timedelta(minutes=each)) for each in opens] == [
        False,
        True,
        True,
        True,
        False,
    ]


# ── the calendar ──

MEETINGS = st.lists(
    st.builds(Meeting, st.uuids(), WHEN, st.integers(10, 300), st.booleans(), WHEN, st.integers(0, 5)),
    unique_by=lambda each: each.id,
    max_size=6,
)
OWNER, SECRET = UUID(int=7), "a secret"


@given(MEETINGS)
def test_a_calendar_tells_times_and_nothing_else(meetings: list[Meeting]) -> None:
    body = feed.written(meetings, OWNER, SECRET)
    assert body == feed.written(list(reversed(meetings)), OWNER, SECRET)
    events = icalendar.Calendar.from_ical(body).walk("VEVENT")
    by_name = {str(feed.uid(each.id, OWNER, SECRET)): each for each in meetings}
    assert sorted(str(event["UID"]) for event in events) == sorted(by_name)
    for event in events:
        said = by_name[str(event["UID"])]
        assert event.start == said.at.replace(microsecond=0)
        assert event.end - event.start == timedelta(minutes=said.minutes)
        assert str(event["STATUS"]) == ("CANCELLED" if said.is_cancelled else "CONFIRMED")
        assert int(event["SEQUENCE"]) == said.changes
        assert str(event["SUMMARY"]) == "Appointment"
        assert not {"LOCATION", "DESCRIPTION", "ORGANIZER", "ATTENDEE", "URL", "CATEGORIES"} & set(event)
    for each in meetings:
        assert str(each.id).encode() not in body


@given(st.uuids(), st.uuids(), st.uuids())
def test_nobody_can_tell_that_two_calendars_hold_the_same_meeting(
    meeting: UUID, one: UUID, other: UUID
) -> None:
    assert feed.uid(meeting, one, SECRET) == feed.uid(meeting, one, SECRET)
    assert (feed.uid(meeting, one, SECRET) == feed.uid(meeting, other, SECRET)) == (one == other)


def test_the_calendar_names_nothing_of_the_clinic() -> None:
    body = feed.written([Meeting(UUID(int=3), NOW, 50, False, NOW, 0)], OWNER, SECRET).decode().casefold()
    for word in ("bothwell", "clinic", "ketamine", "therap", "couple", "session", "dosing", "http"):
        assert word not in body
    assert "dtstart:20260301t120000z" in body
