"""The log is only ever added to, and whoever steps around that is found."""

from collections.abc import Iterator
from io import StringIO
from uuid import UUID, uuid4

import psycopg
import pytest
from django.core.management import CommandError, call_command

from tests.conftest import LOGINS, owning

LINKS = 6


@pytest.fixture
def clinic() -> Iterator[UUID]:
    """A clinic of its own with six committed entries; afterwards every trace of it is gone."""
    key, person = uuid4(), uuid4()
    with psycopg.connect(LOGINS.admin, autocommit=True) as admin:
        admin.execute(
            "insert into bothwell_clinic (id, name, timezone, country, is_demo, crisis_lines, video_link) values (%s, 'x', 'UTC', 'US', true, '[]', '')",
            [key],
        )
        admin.execute(
            "insert into bothwell_person (id, clinic_id, kind, name_used, pronouns, title, created_at) values (%s, %s, 'staff', 'x', '', '', now())",
            [person, key],
        )
        for number in range(LINKS):
            admin.execute(
                "insert into bothwell_auditentry (id, clinic_id, at, actor_id, service, action, subject_id, item_kind, why, sealed)"
                " values (%s, %s, now(), %s, '', %s, %s, 'insight', 'wörds', %s)",
                [uuid4(), key, person, f"action {number}", person, number % 2 == 1],
            )
        yield key
    tamper(
        key,
        *(
            f"delete from bothwell_{table} where clinic_id = %(clinic)s"
            for table in ("auditlink", "auditentry", "person")
        ),
    )
    tamper(key, "delete from bothwell_clinic where id = %(clinic)s")


def tamper(clinic: UUID, *statements: str) -> None:
    """What only a superuser can do: change rows with every trigger off."""
    with psycopg.connect(LOGINS.admin) as admin:
        admin.execute("set session_replication_role = replica")
        for statement in statements:
            admin.execute(statement, {"clinic": clinic})


@pytest.fixture
def as_owner(django_db_setup: None, django_db_blocker: object) -> Iterator[None]:
    """The command runs on the owner's connection, as `bothwell verify-audit` does."""
    with django_db_blocker.unblock(), owning():  # type: ignore[attr-defined]
        yield


def checked(clinic: UUID, *expect: str) -> tuple[int, str]:
    """Exit code, and what was printed about this clinic."""
    out, code = StringIO(), 0
    try:
        call_command("verify_audit", *(f"--expect={each}" for each in expect), stdout=out)
    except CommandError as error:
        code = error.returncode
    return code, "\n".join(line for line in out.getvalue().splitlines() if str(clinic) in line)


def head_of(clinic: UUID) -> str:
    """The head as the command prints it: CLINIC=NUMBER:HASH."""
    return checked(clinic)[1].split(" ")[0]


