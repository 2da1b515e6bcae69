"""A reading is kept once, on the right person, and means one alarm; people's words go the same way."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import UUID, uuid4

import pytest
from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from bothwell.devices import hl7v2
from bothwell.models import Alarm, AlarmEvent, AuditEntry, Binding, DosingSession, Note, Person, Sample
from bothwell.monitoring import (
    artefact_actions,
    binding_actions,
    entry_actions,
    feed,
    quieting_actions,
    ticking,
    watch,
)
from bothwell.privacy import door
from bothwell.refusal import Refused, Stale
from bothwell.web import bedside_values, room_news
from tests.conftest import LOGINS, loading
from tests.room import Bedside, add_device, as_final, as_login, bind, open_bedside, open_session, said


@pytest.fixture(autouse=True)
def _database(django_db_setup: None, django_db_blocker: object) -> Iterator[None]:
    with django_db_blocker.unblock():  # type: ignore[attr-defined]
        yield
        connection.close()


@pytest.fixture
def bedside() -> Bedside:
    return open_bedside()


def now() -> datetime:
    return timezone.now().replace(microsecond=0)


def heard(message: bytes, received_at: datetime | None = None) -> feed.Recorded:
    """As the listener would: read, take down as the feed's login."""
    received_at = received_at or timezone.now()
    read = hl7v2.read(message, received_at, UTC)
    assert isinstance(read, hl7v2.Message)
    assert read.readings
    with as_login(LOGINS.work):
        return feed.record(read, received_at=received_at)


def samples(session: DosingSession) -> list[tuple[str, Decimal, UUID | None]]:
    with loading():
        found = Sample.objects.filter(session=session).order_by("id")
        return [(sample.code, sample.value, sample.corrects_id) for sample in found]


def alarms_of(session: DosingSession) -> list[tuple[str, str, list[str]]]:
    """Code, priority and what became of each alarm."""
    with loading():
        return [
            (alarm.code, alarm.priority, sorted(alarm.events.values_list("kind", flat=True)))
            for alarm in Alarm.objects.filter(session=session).order_by("id")
        ]


# ── the feed ──


def test_a_message_is_kept_once_however_often_it_comes(bedside: Bedside) -> None:
    message = said(bedside.device.identifier, now(), systolic=190, heart_rate=70, spo2=97)
    assert heard(message) == feed.Recorded(True, kept=3)
    before = (samples(bedside.session), alarms_of(bedside.session))
    assert heard(message) == feed.Recorded(True, repeated=3)
    assert (samples(bedside.session), alarms_of(bedside.session)) == before
    assert before[1] == [("systolic", "high", [])]


def test_a_limit_crossed_is_one_alarm_until_it_is_over(bedside: Bedside) -> None:
    start = now() - timedelta(seconds=20)
    for second, value in enumerate([97, 89, 88, 89, 95, 96, 97]):
        heard(said(bedside.device.identifier, start + timedelta(seconds=second), spo2=value))
    assert alarms_of(bedside.session) == [("spo2", "high", ["over"])]


def test_a_rise_is_measured_from_the_last_value_before_the_dose() -> None:
    bedside = open_bedside(dosed=True)
    before, after = now() - timedelta(minutes=35), now() - timedelta(minutes=10)
    heard(said(bedside.device.identifier, before - timedelta(minutes=5), systolic=150))
    heard(said(bedside.device.identifier, before, systolic=110))
    assert alarms_of(bedside.session) == []
    heard(said(bedside.device.identifier, after, systolic=150))
    with loading():
        (alarm,) = Alarm.objects.filter(session=bedside.session)
    assert (alarm.priority, alarm.text) == ("high", "Systolic 150 mmHg: 40 over baseline")


def test_a_baseline_that_was_an_artefact_is_none_from_the_next_reading_on() -> None:
    bedside = open_bedside(dosed=True)
    before, after = now() - timedelta(minutes=35), now() - timedelta(minutes=10)
    heard(said(bedside.device.identifier, before - timedelta(minutes=5), systolic=110))
    heard(said(bedside.device.identifier, before, systolic=150))
    heard(said(bedside.device.identifier, after, systolic=148))
    assert alarms_of(bedside.session) == []
    with loading():
        moving = Sample.objects.get(session=bedside.session, value=150)
    with transaction.atomic(), door.opened(bedside.cast.nurse.id):
        artefact_actions.mark_artefact(
            by=bedside.cast.nurse, sample_id=moving.id, reason="The arm moved.", request_id=uuid4()
        )
    heard(said(bedside.device.identifier, after + timedelta(minutes=5), systolic=151))
    with loading():
        (alarm,) = Alarm.objects.filter(session=bedside.session)
    assert alarm.text == "Systolic 151 mmHg: 41 over baseline"


