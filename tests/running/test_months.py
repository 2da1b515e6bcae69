"""Every reading lies in its month or beside the months; a month can be put away, is proved whole, and comes back."""

import io
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from uuid import uuid4

import psycopg
import pyarrow.parquet as parquet
import pytest
from django.db import IntegrityError, connection, transaction
from django.http import HttpResponse
from django.test.utils import CaptureQueriesContext
from hypothesis import given
from hypothesis import strategies as st

from bothwell.couples.models import new_id
from bothwell.models import AuditEntry, AuditLink, Device, DosingSession, Sample
from bothwell.monitoring import clocks
from bothwell.monitoring.months import Month, Within, around, due, looked_for, month_of, of_table, read_month
from bothwell.privacy import audit, door
from bothwell.running import archive, cli, months
from bothwell.running.trouble import CannotRun
from bothwell.web import bedside as beds
from bothwell.web import bedside_values, session_paper
from tests.cast import client_for
from tests.conftest import LOGINS, loading
from tests.room import Bedside, open_bedside

MAY = Month(2025, 5)
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
month_values = st.builds(Month, st.integers(1, 9998), st.integers(1, 12))


# ── rules ─────────────────────────────────────────────────────────────────────────────────────────────────


@given(st.datetimes(datetime(2, 1, 1), datetime(9990, 1, 1), timezones=st.just(UTC)))
def test_a_moment_lies_in_its_month_and_in_no_other(at: datetime) -> None:
    month = month_of(at)
    assert month.starts_at <= at < month.ends_at
    assert month.plus(1).starts_at == month.ends_at
    assert month_of(month.ends_at) == month.plus(1)


@given(month_values, st.integers(-1000, 1000))
def test_months_are_counted_there_and_back(month: Month, by: int) -> None:
    if 1 <= month.year + by / 12 - 1 <= 9990:
        assert month.plus(by).plus(-by) == month
    assert of_table(month.table) == month
    assert read_month(str(month)) == (month if month.year >= 2000 else None)


@pytest.mark.parametrize(
    "word", ["2025", "2025-13", "2025-6", "may", "2025-05-01", "1970-01", "sample_2025_05"]
)
def test_what_is_no_month_is_none(word: str) -> None:
    assert read_month(word) is None


@given(st.lists(month_values, max_size=5))
def test_due_are_this_month_three_ahead_and_what_fell_elsewhere(found: list[Month]) -> None:
    here = due(NOW, found)
    assert {Month(2026, 11), Month(2026, 12), Month(2027, 1), Month(2027, 2)} <= set(here)
    assert set(here) - set(due(NOW, ())) == {
        month for month in found if Month(2000, 1) <= month < Month(2026, 11)
    }


def test_a_clock_that_is_far_behind_widens_where_one_looks() -> None:
    hour, day = timedelta(hours=1), timedelta(days=1)
    plain = looked_for(arrived_at=NOW - hour, ended_at=None, now=NOW)
    assert plain == Within(NOW - hour - day, NOW + day)
    behind = looked_for(arrived_at=NOW - hour, ended_at=None, now=NOW, monitor_shows=NOW - 90 * day)
    assert behind == Within(NOW - 91 * day, NOW + day)
    assert around([plain, behind]) == behind
    assert around([]) is None


# ── the tables ────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture(autouse=True)
def _database(django_db_setup: None, django_db_blocker: object) -> Iterator[None]:
    with django_db_blocker.unblock():  # type: ignore[attr-defined]
        yield
        connection.close()


@pytest.fixture
def bedside() -> Bedside:
    return open_bedside(is_bound=False)


def reading(bedside: Bedside, at: datetime, value: int = 72, **also: object) -> Sample:
    who = bedside.session
    return Sample(
        **{  # type: ignore[arg-type]
            "clinic_id": who.clinic_id,
            "subject_id": who.subject_id,
            "couple_id": who.couple_id,
            "session": who,
            "author": bedside.cast.nurse,
            "code": "heart_rate",
            "value": Decimal(value),
            "unit": "/min",
            "observed_at": at,
            "detail": {"body_site": "Ärm, “left”"},
            **also,
        }
    )