@pytest.mark.usefixtures("as_owner")
class TestWhatTheCommandFinds:
    def test_an_untouched_chain_holds_and_its_head_is_printed(self, clinic: UUID) -> None:
        code, said = checked(clinic)
        assert code == 0
        assert said.startswith(f"{clinic}={LINKS}:")
        assert said.endswith(f"{LINKS} links, 0 faults")

    def test_a_head_written_down_today_still_holds_after_more_entries(self, clinic: UUID) -> None:
        before = head_of(clinic)
        with psycopg.connect(LOGINS.admin, autocommit=True) as admin:
            admin.execute(
                "insert into bothwell_auditentry (id, clinic_id, at, service, action, item_kind, why, sealed)"
                " values (%s, %s, now(), 'feed', 'later', '', '', false)",
                [uuid4(), clinic],
            )
        assert checked(clinic, before) == (0, checked(clinic)[1])

    @pytest.mark.parametrize(
        "change",
        [
            "why = 'other'",
            "action = 'x'",
            "sealed = not sealed",
            "at = at - interval '1 microsecond'",
            "actor_id = null",
            "subject_id = null",
            "item_kind = ''",
            "service = 'feed'",
        ],
    )
    def test_a_changed_entry_is_found_whatever_was_changed(self, clinic: UUID, change: str) -> None:
        tamper(
            clinic,
            f"update bothwell_auditentry set {change} where action = 'action 2' and clinic_id = %(clinic)s",
        )
        code, said = checked(clinic)
        assert code == 1
        assert "link 3: its entry was changed" in said

    def test_a_removed_entry_is_found(self, clinic: UUID) -> None:
        tamper(clinic, "delete from bothwell_auditentry where action = 'action 2' and clinic_id = %(clinic)s")
        code, said = checked(clinic)
        assert code == 1
        assert "link 3: its entry is gone" in said

    def test_an_entry_removed_with_its_link_is_found(self, clinic: UUID) -> None:
        tamper(
            clinic,
            "delete from bothwell_auditlink where number = 3 and clinic_id = %(clinic)s",
            "delete from bothwell_auditentry where action = 'action 2' and clinic_id = %(clinic)s",
        )
        code, said = checked(clinic)
        assert code == 1
        assert "link 4: link 3 is missing or out of order" in said

    def test_a_gap_closed_by_renumbering_is_found(self, clinic: UUID) -> None:
        tamper(
            clinic,
            "delete from bothwell_auditlink where number = 3 and clinic_id = %(clinic)s",
            "delete from bothwell_auditentry where action = 'action 2' and clinic_id = %(clinic)s",
            "update bothwell_auditlink set number = number - 1 where number > 3 and clinic_id = %(clinic)s",
        )
        code, said = checked(clinic)
        assert code == 1
        assert "link 3: does not follow the link before it" in said

    def test_two_entries_that_changed_places_are_found(self, clinic: UUID) -> None:
        tamper(
            clinic,
            "update bothwell_auditlink set number = 100 where number = 2 and clinic_id = %(clinic)s",
            "update bothwell_auditlink set number = 2 where number = 3 and clinic_id = %(clinic)s",
            "update bothwell_auditlink set number = 3 where number = 100 and clinic_id = %(clinic)s",
        )
        code, said = checked(clinic)
        assert code == 1
        assert "does not follow" in said

    def test_an_entry_slipped_in_without_a_link_is_found(self, clinic: UUID) -> None:
        tamper(
            clinic,
            "insert into bothwell_auditentry (id, clinic_id, at, service, action, item_kind, why, sealed)"
            " values (gen_random_uuid(), %(clinic)s, now(), 'x', 'x', '', '', false)",
        )
        code, said = checked(clinic)
        assert code == 1
        assert "has no link" in said

    def test_a_cut_off_end_is_found_against_the_head_written_down(self, clinic: UUID) -> None:
        before = head_of(clinic)
        tamper(
            clinic,
            "delete from bothwell_auditentry where id in (select entry_id from bothwell_auditlink where number > 4 and clinic_id = %(clinic)s)",
            "delete from bothwell_auditlink where number > 4 and clinic_id = %(clinic)s",
        )
        assert checked(clinic)[0] == 0, "a shorter chain is a chain: without the head nobody could tell"
        code, said = checked(clinic, before)
        assert code == 1
        assert f"link {LINKS}: was written down as the end, and is gone" in said

    def test_a_chain_removed_whole_is_found_against_the_head_written_down(self, clinic: UUID) -> None:
        before = head_of(clinic)
        tamper(
            clinic,
            *(
                f"delete from bothwell_{table} where clinic_id = %(clinic)s"
                for table in ("auditlink", "auditentry")
            ),
        )
        assert checked(clinic, before)[0] == 1

    def test_a_chain_rewritten_whole_is_found_against_the_head_written_down(self, clinic: UUID) -> None:
        before = head_of(clinic)
        with psycopg.connect(LOGINS.admin) as admin:
            admin.execute("set session_replication_role = replica")
            admin.execute("update bothwell_auditentry set why = 'other' where clinic_id = %s", [clinic])
            admin.execute("delete from bothwell_auditlink where clinic_id = %s", [clinic])
            entries = admin.execute(
                "select id from bothwell_auditentry where clinic_id = %s order by action", [clinic]
            ).fetchall()
            admin.execute(
                "create temporary table kept on commit drop as select * from bothwell_auditentry where clinic_id = %s",
                [clinic],
            )
            admin.execute("delete from bothwell_auditentry where clinic_id = %s", [clinic])
            admin.execute("set session_replication_role = origin")
            for (entry,) in entries:
                admin.execute("insert into bothwell_auditentry select * from kept where id = %s", [entry])
        assert checked(clinic)[0] == 0
        code, said = checked(clinic, before)
        assert code == 1
        assert f"link {LINKS}: is not the link that was written down" in said

    def test_what_was_done_is_never_printed(self, clinic: UUID) -> None:
        tamper(clinic, "update bothwell_auditentry set why = 'secret' where clinic_id = %(clinic)s")
        said = checked(clinic)[1]
        assert not [word for word in ("secret", "wörds", "action", "insight") if word in said]

    def test_a_head_not_written_as_printed_is_refused(self) -> None:
        with pytest.raises(CommandError, match="CLINIC=NUMBER:HASH"):
            call_command("verify_audit", "--expect=12", stdout=StringIO())


@pytest.mark.usefixtures("django_db_setup")
@pytest.mark.parametrize("table", ["bothwell_auditentry", "bothwell_auditlink"])
@pytest.mark.parametrize(
    "role",
    [
        "bothwell_viewer",
        "bothwell_web",
        "bothwell_work",
        "bothwell_owner",
        "bothwell_rules",
        "bothwell_loader",
        "postgres",
    ],
)
@pytest.mark.parametrize(
    "act", ["update {} set clinic_id = clinic_id", "delete from {}", "truncate {} cascade"]
)
def test_the_log_is_only_added_to_whoever_asks(clinic: UUID, role: str, table: str, act: str) -> None:
    with psycopg.connect(LOGINS.admin) as admin:
        count = f"select count(*) from {table} where clinic_id = %s"
        if role != "postgres":
            admin.execute(f"set local role {role}")
        touched = 0
        try:
            with admin.transaction():
                touched = admin.execute(act.format(table)).rowcount
        except psycopg.errors.InsufficientPrivilege:
            pass
        admin.execute("set local role none")
        assert touched == 0
        assert admin.execute(count, [clinic]).fetchone() == (LINKS,)
        admin.rollback()