def test_before_a_dose_there_is_no_baseline(bedside: Bedside) -> None:
    heard(said(bedside.device.identifier, now() - timedelta(minutes=5), systolic=100))
    heard(said(bedside.device.identifier, now(), systolic=150))
    assert alarms_of(bedside.session) == []


def test_what_an_unknown_device_says_is_kept_nowhere(bedside: Bedside) -> None:
    assert heard(said("00000000000000FF", now(), systolic=190)) == feed.Recorded(False)


def test_a_retired_device_is_not_known(bedside: Bedside) -> None:
    with loading():
        type(bedside.device).objects.filter(id=bedside.device.id).update(is_retired=True)
    assert heard(said(bedside.device.identifier, now(), systolic=190)) == feed.Recorded(False)


def test_what_a_device_on_nobody_says_is_kept_nowhere() -> None:
    bedside = open_bedside(is_bound=False)
    message = said(bedside.device.identifier, now(), systolic=190)
    assert heard(message) == feed.Recorded(True, on_nobody=1)
    assert samples(bedside.session) == []


def test_what_was_observed_on_the_last_patient_never_lands_on_the_next(bedside: Bedside) -> None:
    observed_at = timezone.now() - timedelta(minutes=5)
    with loading():
        Binding.objects.filter(device=bedside.device).update(until=timezone.now() - timedelta(minutes=2))
        next_session = open_session(bedside.cast, bedside.cast.stranger_a)
        bind(bedside.cast, next_session, bedside.device, timezone.now() - timedelta(minutes=1))
    assert heard(said(bedside.device.identifier, observed_at, systolic=120)).kept == 1
    assert (
        heard(said(bedside.device.identifier, observed_at + timedelta(seconds=210), systolic=121)).on_nobody
        == 1
    )
    assert heard(said(bedside.device.identifier, now(), systolic=122)).kept == 1
    assert [value for _, value, _ in samples(bedside.session)] == [120]
    assert [value for _, value, _ in samples(next_session)] == [122]


def test_what_comes_after_the_end_is_kept_without_an_alarm(bedside: Bedside) -> None:
    with loading():
        DosingSession.objects.filter(id=bedside.session.id).update(
            ended_at=timezone.now() - timedelta(seconds=30), outcome="discharged"
        )
    late = timezone.now() - timedelta(minutes=1)
    assert heard(said(bedside.device.identifier, late, systolic=190)).kept == 1
    assert heard(said(bedside.device.identifier, now(), systolic=191)).on_nobody == 1
    assert [value for _, value, _ in samples(bedside.session)] == [190]
    assert alarms_of(bedside.session) == []


def test_a_correction_is_a_new_row_and_comes_once(bedside: Bedside) -> None:
    at = now()
    first = said(bedside.device.identifier, at, systolic=190)
    corrected = as_final(said(bedside.device.identifier, at, systolic=120), "C")
    heard(first)
    assert heard(corrected).kept == 1
    assert heard(corrected).kept == 0
    assert heard(first).kept == 0
    (_, wrong, none), (_, right, corrects) = samples(bedside.session)
    assert (wrong, none, right) == (190, None, 120)
    assert corrects is not None
    assert alarms_of(bedside.session) == [("systolic", "high", ["over"])]


def test_corrections_that_take_turns_are_each_kept_and_repeats_are_not(bedside: Bedside) -> None:
    at = now()
    heard(said(bedside.device.identifier, at, systolic=130))
    turns = [as_final(said(bedside.device.identifier, at, systolic=value), "C") for value in (140, 130, 140)]
    assert [heard(message).kept for message in turns] == [1, 1, 1]
    assert [heard(message).kept for message in turns] == [0, 0, 0]
    assert [value for _, value, _ in samples(bedside.session)] == [130, 140, 130, 140]


ECG, PLETH = b"|147842^MDC_ECG_HEART_RATE^MDC|", b"|149530^MDC_PULS_OXIM_PULS_RATE^MDC|"


