"""What many monitors say at once is kept in one commit, and means what it would have meant one by one."""

import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.db import connection, transaction
from django.utils import timezone
from hypothesis import given, settings
from hypothesis import strategies as st

from bothwell.devices import hl7v2
from bothwell.devices.listen import Desk
from bothwell.models import Alarm, AlarmEvent, Channel, DosingSession, Sample
from bothwell.monitoring import alarms, feed, held, quick, quieting_actions
from bothwell.monitoring.channel import AlarmReading, ChannelState
from bothwell.monitoring.watch import SESSION, rows
from bothwell.privacy import door
from tests.conftest import LOGINS, loading
from tests.room import Bedside, as_final, as_login, open_bedside, said


@pytest.fixture
def _database(django_db_setup: None, django_db_blocker: object) -> Iterator[None]:
    with django_db_blocker.unblock():  # type: ignore[attr-defined]
        yield
        connection.close()


@pytest.fixture
def bedsides(_database: None) -> list[Bedside]:
    return [open_bedside(), open_bedside()]


def heard(message: bytes, received_at: datetime) -> tuple[hl7v2.Message, datetime]:
    read = hl7v2.read(message, received_at, UTC)
    assert isinstance(read, hl7v2.Message)
    return read, received_at


def lines(session: DosingSession) -> list[tuple[str, Decimal, Decimal | None]]:
    """Each value with the one it takes the place of."""
    with loading():
        found = Sample.objects.filter(session=session).order_by("code", "observed_at", "corrects_id", "id")
        return [(one.code, one.value, one.corrects.value if one.corrects else None) for one in found]


def alarms_of(session: DosingSession) -> list[tuple[str, int, str, str, list[str]]]:
    with loading():
        return [
            (one.code, one.number, one.priority, one.text, sorted(one.events.values_list("kind", flat=True)))
            for one in Alarm.objects.filter(session=session).order_by("code", "number")
        ]


def minute(device: str, begin: datetime) -> list[bytes]:
    """A fall and its end, a repeat, a late one, and a value corrected, twice."""
    at = [begin + timedelta(seconds=second) for second in range(12)]
    fall = [97, 96, 89, 88, 95, 96]
    messages = [
        said(device, at[n], f"m{n}", spo2=value, systolic=120 + n, heart_rate=70)
        for n, value in enumerate(fall)
    ]
    return [
        *messages,
        messages[2],
        said(device, at[8], "later", spo2=97),
        said(device, at[7], "late", spo2=85),
        said(device, at[9], "wrong", systolic=190),
        as_final(said(device, at[9], "right", systolic=119), "C"),
        as_final(said(device, at[9], "right again", systolic=121), "C"),
        as_final(said(device, at[9], "right again", systolic=121), "C"),
        said(device, at[10], "after", systolic=122, spo2=97),
    ]


def test_a_batch_means_what_its_messages_mean_one_by_one(bedsides: list[Bedside]) -> None:
    begin = timezone.now().replace(microsecond=0) - timedelta(minutes=3)
    together, alone = bedsides
    batch = [heard(each, begin + timedelta(minutes=2)) for each in minute(together.device.identifier, begin)]
    single = [heard(each, begin + timedelta(minutes=2)) for each in minute(alone.device.identifier, begin)]
    with as_login(LOGINS.work):
        at_once = feed.record_all(batch)
        one_by_one = [feed.record(message, received_at=at) for message, at in single]
    assert at_once == one_by_one
    assert lines(together.session) == lines(alone.session)
    assert alarms_of(together.session) == alarms_of(alone.session)
    assert [one[2] for one in alarms_of(together.session)] != []
    assert ("systolic", Decimal(121), Decimal(119)) in lines(together.session)