def kept(thing: Sample) -> Sample:
    with loading(), transaction.atomic():
        thing.save(force_insert=True)
    return thing


def lies_in(sample: Sample) -> str:
    """The table a reading lies in, as a superuser sees it."""
    with psycopg.connect(LOGINS.admin) as admin:
        row = admin.execute(
            "select tableoid::regclass::text from bothwell_sample where id = %s", [sample.id]
        ).fetchone()
    return row[0] if row else ""


def seen(bedside: Bedside) -> list[int]:
    with door.opened(bedside.cast.nurse.id):
        found = Sample.objects.filter(session=bedside.session).order_by("observed_at")
        return [int(each.value) for each in found]


@contextmanager
def ended(bedsides: Iterator[Bedside] | list[Bedside]) -> Iterator[None]:
    """Sessions signed off: also those other tests left open, while this one looks."""
    with psycopg.connect(LOGINS.admin, autocommit=True) as admin:
        open_now = [
            key for (key,) in admin.execute("select id from bothwell_dosingsession where ended_at is null")
        ]
        end = (
            "update bothwell_dosingsession set ended_at = now() where id = any(%s) and arrived_at is not null"
        )
        admin.execute(end, [open_now])
        yield
        admin.execute(
            "update bothwell_dosingsession set ended_at = null where id = any(%s)",
            [[key for key in open_now if key not in {each.session.id for each in bedsides}]],
        )


def test_a_reading_lies_in_its_month_and_one_of_a_wrong_clock_beside_them(bedside: Bedside) -> None:
    now = datetime.now(UTC)
    today, wrong = (
        kept(reading(bedside, now, 71)),
        kept(reading(bedside, datetime(1970, 1, 1, tzinfo=UTC), 70)),
    )
    assert lies_in(today) == f"months.{month_of(now).table}"
    assert lies_in(wrong) == "months.sample_elsewhen"
    assert seen(bedside) == [70, 71]


def test_the_owner_sees_no_reading_above_nor_below(bedside: Bedside) -> None:
    kept(reading(bedside, datetime(1970, 1, 1, tzinfo=UTC)))
    with psycopg.connect(LOGINS.owner) as owner:
        for table in ("bothwell_sample", "months.sample_elsewhen"):
            assert owner.execute(f"select count(*) from {table}").fetchone() == (0,)  # type: ignore[call-overload]


def test_what_fell_elsewhere_is_moved_when_its_month_is_made(bedside: Bedside) -> None:
    at = datetime(2019, 3, 31, 23, 59, 59, 999999, tzinfo=UTC)
    first, second = kept(reading(bedside, at, 60)), kept(reading(bedside, at + timedelta(microseconds=1), 61))
    right = kept(reading(bedside, at, 62, corrects=first, reason="Slip"))
    wrong = kept(reading(bedside, datetime(1970, 1, 1, tzinfo=UTC), 63))
    assert {lies_in(each) for each in (first, second, right)} == {"months.sample_elsewhen"}
    made = months.make(LOGINS.owner, datetime.now(UTC))
    assert made[Month(2019, 3)] >= 2
    assert made[Month(2019, 4)] >= 1
    assert [lies_in(each) for each in (first, right)] == ["months.sample_2019_03"] * 2
    assert lies_in(second) == "months.sample_2019_04"
    assert lies_in(wrong) == "months.sample_elsewhen"
    assert seen(bedside) == [63, 60, 62, 61]
    assert months.make(LOGINS.owner, datetime.now(UTC)) == {}


def test_no_reading_is_removed_from_a_month(bedside: Bedside) -> None:
    sample = kept(reading(bedside, datetime.now(UTC)))
    with psycopg.connect(LOGINS.admin) as admin:
        for table in ("bothwell_sample", lies_in(sample)):
            with pytest.raises(psycopg.errors.InsufficientPrivilege, match="never removed"):
                admin.execute(f"delete from {table} where id = %s", [sample.id])  # type: ignore[call-overload]
            admin.rollback()