def two_rates(device: str, at: datetime, ecg: int, pleth: int, status: str = "R") -> bytes:
    """A message in which a monitor says the heart rate of its ECG and the pulse of its oximeter."""
    message = as_final(said(device, at, heart_rate=pleth), status)
    head, order, pulse = message.rstrip(b"\r").split(b"\r")
    assert PLETH in pulse
    beside = pulse.replace(PLETH, ECG).replace(f"|{pleth}|".encode(), f"|{ecg}|".encode())
    return b"\r".join([head, order, pulse, beside.replace(b"OBX|1|", b"OBX|2|"), b""])


def rates(session: DosingSession) -> list[tuple[str, Decimal]]:
    with loading():
        found = Sample.objects.filter(session=session, code="heart_rate").order_by("observed_at", "id")
        return [(sample.source.partition("@")[0], sample.value) for sample in found]


def test_two_heart_rates_of_the_same_instant_are_both_kept_and_both_watched(bedside: Bedside) -> None:
    at = now() - timedelta(seconds=20)
    for second in range(0, 20, 2):
        message = two_rates(bedside.device.identifier, at + timedelta(seconds=second), 38, 75)
        assert heard(message) == feed.Recorded(True, kept=2)
        assert heard(message) == feed.Recorded(True, repeated=2)
    assert sorted(rates(bedside.session)) == [("147842", 38)] * 10 + [("149530", 75)] * 10
    assert alarms_of(bedside.session) == [("heart_rate", "high", [])]
    with loading():
        (alarm,) = Alarm.objects.filter(session=bedside.session)
    assert alarm.text.startswith("Heart rate 38 /min")


def test_a_correction_goes_to_the_source_it_speaks_of(bedside: Bedside) -> None:
    at = now()
    heard(two_rates(bedside.device.identifier, at, 38, 75))
    assert heard(two_rates(bedside.device.identifier, at, 78, 75, "C")).kept == 1
    with loading():
        right = Sample.objects.get(session=bedside.session, corrects__isnull=False)
        assert right.corrects is not None
        assert (right.source, right.value, right.corrects.value) == (right.corrects.source, 78, 38)
    assert alarms_of(bedside.session) == [("heart_rate", "high", ["over"])]


def test_a_correction_from_another_place_in_the_device_finds_the_one_value_there_is(bedside: Bedside) -> None:
    at = now()
    heard(said(bedside.device.identifier, at, heart_rate=140))
    moved = as_final(said(bedside.device.identifier, at, heart_rate=75), "C").replace(
        b"|1.2.1.1|", b"|7.7.7.7|"
    )
    assert heard(moved).kept == 1
    with loading():
        assert Sample.objects.get(session=bedside.session, value=75).corrects_id is not None


def test_the_room_and_the_live_line_show_the_ecg_before_the_oximeter(bedside: Bedside) -> None:
    heard(two_rates(bedside.device.identifier, now(), 71, 75))
    nurse = bedside.cast.nurse
    with door.opened(nurse.id):
        assert bedside_values.newest([bedside.session.id])[bedside.session.id]["heart_rate"].value == 71
        assert [one.value for one in bedside_values.charted(bedside.session.id)] == [71]
        update = room_news.room_update(nurse.id, bedside.session.id)
    assert update is not None
    assert [one["value"] for one in update["samples"]] == [71]


# ── the monitor's clock ──


def trouble(bedside: Bedside) -> str:
    with loading():
        return type(bedside.device).objects.get(id=bedside.device.id).clock_trouble


@pytest.mark.parametrize(
    ("behind_s", "said_so"), [(0, ""), (600, "10 minutes behind"), (-300, "5 minutes ahead")]
)
def test_a_clock_that_is_wrong_is_told_and_no_time_is_changed(
    bedside: Bedside, behind_s: int, said_so: str
) -> None:
    start = timezone.now() - timedelta(seconds=60)
    for second in range(0, 60, 10):
        at = start + timedelta(seconds=second)
        with as_login(LOGINS.work):
            shown = {bedside.device.identifier: at - timedelta(seconds=behind_s), "nobody's": at}
            feed.look_at_clocks(shown, received_at=at)
    assert said_so in trouble(bedside)
    assert bool(said_so) == bool(trouble(bedside))
    observed_at = now() - timedelta(seconds=max(behind_s, 0))
    heard(said(bedside.device.identifier, observed_at, systolic=120))
    with loading():
        kept = Sample.objects.get(session=bedside.session)
    assert (kept.observed_at, kept.recorded_at > observed_at) == (observed_at, True)