def test_one_bad_message_spoils_none_of_the_others(
    bedsides: list[Bedside], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    now = timezone.now()
    good = [said(one.device.identifier, now, f"good{n}", systolic=120) for n, one in enumerate(bedsides)]
    bad = said(bedsides[0].device.identifier, now - timedelta(seconds=5), "bad", diastolic=70)
    before = feed.insert_all

    def insert_all(entries: list[tuple[feed.Watched, feed.Entry]]) -> object:
        if any(entry.code == "diastolic" for _, entry in entries):
            raise KeyError("70")
        return before(entries)

    monkeypatch.setattr(feed, "insert_all", insert_all)
    desk = Desk()
    with as_login(LOGINS.work):
        outcomes = desk.outcomes([(each, now) for each in (good[0], bad, b"nothing", good[1])])
    answers = [desk.acknowledgement(outcome) or b"" for outcome in outcomes]
    assert [b"MSA|AA|good0" in answers[0], b"MSA|AE|bad" in answers[1]] == [True, True]
    assert [b"MSA|AR|" in answers[2], b"MSA|AA|good1" in answers[3]] == [True, True]
    assert [len(lines(one.session)) for one in bedsides] == [1, 1]
    assert "70" not in caplog.text.replace("KeyError", "")


def test_a_batch_that_is_not_committed_leaves_nothing_in_memory(bedsides: list[Bedside]) -> None:
    (bedside, _), now = bedsides, timezone.now()
    one, two = (said(bedside.device.identifier, now - timedelta(seconds=s), spo2=89) for s in (2, 1))
    with as_login(LOGINS.work):
        feed.record_all([heard(said(bedside.device.identifier, now - timedelta(seconds=3), spo2=97), now)])
        with transaction.atomic():
            feed.record_all([heard(one, now)])
            transaction.set_rollback(True)
        feed.record_all([heard(two, now)])
    assert [text for _, _, _, text, _ in alarms_of(bedside.session)] == ["SpO₂ 89 %: under the limit of 90"]
    assert len(lines(bedside.session)) == 2


def test_the_window_is_read_back_as_it_was_after_a_start(bedsides: list[Bedside]) -> None:
    """Killed at any moment: what the next process reads is what this one remembered."""
    (bedside, _), begin = bedsides, timezone.now().replace(microsecond=0) - timedelta(minutes=5)
    messages = minute(bedside.device.identifier, begin)
    # Longer than the window, and once ahead of its arrival.
    messages += [
        said(bedside.device.identifier, begin + timedelta(seconds=s), spo2=97, systolic=120, heart_rate=70)
        for s in range(20, 190, 3)
    ]
    with as_login(LOGINS.work):
        for message in messages:
            received_at = begin + timedelta(seconds=188)
            feed.record_all([heard(message, received_at)])
        remembered = {each.id: held._held[each.id].state for each in channels_of(bedside)}
        held.forget()
        session = watched(bedside)
        with transaction.atomic():
            read = {
                one.id: one.state for one in held.lock(session, {"spo2", "systolic", "heart_rate"}).values()
            }
    assert {key: placed(state) for key, state in read.items()} == {
        key: placed(state) for key, state in remembered.items()
    }
    assert max(len(state.window) for state in read.values()) > 30
    assert min(len(state.window) for state in read.values()) < len(messages)


def placed(state: ChannelState) -> ChannelState:
    """When a reading came counts only where its monitor's clock was ahead."""
    return replace(state, window=tuple(replace(one, received_at=one.ordered_at) for one in state.window))


def channels_of(bedside: Bedside) -> list[Channel]:
    return list(Channel.objects.filter(session_id=bedside.session.id))


def watched(bedside: Bedside) -> held.Watched:
    (found,) = rows(f"select {SESSION} where s.id = %s", [bedside.session.id])
    return held.Watched(*found)


def test_what_another_process_wrote_is_seen(bedsides: list[Bedside]) -> None:
    """A nurse's value and her correction fall between two messages of the monitor."""
    (bedside, _), now = bedsides, timezone.now()
    with as_login(LOGINS.work):
        feed.record_all(
            [heard(said(bedside.device.identifier, now - timedelta(seconds=9), systolic=190), now)]
        )
    remembered = dict(held._held)
    held.forget()
    with loading():
        (alarm,) = Alarm.objects.filter(session=bedside.session)
    with door.opened(bedside.cast.nurse.id):
        quieting_actions.acknowledge(by=bedside.cast.nurse, alarm_id=alarm.id)
    held._held.clear()
    held._held.update(remembered)
    with as_login(LOGINS.work):
        feed.record_all([heard(said(bedside.device.identifier, now, systolic=120), now)])
    with loading():
        kinds = list(AlarmEvent.objects.filter(alarm=alarm).order_by("id").values_list("kind", flat=True))
        (channel,) = Channel.objects.filter(session=bedside.session, code="systolic")
    assert kinds == ["acknowledged", "over"]
    assert channel.state["standing"] == []


def test_a_lone_message_does_not_wait_for_company(bedsides: list[Bedside]) -> None:
    desk, took = Desk(), []
    with as_login(LOGINS.work):
        for number in range(12):
            at = timezone.now()
            begun = time.perf_counter()
            desk.answer(said(bedsides[0].device.identifier, at, f"l{number}", heart_rate=70), at)
            took.append(time.perf_counter() - begun)
    # No timer anywhere: what one costs is its reading and its commit, also on a machine that is very busy.
    assert sorted(took)[len(took) // 2] < 0.5


@pytest.mark.parametrize(("ambient", "kept"), [(760, Decimal("38.76")), (None, None)])
def test_carbon_dioxide_in_per_cent_needs_the_pressure_of_the_air(
    bedsides: list[Bedside], ambient: int | None, kept: Decimal | None
) -> None:
    (bedside, _), now = bedsides, timezone.now()
    with loading():
        type(bedside.cast.clinic).objects.filter(id=bedside.cast.clinic.id).update(
            ambient_pressure_mmhg=ambient
        )
    message = said(bedside.device.identifier, now, "co2", systolic=120).replace(
        b"150021^MDC_PRESS_BLD_NONINV_SYS", b"151708^MDC_CONC_AWAY_CO2_ET"
    )
    message = message.replace(b"|120|266016^MDC_DIM_MMHG", b"|5.1|262688^MDC_DIM_PERCENT")
    with as_login(LOGINS.work):
        answer = Desk().answer(message, now) or b""
    with loading():
        found = list(Sample.objects.filter(session=bedside.session))
    assert (b"MSA|AA|co2" if kept else b"MSA|AE|co2") in answer
    assert [one.value for one in found] == ([kept] if kept else [])
    if kept:
        assert {**found[0].detail, "ref": ""} == {"ref": "", "told": "5.1 %", "ambient_mmhg": ambient}
        assert found[0].unit == "mmHg"


# ── the quick way is the same way ──

LIMITS = alarms.default_limits(
    {"spo2": {"alarm_low": 90, "warn_low": 93, "warn_low_sustained": {"value": 94, "seconds": 6}}}
)["spo2"]
BEGIN = datetime(2026, 1, 1, tzinfo=UTC)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from([88, 91, 93, 94, 95, 97, 97, 97]),
            st.integers(-20, 200),
            st.sampled_from(["", "1@1", "2@1"]),
            st.booleans(),
        ),
        max_size=40,
    )
)
def test_the_quick_way_answers_what_the_watch_would(told: list[tuple[int, int, str, bool]]) -> None:
    quickly = slowly = ChannelState()
    tail, at = None, BEGIN
    for number, (value, later_s, source, seen) in enumerate(told):
        at += timedelta(seconds=max(1, later_s // 4 if later_s < 150 else later_s))
        observed_at = at + timedelta(seconds=min(0, later_s))
        reading = AlarmReading(Decimal(value), observed_at, at, f"{number}", source)
        (quickly, events), tail = quick.step(LIMITS, quickly, reading, tail)
        slowly, expected = alarms.step(LIMITS, slowly, reading)
        assert (quickly, events) == (slowly, expected)
        if seen and slowly.standing:
            quickly, _ = alarms.acknowledge(quickly, number=slowly.standing[0].number, by="n", at=at)
            slowly, _ = alarms.acknowledge(slowly, number=slowly.standing[0].number, by="n", at=at)


def test_the_quick_way_is_taken_when_all_is_quiet() -> None:
    state, tail = ChannelState(), None
    for second in range(4):
        at = BEGIN + timedelta(seconds=second)
        (state, _), tail = quick.step(LIMITS, state, AlarmReading(Decimal(97), at, at, str(second)), tail)
    assert tail is not None and tail.window is state.window
