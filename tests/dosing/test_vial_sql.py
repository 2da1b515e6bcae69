"""The database keeps the same ledger by itself: the pure fold and the SQL run side by side, and two race."""

from datetime import date, timedelta
from typing import Any
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import psycopg
import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.utils import timezone
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from bothwell.dosing import ledger, syringe_actions, vial_actions
from bothwell.dosing.ledger import Kind
from bothwell.models import Administration, Clinic, Discrepancy, Person, Vial, VialEvent
from bothwell.privacy import door
from bothwell.refusal import Refused, Stale
from tests.cast import Cast, make_cast, person
from tests.conftest import LOGINS, loading
from tests.dosing.ready import make_ready, started_ago
from tests.enrolment.committed import at_once, committing  # noqa: F401 - a fixture

UTC = ZoneInfo("UTC")
TODAY = timezone.now().date()


def a_vial(clinic: Clinic, author: Person, **more: Any) -> Vial:
    """A vial of 10 mL at 50 mg/mL as the loader writes it; received when `received`."""
    is_received = more.pop("received", True)
    label = {
        "code": f"V-{uuid4().hex[:8]}", "substance": "ketamine", "product": "Ketamine 50 mg/mL", "lot": "A1",
        "expires_on": TODAY + timedelta(days=200), "ug_per_ml": 50_000, "nominal_ul": 10_000,
        "supplier": "S", "invoice": "1", "received_on": TODAY,
    }  # fmt: skip
    vial = Vial.objects.create(clinic=clinic, author=author, **(label | more))
    if is_received:
        VialEvent.objects.create(clinic=clinic, vial=vial, author=author, kind="receive", volume_ul=10_000)
    return vial


# ── the fold and the table ────────────────────────────────────────────────────────────────────────────────

UNREAD = "dead_space"
ENOUGH = 10**9
"""Dead space has no limit in the table: that is the clinic's own rule, and the action's to keep."""


