"""The `bothwell` command: open the clinic, look after its data, or pass a word on to Django's own commands.

Never shows a password, and ends with a sentence and an exit code other than 0 when it could not do what
was asked.
"""

import argparse
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import Any

import django
from django.core.management import CommandError, call_command, execute_from_command_line

from bothwell.monitoring.months import Month, read_month
from bothwell.running import archive, backup, message, notes_key, whereabouts
from bothwell.running.postgres import running_socket
from bothwell.running.roles import place
from bothwell.running.secrets import FILE_NAME, forget_lost_notes_key, load
from bothwell.running.serve import (
    Process,
    Role,
    Wish,
    answers,
    check,
    check_database,
    child_environment,
    database,
    name_of_pages,
    pages_answer,
    prepare_logins,
    serve,
    wish_from,
)
from bothwell.running.trouble import CannotRun

OURS = {
    "serve",
    "work",
    "listen",
    "listen-sdc",
    "verify-audit",
    "backup",
    "restore",
    "new-notes-key",
    "lost-second-factor",
    "archive",
    "restore-month",
    "status",
    "try-message",
    "-h",
    "--help",
}
NOT_RUNNING = 3  # as service managers expect of `status`


def main(arguments: Sequence[str] | None = None) -> None:
    """Do what the words ask; ends with 0, 1 (a sentence on standard error), 2 (usage) or 3 (not running)."""
    try:
        sys.exit(_run(list(sys.argv[1:] if arguments is None else arguments)))
    except CannotRun as trouble:
        print(f"bothwell: {trouble}", file=sys.stderr)
        sys.exit(1)
    except CommandError as trouble:
        print(f"bothwell: {trouble}", file=sys.stderr)
        sys.exit(trouble.returncode)
    except KeyboardInterrupt:
        sys.exit(130)


def _run(words: list[str]) -> int:
    if words[:1] == ["outcomes"]:
        # Loaded for this word alone: the others need no numpy, and this one needs no database.
        import_module("bothwell.outcomes.threads").one_thread()
        return int(import_module("bothwell.outcomes.command").main(words[1:]))
    if words and words[0] not in OURS:
        with told(Role.OWNER):
            execute_from_command_line(["bothwell", *words])
        return 0
    asked = _parser().parse_args(words or ["--help"])
    match asked.command:
        case "serve":
            serve(_wish(asked), os.environ)
        case "backup":
            print(f"Saved to {backup.save(wish_from(os.environ), asked.file, os.environ)}")
        case "restore":
            backup.restore(
                wish_from(os.environ),
                asked.file,
                os.environ,
                replace=asked.yes,
                without_process_notes=asked.without_process_notes,
            )
            print("Restored. Start Bothwell with: bothwell serve")
        case "new-notes-key":
            _new_notes_key(wish_from(os.environ))
        case "lost-second-factor":
            _django(Role.OWNER, "lost_second_factor", asked.email)
        case "archive":
            _archive(asked.before, asked.to, drop=asked.drop_after_verify)
        case "restore-month":
            with told(Role.OWNER):
                done = archive.bring_back(os.environ["BOTHWELL_DSN"], asked.file, now=datetime.now(UTC))
            print(f"{done.month}: {done.readings} readings are back in their place.")
        case "status":
            return _status(_wish(asked))
        case "try-message":
            _try_message(asked.file, wish_from(os.environ), is_now=asked.now, send=asked.send)
        case "work":
            _django(Role.WORK, "procrastinate", "worker")
        case "listen":
            _django(Role.WORK, "listen", "--host", asked.host, "--port", str(asked.port))
        case "listen-sdc":
            where = [word for address in asked.device for word in ("--device", address)]
            where += ["--adapter", asked.adapter] if asked.adapter else []
            _django(Role.WORK, "listen_sdc", *where, *(["--find"] if asked.find else []))
        case "verify-audit":
            expected = [word for head in asked.expect for word in ("--expect", head)]
            _django(Role.OWNER, "verify_audit", *expected)
    return 0


def _archive(before: Month, folder: Path, *, drop: bool) -> None:
    """Put months away, one line each. To have their tables removed, somebody types the words asked for."""
    with told(Role.OWNER):
        dsn, now = os.environ["BOTHWELL_DSN"], datetime.now(UTC)
        months = archive.months_before(dsn, before)
        if not months:
            print(f"No month before {before} has readings here. Nothing was done.")
            return
        if drop:
            words = archive.words_to_drop(months)
            print(
                f"Once each file is proved whole, its table goes, and the file is all there is. Type: {words}"
            )
            if input().strip() != words:
                raise CannotRun("Those were not the words. Nothing was done.")
        for done in archive.put_away(dsn, before=before, folder=folder, now=now, drop=drop):
            kept = "the table was removed" if done.is_dropped else "the table is kept, closed"
            print(
                f"{done.month}: {done.readings} readings in {done.file}, proved; {kept}. sha256 {done.sha256}"
            )