def test_the_feed_changes_nothing_of_a_monitor_but_what_it_knows_of_its_clock(bedside: Bedside) -> None:
    with as_login(LOGINS.work), pytest.raises(DatabaseError), transaction.atomic():
        type(bedside.device).objects.filter(id=bedside.device.id).update(name="Mine")


# ── what a monitor held back ──


def test_what_was_held_back_comes_in_its_own_order_and_calls_as_it_would_have(bedside: Bedside) -> None:
    start = now() - timedelta(minutes=30)

    def say(second: int, spo2: int, late_s: int = 0) -> None:
        at = start + timedelta(seconds=second)
        assert heard(said(bedside.device.identifier, at, spo2=spo2), at + timedelta(seconds=late_s)).kept == 1

    for second in (0, 4, 8):
        say(second, 97)
    for second in range(600, 800, 4):  # live again, and only then what was held back
        say(second, 96)
    for second in range(12, 120, 4):
        say(second, 87 if 40 <= second < 80 else 97, late_s=700)
    found = alarms_of(bedside.session)
    assert found == [("spo2", "high", ["over"])]
    with loading():
        order = Sample.objects.filter(session=bedside.session).order_by("observed_at")
        assert [int(one.value) for one in order if one.value < 90] == [87] * 10


def test_a_value_nothing_living_shows_is_kept_as_an_artefact_and_calls_nobody(bedside: Bedside) -> None:
    assert heard(said(bedside.device.identifier, now(), spo2=1)).kept == 1
    assert heard(said(bedside.device.identifier, now(), heart_rate=9_999_999)).kept == 0
    with loading():
        assert [sample.is_artefact for sample in Sample.objects.filter(session=bedside.session)] == [True]
    assert alarms_of(bedside.session) == []


def test_bytes_no_database_could_hold_do_not_stop_the_feed(bedside: Bedside) -> None:
    message = said(bedside.device.identifier, now(), control_id="a\\X00\\b", systolic=120)
    message = message.replace(b"^EUI-64\r", b"^EUI-64||arm\\X00\\\r")
    assert heard(message).kept == 1
    assert not heard(message.replace(f"{bedside.device.identifier}^^".encode(), b"\\X00\\^^")).kept


def test_the_feed_speaks_for_nobody(bedside: Bedside) -> None:
    with as_login(LOGINS.work), pytest.raises(DatabaseError), transaction.atomic():
        Sample(
            clinic=bedside.cast.clinic, subject=bedside.cast.a, author=bedside.cast.nurse,
            session=bedside.session, code="nausea", value=1, unit="", observed_at=timezone.now(),
        ).save(force_insert=True)  # fmt: skip


# ── time goes by ──


def tick(at: datetime) -> None:
    with as_login(LOGINS.work):
        ticking.tick(at)


def test_a_signal_that_goes_is_told_once_and_is_over_when_it_returns(bedside: Bedside) -> None:
    at = now()
    heard(said(bedside.device.identifier, at, spo2=97, systolic=120), at)
    tick(at + timedelta(seconds=7))
    assert alarms_of(bedside.session) == []
    for seconds in (8, 9, 10):
        tick(at + timedelta(seconds=seconds))
    assert alarms_of(bedside.session) == [("monitor", "technical", [])]
    heard(said(bedside.device.identifier, at + timedelta(seconds=11), spo2=97), at + timedelta(seconds=11))
    tick(at + timedelta(seconds=12))
    assert alarms_of(bedside.session) == [("monitor", "technical", ["over"])]


def test_a_lost_feed_is_one_alarm_that_names_what_is_missing(bedside: Bedside) -> None:
    at = now()
    heard(said(bedside.device.identifier, at, spo2=97, heart_rate=70, respiratory_rate=14), at)
    for seconds in (8, 9, 10, 20):
        tick(at + timedelta(seconds=seconds))
    with loading():
        (alarm,) = Alarm.objects.filter(session=bedside.session)
    assert alarm.text == (
        "SpO₂, Heart rate, Respiratory rate: no reading for 8 seconds. Watch the monitor itself"
    )
    acknowledged(bedside, alarm)
    tick(at + timedelta(seconds=400))
    assert alarms_of(bedside.session) == [("monitor", "technical", ["acknowledged"])]