def test_a_month_that_cannot_be_had_now_is_had_later(
    bedside: Bedside, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(months, "PATIENCE", "50ms")
    with psycopg.connect(LOGINS.admin) as admin:
        admin.execute("lock table months.sample_elsewhen in row exclusive mode")
        assert months.make_patiently(LOGINS.owner, NOW, wait_s=0.01) is None
    assert months.make_patiently(LOGINS.owner, datetime.now(UTC), wait_s=0.01) is not None


# ── what was unique stays so ──────────────────────────────────────────────────────────────────────────────


def test_a_post_is_kept_once_whatever_time_it_names(bedside: Bedside) -> None:
    request_id, now = uuid4(), datetime.now(UTC)
    kept(reading(bedside, now, request_id=request_id))
    for at in (now, now - timedelta(seconds=1), now - timedelta(days=62)):
        with pytest.raises(IntegrityError, match=r"request_id|kept already"):
            kept(reading(bedside, at, request_id=request_id))
    kept(reading(bedside, now, request_id=request_id, code="spo2"))


def test_two_of_one_post_at_once_wait_for_each_other(bedside: Bedside) -> None:
    request_id, now = uuid4(), datetime.now(UTC)
    session = bedside.session
    insert = (
        "insert into bothwell_sample (id, clinic_id, subject_id, couple_id, author_id, session_id, request_id, code, value, "
        "unit, observed_at, recorded_at, detail, is_artefact, reason) "
        "values (%s, %s, %s, %s, %s, %s, %s, 'heart_rate', 1, '', %s, now(), '{}', false, '')"
    )
    who = (
        session.clinic_id,
        session.subject_id,
        session.couple_id,
        bedside.cast.nurse.id,
        session.id,
        request_id,
    )
    with psycopg.connect(LOGINS.admin) as one, psycopg.connect(LOGINS.admin) as two:
        one.execute(insert, (new_id(), *who, now))
        two.execute("set lock_timeout = '200ms'")
        with pytest.raises(psycopg.errors.LockNotAvailable):
            two.execute(insert, (new_id(), *who, now - timedelta(days=40)))
        two.rollback()
        one.commit()
        with pytest.raises(psycopg.errors.UniqueViolation, match="kept already"):
            two.execute(insert, (new_id(), *who, now - timedelta(days=40)))


def test_a_reading_is_corrected_once_and_at_its_own_moment(bedside: Bedside) -> None:
    now = datetime.now(UTC)
    wrong = kept(reading(bedside, now, 190))
    with pytest.raises(IntegrityError, match="corrects_what_is_here"):
        kept(reading(bedside, now - timedelta(seconds=1), 119, corrects=wrong, reason="Slip"))
    kept(reading(bedside, now, 119, corrects=wrong, reason="Slip"))
    with pytest.raises(IntegrityError, match=r"observed_at.*clinic_id"):
        kept(reading(bedside, now, 118, corrects=wrong, reason="Slip"))


# ── where pages look ──────────────────────────────────────────────────────────────────────────────────────


def opened_tables(query: str) -> set[str]:
    with connection.cursor() as cursor:
        cursor.execute(f"explain {query}")
        return set(re.findall(r"on (sample_\w+)", str(cursor.fetchall())))


def test_a_page_opens_the_months_of_its_session_only(bedside: Bedside) -> None:
    now = datetime.now(UTC)
    here = {month_of(now + timedelta(days=days)).table for days in (-1, 0, 1)}
    session, within = bedside.session, looked_for(arrived_at=now, ended_at=None, now=now)
    with door.opened(bedside.cast.nurse.id):
        for look in (
            lambda: bedside_values.charted(session.id, within),
            lambda: bedside_values.newest([session.id], within=within),
            lambda: bedside_values.trends([session.id], ["spo2"], now),
        ):
            with CaptureQueriesContext(connection) as asked:
                look()
            opened = opened_tables(asked[-1]["sql"])
            assert opened
            assert opened <= here | {"sample_elsewhen"}


def test_a_monitor_whose_clock_begins_anew_is_still_read_at_the_bedside() -> None:
    bedside = open_bedside()
    now, wrong = datetime.now(UTC), datetime(1970, 1, 1, tzinfo=UTC)
    clock = clocks.Clock()
    for n in range(4):
        behind = timedelta(seconds=20 * n)
        clock = clocks.look(clock, wrong + behind, now - timedelta(minutes=2) + behind)
    kept(reading(bedside, wrong, 77, device=bedside.device, author=None))
    kept(reading(bedside, now, 78, author=bedside.cast.nurse, code="spo2"))
    with loading(), transaction.atomic():
        Device.objects.filter(id=bedside.device.id).update(clock=clocks.to_json(clock))
    with door.opened(bedside.cast.nurse.id):
        session = DosingSession.objects.select_related("course__protocol", "order", "subject").get(
            id=bedside.session.id
        )
        bed = beds.gather([session], now)[session.id]
        assert {code: int(value.value) for code, value in bed.values.items()} == {
            "heart_rate": 77,
            "spo2": 78,
        }
        assert [int(value.value) for value in bedside_values.charted(session.id, bed.within)] == [77, 78]


# ── putting away ──────────────────────────────────────────────────────────────────────────────────────────


def may(bedside: Bedside) -> list[Sample]:
    """Some readings of May 2025, one of them corrected."""
    at = datetime(2025, 5, 10, 9, tzinfo=UTC)
    some = [kept(reading(bedside, at + timedelta(minutes=n, microseconds=n), 60 + n)) for n in range(5)]
    right = reading(bedside, some[0].observed_at, 99, corrects=some[0], reason="Slip", request_id=uuid4())
    months.make(LOGINS.owner, datetime.now(UTC))
    return [*some, kept(right)]


def away(folder: Path, **also: bool) -> archive.PutAway:
    found = list(archive.put_away(LOGINS.owner, before=Month(2025, 6), folder=folder, now=NOW, **also))
    (done,) = (each for each in found if each.month == MAY)
    return done


@pytest.mark.parametrize("drop", [False, True])
def test_a_month_put_away_comes_back_as_it_was(bedside: Bedside, tmp_path: Path, drop: bool) -> None:
    some = may(bedside)
    with loading():
        before = list(Sample.objects.filter(session=bedside.session).order_by("id").values())
    with ended([bedside]):
        done = away(tmp_path, drop=drop)
        assert done.readings >= len(some)
        assert seen(bedside) == []
        assert {lies_in(each) for each in some} == {""}
        assert stat.S_IMODE(done.file.stat().st_mode) == 0o600
        assert parquet.read_metadata(done.file).num_rows == done.readings
        assert month_made_again() == set()
        for each in sorted(tmp_path.glob("*.parquet")):
            archive.bring_back(LOGINS.owner, each, now=NOW)
    with loading():
        assert list(Sample.objects.filter(session=bedside.session).order_by("id").values()) == before
    assert {lies_in(each) for each in some} == {f"months.{MAY.table}"}
    assert [value for value in seen(bedside) if value == 99] == [99]
    with pytest.raises(IntegrityError):
        kept(reading(bedside, some[0].observed_at, 98, corrects=some[0], reason="Slip"))


def month_made_again() -> set[Month]:
    return {month for month in months.make(LOGINS.owner, datetime.now(UTC)) if month == MAY}


@pytest.mark.parametrize("drop", [False, True])
def test_pages_of_a_session_whose_month_is_away_say_where_its_readings_are(
    bedside: Bedside, tmp_path: Path, drop: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    may(bedside)
    monkeypatch.setattr(session_paper, "paper", lambda _, __, page, *___: HttpResponse(page))
    room = f"/room/{bedside.session.id}"
    words = "Readings of this month were moved to the archive 2025-05"

    def said() -> list[bool]:
        return [
            words in client_for(bedside.cast.nurse).get(page).content.decode()
            for page in (room, f"{room}/paper")
        ]

    with ended([bedside]):
        with psycopg.connect(LOGINS.admin, autocommit=True) as admin:
            admin.execute(
                "update bothwell_dosingsession set arrived_at = %s, ended_at = %s where id = %s",
                [
                    datetime(2025, 5, 10, 8, tzinfo=UTC),
                    datetime(2025, 5, 10, 12, tzinfo=UTC),
                    bedside.session.id,
                ],
            )
        assert said() == [False, False]
        away(tmp_path, drop=drop)
        assert said() == [True, True]
        assert "Nothing was charted." not in plain(client_for(bedside.cast.nurse).get(f"{room}/paper"))
        bring_all_back(tmp_path)
        assert said() == [False, False]


def plain(response: HttpResponse) -> str:
    """What stands on the page beside the drawing."""
    return re.sub(r"<svg.*?</svg>", "", response.content.decode(), flags=re.DOTALL)


def test_a_stop_between_the_table_and_its_file_is_finished_by_the_next_run(
    bedside: Bedside, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    some = may(bedside)
    with ended([bedside]):
        with monkeypatch.context() as patch:
            patch.setattr(archive, "_write", lambda *_: (_ for _ in ()).throw(OSError(28, "full")))
            with pytest.raises(CannotRun, match="is full"):
                list(archive.put_away(LOGINS.owner, before=Month(2025, 6), folder=tmp_path, now=NOW))
        assert list(tmp_path.iterdir()) == []
        while MAY in archive.months_before(LOGINS.owner, Month(2025, 6)):
            done = away(tmp_path)
        assert done.readings >= len(some)
        bring_all_back(tmp_path)
    assert len(seen(bedside)) == len(some)


def test_a_file_that_lies_is_found_out_and_the_month_stays_unfinished(
    bedside: Bedside, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    may(bedside)
    copy_in = archive._copy_in

    def one_is_lost(connection: psycopg.Connection, table: object, file: Path) -> None:
        copy_in(connection, table, file)  # type: ignore[arg-type]
        connection.execute(
            "update pg_temp.read_back set value = value + 1 where id = (select min(id::text)::uuid from pg_temp.read_back)"
        )

    with ended([bedside]):
        with monkeypatch.context() as patch:
            patch.setattr(archive, "_copy_in", one_is_lost)
            with pytest.raises(CannotRun, match="did not give back what was written"):
                list(archive.put_away(LOGINS.owner, before=MAY.plus(1), folder=tmp_path, now=NOW))
        assert list(tmp_path.iterdir()) == []
        away(tmp_path)
        bring_all_back(tmp_path)


def test_a_reading_that_comes_late_joins_its_month_when_that_comes_back(
    bedside: Bedside, tmp_path: Path
) -> None:
    some = may(bedside)
    with ended([bedside]):
        away(tmp_path)
        late = kept(reading(bedside, some[-2].observed_at + timedelta(days=1), 55))
        assert lies_in(late) == "months.sample_elsewhen"
        assert month_made_again() == set()
        bring_all_back(tmp_path)
    assert lies_in(late) == f"months.{MAY.table}"
    assert seen(bedside)[-1] == 55


def test_a_month_with_an_open_session_is_left_alone(bedside: Bedside, tmp_path: Path) -> None:
    some = may(bedside)
    with loading(), transaction.atomic():
        DosingSession.objects.filter(id=bedside.session.id).update(
            arrived_at=MAY.starts_at + timedelta(days=9)
        )
    try:
        with pytest.raises(CannotRun, match="still open"):
            list(archive.put_away(LOGINS.owner, before=Month(2025, 6), folder=tmp_path, now=NOW))
        assert lies_in(some[0]) == f"months.{MAY.table}"
    finally:
        with loading(), transaction.atomic():
            DosingSession.objects.filter(id=bedside.session.id).update(ended_at=datetime.now(UTC))


def test_a_file_is_never_replaced_and_a_strange_one_never_taken_in(bedside: Bedside, tmp_path: Path) -> None:
    may(bedside)
    with ended([bedside]):
        done = away(tmp_path)
        strange = tmp_path / "strange.parquet"
        table = parquet.read_table(done.file)
        parquet.write_table(table.slice(0, 1), strange)
        with pytest.raises(CannotRun, match="does not know that file"):
            archive.bring_back(LOGINS.owner, strange, now=NOW)
        strange.write_bytes(b"no file of ours")
        with pytest.raises(CannotRun, match="holds no month"):
            archive.bring_back(LOGINS.owner, strange, now=NOW)
        with pytest.raises(CannotRun, match="There is no file"):
            archive.bring_back(LOGINS.owner, tmp_path / "none.parquet", now=NOW)
        strange.unlink()
        bring_all_back(tmp_path)
        with pytest.raises(CannotRun, match="in its place already"):
            archive.bring_back(LOGINS.owner, done.file, now=NOW)
        before = done.file.read_bytes()
        with pytest.raises(CannotRun, match="exists already"):
            list(archive.put_away(LOGINS.owner, before=MAY.plus(1), folder=tmp_path, now=NOW))
        assert done.file.read_bytes() == before
    with pytest.raises(CannotRun, match="months that are over"):
        list(archive.put_away(LOGINS.owner, before=Month(2026, 12), folder=tmp_path, now=NOW))


def test_the_log_says_what_was_put_away_and_its_chain_holds(bedside: Bedside, tmp_path: Path) -> None:
    some = may(bedside)
    with ended([bedside]):
        done = away(tmp_path)
        bring_all_back(tmp_path)
    with loading():
        entries = list(
            AuditEntry.objects.filter(clinic=bedside.cast.clinic, service="archive").order_by("at", "id")
        )
        links = (
            AuditLink.objects.filter(clinic=bedside.cast.clinic).order_by("number").select_related("entry")
        )
        faults = list(audit.verify((link, link.entry) for link in links))
    assert [entry.action for entry in entries] == [
        "put readings of 2025-05 away",
        "brought readings of 2025-05 back",
    ]
    assert entries[0].why == f"{len(some)} readings, {done.file.name}, sha256 {done.sha256}"
    assert faults == []


def bring_all_back(folder: Path) -> None:
    for each in sorted(folder.glob("*.parquet")):
        archive.bring_back(LOGINS.owner, each, now=NOW)


def test_the_command_removes_a_table_only_for_the_words(
    bedside: Bedside, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    some = may(bedside)
    monkeypatch.setenv("BOTHWELL_DSN", LOGINS.owner)
    words = ("archive", "--before", "2025-06", "--to", str(tmp_path), "--drop-after-verify")
    with ended([bedside]):
        monkeypatch.setattr("sys.stdin", io.StringIO("yes\n"))
        with pytest.raises(SystemExit) as end:
            cli.main(words)
        assert end.value.code == 1
        assert "Those were not the words" in capsys.readouterr().err
        assert lies_in(some[0]) == f"months.{MAY.table}"
        typed = archive.words_to_drop(archive.months_before(LOGINS.owner, Month(2025, 6)))
        monkeypatch.setattr("sys.stdin", io.StringIO(f"{typed}\n"))
        with pytest.raises(SystemExit) as end:
            cli.main(words)
        assert end.value.code == 0
        assert "the table was removed" in capsys.readouterr().out
        with pytest.raises(SystemExit) as end:
            cli.main(("restore-month", str(tmp_path / "readings-2025-05.parquet")))
        assert end.value.code == 0
        shown = capsys.readouterr().out
        assert "2025-05" in shown
        assert "back in their place" in shown
        for each in sorted(tmp_path.glob("*.parquet")):
            if "2025-05" not in each.name:
                archive.bring_back(LOGINS.owner, each, now=NOW)
    assert len(seen(bedside)) == len(some)