def _new_notes_key(wish: Wish) -> None:
    """Go on where the key of therapists' own notes is lost; somebody types the words asked for."""
    words = "the old notes stay closed"
    print(f"Notes sealed with a key that is lost can never be read again. Type: {words}")
    if input().strip() != words:
        raise CannotRun("Those were not the words. Nothing was done.")
    forget_lost_notes_key(wish.home)
    secrets = load(wish.home)
    with database(wish, secrets, os.environ, join=True) as server:
        owner = prepare_logins(server.dsn, secrets, os.environ).owner
        name = notes_key.begin_anew(owner, wish.home, os.environ)
    print(f"From the next start on own notes are sealed with the key {name}. Make a backup now.")


def _django(role: Role, *words: str) -> None:
    with told(role):
        call_command(*words)


@contextmanager
def told(role: Role) -> Iterator[None]:
    """Give this process what a child of `serve` is given, starting the database for the while if need be."""
    if "BOTHWELL_DSN" in os.environ:
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bothwell.settings")
        _set_up()
        yield
        return
    wish = wish_from(os.environ)
    # A port is no matter here, only the settings, the disk and the database.
    wish = Wish(home=wish.home, demo=wish.demo, only=frozenset({Process.WORK}))
    check(wish, os.environ)
    secrets = load(wish.home)
    with database(wish, secrets, os.environ, join=True) as server:
        logins = prepare_logins(server.dsn, secrets, os.environ)
        settings = child_environment(role, wish, secrets, logins, os.environ)
        os.environ.clear()
        os.environ.update(settings)
        _set_up()
        yield


def _set_up() -> None:

    django.setup()


def _wish(asked: argparse.Namespace) -> Wish:
    """What the words ask for; `status` looks where it was last opened, unless a word says otherwise."""
    base = wish_from(os.environ, demo=asked.demo)
    opened = whereabouts.USUAL if asked.command == "serve" else whereabouts.last(base.home)
    (host, port), (device_host, device_port) = opened[whereabouts.PAGES], opened[whereabouts.MONITORS]
    return Wish(
        home=base.home,
        demo=base.demo,
        host=asked.host or host,
        port=asked.port or port,
        device_host=asked.device_host or device_host,
        device_port=asked.device_port or device_port,
        follows_sdc=base.follows_sdc,
        only=frozenset(Process(each) for each in getattr(asked, "only", None) or ()),
    )


def _try_message(file: Path, wish: Wish, *, is_now: bool, send: bool) -> None:
    """Say what would be read of a message of a monitor; with `send`, hand it to the listener and show the answer."""
    text = message.text_of(file)
    now = datetime.now(UTC)
    said = message.as_if_measured(text, now) if is_now else text
    for line in message.what_is_read(said, now):
        print(line)
    if send:
        host, port = whereabouts.last(wish.home)[whereabouts.MONITORS]
        _must_be_on_nobody(said, now, is_zoned=is_now)
        print(f"\nanswer of {host}:{port}", *message.answer_of(said, host, port), sep="\n")


def _must_be_on_nobody(said: bytes, now: datetime, *, is_zoned: bool) -> None:
    """Raise CannotRun where what a trial says would stand in somebody's chart. A demonstration's people may be tried on."""
    with told(Role.WORK):
        found = message.on_somebody(said, now, os.environ["BOTHWELL_DSN"], is_zoned=is_zoned)
    if found:
        raise CannotRun(
            f"Not sent: the monitor {', '.join(found)} is on somebody, or was at the time the message names, and these "
            "values would stand in that person's chart. Take the monitor off them first (Room → monitor), or change the "
            "identifier in the file to a monitor that is on nobody."
        )


def _status(wish: Wish) -> int:
    """Say what is there and what runs; 0 when the pages answer, else 3."""
    open_now = pages_answer(wish.host, wish.port, name_of_pages(os.environ))
    device = (wish.device_host, wish.device_port)
    lines: dict[str, Any] = {
        "data folder": wish.home if (wish.home / FILE_NAME).exists() else f"{wish.home} (not used yet)",
        "database": _database_word(wish),
        "pages": f"{'open' if open_now else 'closed'} at {wish.host}:{wish.port}",
        "bedside monitors": f"{'listening' if answers(*device) else 'not listening'} at {device[0]}:{device[1]}",
        "last backup here": max((each.name for each in (wish.home / "backups").glob("*")), default="none"),
    }
    for name, value in lines.items():
        print(f"{name:<17} {value}")
    return 0 if open_now else NOT_RUNNING