def test_a_lost_feed_nobody_answers_goes_further_level_by_level(bedside: Bedside) -> None:
    at = now()
    heard(said(bedside.device.identifier, at, spo2=97), at)
    tick(at + timedelta(seconds=8))
    for seconds in (watch.ESCALATE_AFTER_SECONDS + 7, watch.ESCALATE_AFTER_SECONDS + 8, 400):
        tick(at + timedelta(seconds=seconds))
    assert alarms_of(bedside.session) == [("monitor", "technical", ["escalated", "escalated"])]


def test_oximetry_that_never_speaks_is_missed_other_quantities_are_not(bedside: Bedside) -> None:
    at = now()
    tick(at)
    tick(at + timedelta(seconds=9))
    assert alarms_of(bedside.session) == [("monitor", "technical", [])]


def test_without_a_monitor_nothing_is_missed() -> None:
    bedside = open_bedside(is_bound=False)
    tick(now())
    tick(now() + timedelta(seconds=60))
    assert alarms_of(bedside.session) == []


def test_an_alarm_nobody_answers_goes_further_once(bedside: Bedside) -> None:
    at = now()
    heard(said(bedside.device.identifier, at, systolic=190), at)
    patience = watch.ESCALATE_AFTER_SECONDS
    for seconds in (patience - 1, patience, patience + 1):
        tick(at + timedelta(seconds=seconds))
    assert [each for each in alarms_of(bedside.session) if each[0] == "systolic"] == [
        ("systolic", "high", ["escalated"])
    ]


# ── people ──


def entered(bedside: Bedside, by: Person | None = None, **wanted: object) -> entry_actions.Entered:
    by = by or bedside.cast.nurse
    given = {"readings": {"systolic": Decimal(150), "diastolic": Decimal(80)}, "request_id": uuid4()} | wanted
    with door.opened(by.id):
        return entry_actions.enter(by=by, session=bedside.session, **given)  # type: ignore[arg-type]


def test_an_entry_is_kept_once_with_its_author_and_its_words(bedside: Bedside) -> None:
    request_id = uuid4()
    given = {"dissociation": Decimal(2), "nausea": Decimal(4), "sedation": Decimal(5)}
    first = entered(bedside, readings=given, request_id=request_id, wanted=True, note="Calm.")
    again = entered(bedside, readings=given, request_id=request_id, wanted=True, note="Calm.")
    assert {sample.id for sample in first.samples} == {sample.id for sample in again.samples}
    assert (first.is_repeat, again.is_repeat) == (False, True)
    assert len(samples(bedside.session)) == 3
    assert alarms_of(bedside.session) == [("nausea", "medium", [])]
    with loading():
        kept = Sample.objects.get(session=bedside.session, code="dissociation")
        assert (kept.author_id, kept.device_id, kept.detail) == (
            bedside.cast.nurse.id,
            None,
            {"wanted": True},
        )
        assert Note.objects.filter(session=bedside.session).count() == 1
        log = AuditEntry.objects.filter(item_id=bedside.session.id, actor=bedside.cast.nurse)
        assert log.count() == 1


@pytest.mark.parametrize(
    ("wanted", "reason"),
    [
        ({"readings": {"systolic": Decimal(80), "diastolic": Decimal(120)}}, "swapped"),
        ({"readings": {"systolic": Decimal(8000)}}, "can only be"),
        ({"readings": {"temperature": Decimal(37)}}, "not a quantity"),
        ({"readings": {}}, "nothing to enter"),
        ({"readings": {}, "note": "x" * 20_001}, "up to"),
        ({"observed_at": datetime(2100, 1, 1, tzinfo=UTC)}, "not come yet"),
    ],
)
def test_what_cannot_be_true_is_refused_in_words(
    bedside: Bedside, wanted: dict[str, object], reason: str
) -> None:
    with pytest.raises(Refused, match=reason):
        entered(bedside, **wanted)
    assert samples(bedside.session) == []


@pytest.mark.parametrize("who", ["a", "b", "couples_therapist", "therapist_a", "lead", "stranger_prescriber"])
def test_only_prescriber_and_nurse_enter(bedside: Bedside, who: str) -> None:
    with pytest.raises(Refused):
        entered(bedside, getattr(bedside.cast, who))
    assert samples(bedside.session) == []