class Ledgers(RuleBasedStateMachine):
    """Whatever is written, in whatever order: both take it, or neither does, and both have the same balances."""

    def __init__(self) -> None:
        super().__init__()
        self.atomic = transaction.atomic()
        self.atomic.__enter__()
        self.cast = make_cast()
        with loading():
            self.vial = a_vial(
                self.cast.clinic, self.cast.nurse, received=False, expires_on=TODAY + timedelta(days=2)
            )
        self.bottle = vial_actions.bottle_of(self.vial)
        self.balance, self.kept = ledger.Balance(), list[ledger.Entry]()
        self.syringes = [uuid4() for _ in range(2)]

    def teardown(self) -> None:
        transaction.set_rollback(True)
        self.atomic.__exit__(None, None, None)

    @initialize()
    def delivered(self) -> None:
        self.write(Kind.RECEIVE, 10_000)

    def write(self, kind: Kind, volume_ul: int = 0, **more: Any) -> None:
        cast = self.cast
        days = more.pop("days", 0)
        at = timezone.now() + timedelta(days=days)
        signed = {
            "witness_id": cast.prescriber.id if kind in ledger.COSIGNED else None,
            "second_witness_id": cast.lead.id if kind is Kind.DESTROY else None,
            "reason": "why" if kind in ledger.REASONED else "",
            "counterparty": "who" if kind in ledger.TO_SOMEBODY or kind is Kind.DESTROY else "",
        } | more
        row = VialEvent(
            clinic=cast.clinic,
            vial=self.vial,
            author=cast.nurse,
            kind=kind,
            volume_ul=volume_ul,
            at=at,
            **signed,
        )
        entry = vial_actions.entry_of(row, UTC)
        fits = bool(ledger.judge(self.bottle, self.balance, entry, dead_space_ul=ENOUGH))
        with loading():
            assert self.accepted(row) == fits, (
                kind,
                volume_ul,
                more,
                ledger.judge(self.bottle, self.balance, entry),
            )
        if fits:
            self.balance = ledger.post(self.balance, entry)
            self.kept.append(entry)
            with loading():
                row.refresh_from_db()
            self.same(row)

    def accepted(self, row: VialEvent) -> bool:
        try:
            with transaction.atomic():
                row.save(force_insert=True)
                if row.kind == Kind.COUNT:
                    row.refresh_from_db()
                    if row.observed_ul != row.on_hand_ul:
                        Discrepancy.objects.create(
                            clinic_id=row.clinic_id, author_id=row.author_id, vial_id=row.vial_id, event=row,
                            expected_ul=row.on_hand_ul, observed_ul=row.observed_ul,
                        )  # fmt: skip
        except DatabaseError:
            return False
        return True

    def same(self, row: VialEvent) -> None:
        after = self.balance
        assert (row.number, row.on_hand_ul) == (after.number, after.on_hand_ul)
        assert (row.is_open, row.is_expired) == (after.is_open, after.is_expired)
        assert row.amount_ug * 1000 == row.volume_ul * self.bottle.ug_per_ml
        if row.syringe:
            assert row.held_ul == after.syringes.get(row.syringe, 0)

    volumes = st.integers(-3, 500).map(lambda n: n * 10)

    @rule(days=st.sampled_from([0, 0, 0, 5]))
    def open(self, days: int) -> None:
        self.write(Kind.OPEN, days=days)

    @rule(volume_ul=volumes, which=st.integers(0, 1), days=st.sampled_from([0, 0, 0, 5]))
    def draw(self, volume_ul: int, which: int, days: int) -> None:
        self.write(Kind.DRAW, volume_ul, syringe=self.syringes[which], days=days)

    @rule(
        volume_ul=volumes,
        which=st.integers(0, 1),
        kind=st.sampled_from([Kind.ADMINISTER, Kind.DEAD_SPACE, Kind.WASTE]),
    )
    def empty(self, volume_ul: int, which: int, kind: Kind) -> None:
        self.write(kind, volume_ul, syringe=self.syringes[which])

    @precondition(lambda self: any(self.balance.syringes.values()))
    @rule(share=st.integers(1, 4))
    def give_some(self, share: int) -> None:
        syringe = max(self.balance.syringes, key=lambda key: self.balance.syringes[key])
        self.write(Kind.ADMINISTER, self.balance.syringes[syringe] // share // 10 * 10, syringe=syringe)

    @rule(volume_ul=volumes, kind=st.sampled_from([Kind.WASTE, Kind.RETURN, Kind.TRANSFER, Kind.DESTROY]))
    def send_away(self, volume_ul: int, kind: Kind) -> None:
        self.write(kind, volume_ul)

    @rule(volume_ul=st.integers(-100, 100).map(lambda n: n * 5))
    def adjust(self, volume_ul: int) -> None:
        self.write(Kind.ADJUST, volume_ul)

    @rule(observed_ul=st.integers(0, 1_000).map(lambda n: n * 10))
    def count(self, observed_ul: int) -> None:
        self.write(Kind.COUNT, observed_ul=observed_ul)

    @rule(data=st.data())
    def take_back(self, data: st.DataObject) -> None:
        self.write(Kind.CORRECT, corrects_id=data.draw(st.sampled_from(self.kept)).id)

    @rule()
    def expire(self) -> None:
        self.write(Kind.EXPIRE)

    @rule(
        kind=st.sampled_from([Kind.WASTE, Kind.DESTROY, Kind.ADJUST]),
        lacks=st.sampled_from(["witness_id", "reason"]),
    )
    def forget(self, kind: Kind, lacks: str) -> None:
        self.write(kind, 10, **{lacks: "" if lacks == "reason" else None})

    @rule()
    def sign_alone(self) -> None:
        self.write(Kind.WASTE, 10, witness_id=self.cast.nurse.id)

    @invariant()
    def whole(self) -> None:
        assert self.balance.is_whole


@pytest.mark.django_db
def test_the_fold_and_the_table_keep_the_same_ledger() -> None:
    run_state_machine_as_test(
        Ledgers,
        settings=settings(
            max_examples=20, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )


# ── what the table refuses by itself ──────────────────────────────────────────────────────────────────────


@pytest.fixture
def cast(db: None) -> Cast:
    return make_cast()


def test_balances_written_by_hand_are_reckoned_anew(cast: Cast) -> None:
    with loading():
        vial = a_vial(cast.clinic, cast.nurse)
        line = VialEvent.objects.create(
            clinic=cast.clinic, vial=vial, author=cast.nurse, kind="open", number=77, on_hand_ul=999_990,
            is_usable=False,
        )  # fmt: skip
        line.refresh_from_db()
    assert (line.number, line.on_hand_ul, line.is_usable) == (2, 10_000, True)


def test_a_count_that_differs_is_not_kept_without_its_discrepancy(cast: Cast) -> None:
    with loading():
        vial = a_vial(cast.clinic, cast.nurse)
        count = VialEvent.objects.create(
            clinic=cast.clinic,
            vial=vial,
            author=cast.nurse,
            kind="count",
            observed_ul=9_990,
            witness=cast.lead,
        )
        refused = pytest.raises(IntegrityError, match="opens a discrepancy")
        with connection.cursor() as cursor, refused, transaction.atomic():
            cursor.execute("set constraints all immediate")
        Discrepancy.objects.create(
            clinic=cast.clinic,
            author=cast.nurse,
            vial=vial,
            event=count,
            expected_ul=10_000,
            observed_ul=9_990,
        )
        with connection.cursor() as cursor:
            cursor.execute("set constraints all immediate")


@pytest.mark.parametrize("what", ["update bothwell_vialevent set reason = 'x'", "delete from bothwell_vialevent",
                                  "update bothwell_vial set lot = 'x'", "truncate bothwell_vialevent cascade"])  # fmt: skip
def test_no_line_is_ever_changed_or_removed(cast: Cast, what: str) -> None:
    """Not by the loader and not by the owner of the tables."""
    with transaction.atomic(), loading():
        a_vial(cast.clinic, cast.nurse)
        with (
            pytest.raises(DatabaseError, match=r"refused|denied"),
            transaction.atomic(),
            connection.cursor() as cursor,
        ):
            cursor.execute(what)


def test_the_owner_of_the_tables_does_not_change_a_line_either(committing: None) -> None:  # noqa: F811
    clinic, nurse, _ = committed()
    vial = committed_vial(clinic, nurse)
    with (
        psycopg.connect(LOGINS.admin) as admin,
        pytest.raises(psycopg.Error, match="added to, never removed"),
    ):
        admin.execute("update bothwell_vialevent set reason = 'x' where vial_id = %s", [vial.id])


# ── two at once, on two connections ───────────────────────────────────────────────────────────────────────


def committed() -> tuple[Clinic, Person, Person]:
    with transaction.atomic(), loading():
        clinic = Clinic.objects.create(name="Vials", is_demo=True)
        return (
            clinic,
            person(clinic, "Luis", "staff", "nurse"),
            person(clinic, "Helen", "staff", "prescriber"),
        )


def committed_vial(clinic: Clinic, nurse: Person) -> Vial:
    with transaction.atomic(), loading():
        vial = a_vial(clinic, nurse)
        VialEvent.objects.create(clinic=clinic, vial=vial, author=nurse, kind="open")
        return vial


def lines(vial: Vial) -> list[tuple[int, int]]:
    with transaction.atomic(), loading():
        return list(
            VialEvent.objects.filter(vial=vial).order_by("number").values_list("number", "on_hand_ul")
        )


def test_two_actions_that_race_for_the_last_of_a_vial_cannot_both_have_it(committing: None) -> None:  # noqa: F811
    clinic, nurse, prescriber = committed()
    vial = committed_vial(clinic, nurse)

    def waste(number: int) -> Any:
        by, witness = (nurse, prescriber) if number % 2 else (prescriber, nurse)
        with door.opened(by.id):
            return vial_actions.write(
                by=by, vial_id=vial.id, kind=Kind.WASTE, volume_ul=6_000, witness=witness, reason="remainder",
                request_id=uuid4(),
            )  # fmt: skip

    found = at_once(4, waste)
    assert sum(isinstance(one, VialEvent) for one in found) == 1
    assert all("Only 4.00 mL" in one.reason for one in found if isinstance(one, Refused))
    assert lines(vial) == [(1, 10_000), (2, 10_000), (3, 4_000)]


@pytest.mark.parametrize("isolation", ["read committed", "repeatable read", "serializable"])
def test_two_bare_inserts_that_race_are_refused_by_the_table_itself(committing: None, isolation: str) -> None:  # noqa: F811
    """No action, no rule asked: two psycopg connections, whatever their isolation."""
    clinic, nurse, _ = committed()
    vial = committed_vial(clinic, nurse)

    def draw(_: int) -> str:
        with psycopg.connect(LOGINS.admin) as link:
            link.execute(f"set transaction isolation level {isolation}")
            link.execute("select count(*) from bothwell_vialevent")  # the snapshot is taken before the lock
            link.execute("set local role bothwell_loader")
            link.execute(
                "insert into bothwell_vialevent (id, clinic_id, vial_id, author_id, kind, volume_ul, syringe, at, recorded_at,"
                " reason, counterparty, is_estimate, number, amount_ug, on_hand_ul, is_open, is_expired, is_usable)"
                " values (%s, %s, %s, %s, 'draw', 6000, %s, now(), now(), '', '', false, 0, 0, 0, false, false, false)",
                [uuid4(), clinic.id, vial.id, nurse.id, uuid4()],
            )
        return "drawn"

    found = at_once(3, draw)
    assert found.count("drawn") == 1
    assert all(isinstance(one, psycopg.Error) for one in found if one != "drawn"), found
    assert lines(vial)[-1] == (3, 4_000)


def test_the_same_post_twice_at_once_is_one_line(committing: None) -> None:  # noqa: F811
    clinic, nurse, prescriber = committed()
    vial, request_id = committed_vial(clinic, nurse), uuid4()

    def waste(_: int) -> UUID:
        with door.opened(nurse.id):
            return vial_actions.write(
                by=nurse, vial_id=vial.id, kind=Kind.WASTE, volume_ul=100, witness=prescriber, reason="x",
                request_id=request_id,
            ).id  # fmt: skip

    first, second = at_once(2, waste)
    assert first == second
    assert lines(vial)[-1] == (3, 9_900)


def test_a_date_past_is_a_date_past_in_the_clinics_own_time(cast: Cast) -> None:
    with loading():
        vial = a_vial(cast.clinic, cast.nurse, expires_on=date(2020, 1, 1))
        with pytest.raises(IntegrityError, match="drawn_from_an_open_vial_in_date"), transaction.atomic():
            VialEvent.objects.create(clinic=cast.clinic, vial=vial, author=cast.nurse, kind="open")


def test_the_name_as_signed_is_the_databases_whatever_is_sent_and_never_a_patients(cast: Cast) -> None:
    with loading():
        vial = a_vial(cast.clinic, cast.nurse, author_signed="Somebody Else")
        line = VialEvent.objects.create(
            clinic=cast.clinic, vial=vial, author=cast.nurse, kind="count", observed_ul=10_000, witness=cast.a,
            witness_signed="Somebody Else",
        )  # fmt: skip
        for row in (vial, line):
            row.refresh_from_db()
    assert (vial.author_signed, line.author_signed, line.witness_signed) == ("Luis", "Luis", "")


def test_a_charted_dose_is_written_down_once_by_two_at_once(committing: None) -> None:  # noqa: F811
    with transaction.atomic():
        ready = make_ready(make_cast())
        session = started_ago(ready, 20)
        began = session.started_at
        assert began
        with loading():
            Administration.objects.create(
                clinic=ready.cast.clinic, subject=ready.cast.a, couple=ready.cast.couple, author=ready.cast.nurse,
                session=session, event="start", substance="Ketamine", dose_mg=34, route="iv", at=began,
            )  # fmt: skip
            vials = [a_vial(ready.cast.clinic, ready.cast.nurse) for _ in range(2)]

    def draw(number: int) -> VialEvent:
        by, witness = (ready.cast.nurse, ready.cast.prescriber)[:: 1 if number else -1]
        with door.opened(by.id):
            return syringe_actions.draw_afterwards(
                by=by, session_id=session.id, vial_id=vials[number].id, volume_ul=680, at=began, reason="Said aloud",
                witness=witness, request_id=uuid4(),
            )  # fmt: skip

    found = at_once(2, draw)
    assert sum(isinstance(one, VialEvent) for one in found) == 1, found
    assert sum(isinstance(one, Stale) for one in found) == 1, found