def _database_word(wish: Wish) -> str:
    if url := os.environ.get("DATABASE_URL"):
        check_database(url)
        return f"answers at {place(url)}"
    return "running" if running_socket(wish.home / "postgres") else "stopped"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="bothwell",
        description="Run a clinic's Bothwell. Its data lie in BOTHWELL_HOME (default: var), "
        "or in the PostgreSQL server that DATABASE_URL names.",
        epilog="Any other word is passed on to Django, for instance: bothwell showmigrations",
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")
    serving = commands.add_parser("serve", help="open the clinic: database, pages, jobs, device feeds")
    serving.add_argument(
        "--only",
        action="append",
        choices=[each.value for each in Process],
        help="only this process; may be repeated",
    )
    looking = commands.add_parser("status", help="say what runs, where it was last opened")
    for each, otherwise in ((serving, ("127.0.0.1", "8000", "2575")), (looking, ("as last opened",) * 3)):
        host, port, device_port = otherwise
        each.add_argument("--demo", action="store_true", help="a made-up clinic, in a folder of its own")
        each.add_argument("--host", help=f"where the pages answer (default: {host})")
        each.add_argument("--port", type=_port, help=f"default: {port}")
        each.add_argument("--device-host", help=f"where bedside monitors connect (default: {host})")
        each.add_argument("--device-port", type=_port, help=f"default: {device_port}")
    trying = commands.add_parser(
        "try-message", help="say what is read of a monitor's message in a file (HL7 v2)"
    )
    trying.add_argument("file", type=Path)
    trying.add_argument("--now", action="store_true", help="as if measured now, whatever times it names")
    trying.add_argument(
        "--send",
        action="store_true",
        help="hand it to the listener too, and show the answer; never while this monitor is on somebody: it is charted",
    )
    # For the list of words only: it is passed on with its options.
    commands.add_parser("migrate", help="bring the database's tables up to date")
    commands.add_parser("work", help="do the jobs that wait")
    listening = commands.add_parser("listen", help="take readings from bedside monitors (HL7 v2 over MLLP)")
    listening.add_argument("--host", default="127.0.0.1")
    listening.add_argument("--port", type=_port, default=2575)
    following = commands.add_parser(
        "listen-sdc", help="take readings from SDC devices (IEEE 11073; needs the extra `sdc`)"
    )
    following.add_argument("--adapter", default="", help="this machine's address in the devices' network")
    following.add_argument(
        "--device", action="append", default=[], metavar="ADDRESS", help="a device to follow; may be repeated"
    )
    following.add_argument("--find", action="store_true", help="name the devices found there, and end")
    verifying = commands.add_parser("verify-audit", help="check that the record of who saw what is unbroken")
    verifying.add_argument(
        "--expect",
        action="append",
        default=[],
        metavar="CLINIC=NUMBER:HASH",
        help="a head written down earlier: finds a log that was cut short",
    )
    commands.add_parser(
        "outcomes", help="fit a model of couples' numbers to a table in a file (docs/outcomes.md)"
    )
    commands.add_parser("backup", help="save database and secrets in one file").add_argument(
        "file", type=Path
    )
    restoring = commands.add_parser("restore", help="put a backup back; Bothwell must be stopped")
    restoring.add_argument("file", type=Path)
    restoring.add_argument("--yes", action="store_true", help="replace what is in the database now")
    restoring.add_argument(
        "--without-process-notes",
        action="store_true",
        help="although the key of therapists' own notes lacks: they stay closed",
    )
    commands.add_parser("new-notes-key", help="go on though the key of therapists' own notes is lost")
    commands.add_parser(
        "lost-second-factor", help="let somebody log in anew who lost their second factor and recovery codes"
    ).add_argument("email", help="the address they log in with")
    archiving = commands.add_parser(
        "archive", help="put whole months of readings away as Parquet files (needs the extra `analytics`)"
    )
    archiving.add_argument(
        "--before", type=_month, required=True, metavar="YYYY-MM", help="months before this one"
    )
    archiving.add_argument("--to", type=Path, required=True, metavar="FOLDER", help="where the files go")
    archiving.add_argument(
        "--drop-after-verify",
        action="store_true",
        help="remove a month's table once its file is proved; asks for the words",
    )
    commands.add_parser("restore-month", help="bring a month of readings back").add_argument(
        "file", type=Path
    )
    return parser


def _month(word: str) -> Month:
    month = read_month(word)
    if month is None:
        raise argparse.ArgumentTypeError("a month is written as 2025-06")
    return month


def _port(word: str) -> int:
    number = int(word)
    if not 1 <= number <= 65535:
        raise argparse.ArgumentTypeError("a port is a number from 1 to 65535")
    return number