def test_a_persons_value_is_no_sign_of_life_from_the_monitor(bedside: Bedside) -> None:
    at = now()
    heard(said(bedside.device.identifier, at, spo2=97), at)
    tick(at + timedelta(seconds=9))
    entered(bedside, readings={"spo2": Decimal(96)})
    assert alarms_of(bedside.session) == [("monitor", "technical", [])]


def test_a_correction_takes_the_place_of_the_value_in_the_watch(bedside: Bedside) -> None:
    wrong = entered(bedside, readings={"systolic": Decimal(190)}).samples[0]
    request_id = uuid4()
    nurse = bedside.cast.nurse

    def corrected(value: int, request_id: UUID) -> Sample:
        with door.opened(nurse.id):
            return entry_actions.correct(
                by=nurse, sample_id=wrong.id, value=Decimal(value), reason="Slip", request_id=request_id
            )

    right = corrected(119, request_id)
    assert corrected(119, request_id).id == right.id
    with pytest.raises(Stale):
        corrected(118, uuid4())
    assert [value for _, value, _ in samples(bedside.session)] == [190, 119]
    assert alarms_of(bedside.session) == [("systolic", "high", ["over"])]


def acknowledged(bedside: Bedside, alarm: Alarm, by: Person | None = None) -> AlarmEvent:
    by = by or bedside.cast.nurse
    with door.opened(by.id):
        return quieting_actions.acknowledge(by=by, alarm_id=alarm.id)


def test_an_alarm_is_acknowledged_once_and_never_one_that_nobody_has_seen(bedside: Bedside) -> None:
    at = now()
    (first,) = entered(
        bedside, readings={"systolic": Decimal(165)}, observed_at=at - timedelta(seconds=9)
    ).raised
    (worse,) = entered(bedside, readings={"systolic": Decimal(185)}, observed_at=at).raised
    with pytest.raises(Stale):
        acknowledged(bedside, first)
    event = acknowledged(bedside, worse)
    assert acknowledged(bedside, worse, bedside.cast.prescriber).id == event.id
    assert event.author_id == bedside.cast.nurse.id
    assert [kinds for _, _, kinds in alarms_of(bedside.session)] == [["over"], ["acknowledged"]]
    with pytest.raises(Refused):
        acknowledged(bedside, worse, bedside.cast.b)


def bound(bedside: Bedside, session: DosingSession, device: object, by: Person | None = None) -> Binding:
    by = by or bedside.cast.nurse
    with door.opened(by.id):
        return binding_actions.bind_device(by=by, session=session, device=device)  # type: ignore[arg-type]


def test_a_monitor_is_put_on_by_a_person_and_replaces_the_one_before(bedside: Bedside) -> None:
    with loading():
        other = add_device(bedside.cast)
    new = bound(bedside, bedside.session, other)
    assert bound(bedside, bedside.session, other).id == new.id
    with loading():
        held = Binding.objects.filter(session=bedside.session, until__isnull=True)
        assert [each.device_id for each in held] == [other.id]
    assert heard(said(bedside.device.identifier, now() + timedelta(seconds=1), systolic=120)).on_nobody == 1
    with door.opened(bedside.cast.nurse.id):
        assert binding_actions.unbind(by=bedside.cast.nurse, session=bedside.session)
        assert not binding_actions.unbind(by=bedside.cast.nurse, session=bedside.session)


def test_a_monitor_on_somebody_else_is_refused_also_to_one_who_cannot_see_whom(bedside: Bedside) -> None:
    with loading():
        others = open_session(bedside.cast, bedside.cast.stranger_a)
    with pytest.raises(Refused, match="Take it off there first"):
        bound(bedside, others, bedside.device, bedside.cast.stranger_prescriber)
    assert heard(said(bedside.device.identifier, now(), systolic=120)).kept == 1


def test_a_monitor_taken_off_is_not_missed(bedside: Bedside) -> None:
    at = now()
    heard(said(bedside.device.identifier, at, spo2=97), at)
    tick(at + timedelta(seconds=9))
    with door.opened(bedside.cast.nurse.id):
        binding_actions.unbind(by=bedside.cast.nurse, session=bedside.session)
    tick(at + timedelta(seconds=60))
    assert alarms_of(bedside.session) == [("monitor", "technical", ["over"])]
