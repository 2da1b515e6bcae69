"""Opens the clinic: looks whether all it needs is there, then starts the database, pages, jobs and feeds.

Never starts half: what is missing is said before anything runs. Never lets a page process hold the owner's
password, never answers the network without encryption in front, and never mixes the demonstration with a
clinic's own data.
"""

import hashlib
import ipaddress
import shutil
import socket
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from http.client import HTTPConnection, HTTPException
from importlib import metadata
from pathlib import Path

import psycopg

from bothwell.demo import cast, people
from bothwell.running import months, notes_key, reviving, whereabouts
from bothwell.running.postgres import Cluster, Server, socket_folder
from bothwell.running.roles import Logins, place, prepare
from bothwell.running.secrets import Secrets, home_from, load, prepare_home
from bothwell.running.supervise import Part, keep_running, run_once, say, signals_as_interrupts, telling
from bothwell.running.trouble import LEAST_FREE_BYTES, CannotRun, connection_trouble

PACKAGE = Path(__file__).parents[1]
A_DAY_S = 24 * 3600
MANAGE = (sys.executable, "-m", "bothwell")


class Role(StrEnum):
    """Which login a process uses; the word in BOTHWELL_AS."""

    OWNER = "owner"
    WEB = "web"
    WORK = "work"


class Process(StrEnum):
    """What `--only` may name, in the order of starting."""

    WEB = "web"
    WORK = "work"
    LISTEN = "listen"
    LISTEN_SDC = "listen-sdc"
    MONITOR = "monitor"


@dataclass(frozen=True)
class Wish:
    """What the person at the terminal asked for."""

    home: Path
    demo: bool = False
    host: str = "127.0.0.1"
    port: int = 8000
    device_host: str = "127.0.0.1"
    device_port: int = 2575
    follows_sdc: bool = False
    only: frozenset[Process] = frozenset()

    @property
    def processes(self) -> tuple[Process, ...]:
        asked_for = {Process.MONITOR: self.demo, Process.LISTEN_SDC: self.follows_sdc}
        wanted = self.only or {each for each in Process if asked_for.get(each, True)}
        return tuple(each for each in Process if each in wanted)


def serve(wish: Wish, environment: Mapping[str, str]) -> None:
    """Run until a signal arrives. Raises CannotRun, before anything is started whenever that can be known."""
    check(wish, environment)
    with signals_as_interrupts(), suppress(KeyboardInterrupt):
        secrets = load(wish.home)
        keep_apart(wish, environment)
        whereabouts.note(wish.home, places(wish))
        say("bothwell", f"all that is kept lies in {wish.home}")
        with database(wish, secrets, environment, join=bool(wish.only)) as server:
            logins = prepare_logins(server.dsn, secrets, environment)
            links = _bring_up_to_date(wish, secrets, logins, environment)
            if Process.WEB in wish.processes:  # nobody else is told that key
                notes_key.check(logins.owner, wish.home, environment)
            months.tell(months.make_patiently(logins.owner, datetime.now(UTC)))
            months.keep_daily(logins.owner)
            parts = tuple(
                part for each in wish.processes for part in parts_of(each, wish, secrets, logins, environment)
            )
            if Process.WEB in wish.processes:
                outside = environment.get("BOTHWELL_ADDRESS", "")
                threading.Thread(
                    target=_tell_when_open,
                    args=(wish, links, outside, name_of_pages(environment)),
                    daemon=True,
                ).start()
                say("bothwell", "opening the pages …")
            kept = reviving.of(Cluster(wish.home, secrets.admin_password), server)
            try:
                keep_running(parts, kept)
            finally:
                if kept is not None:
                    kept.stop()
    say("bothwell", "stopped")


# ── before anything starts ────────────────────────────────────────────────────────────────────────────────


def check(wish: Wish, environment: Mapping[str, str]) -> None:
    """Raise CannotRun with what to do when the machine, the ports or the settings cannot carry a clinic."""
    if not is_loopback(wish.host) and environment.get("BOTHWELL_BEHIND_TLS") != "1":
        raise CannotRun(
            f"Pages at {wish.host} could be reached from the network without encryption. Put a TLS proxy in "
            "front and set BOTHWELL_BEHIND_TLS=1, or keep to --host 127.0.0.1."
        )
    if url := environment.get("DATABASE_URL"):
        check_database(url)
    prepare_home(wish.home)
    free_bytes = shutil.disk_usage(wish.home).free
    if free_bytes < LEAST_FREE_BYTES:
        raise CannotRun(
            f"Only {free_bytes // 2**20} MB are free on the disk of {wish.home}; "
            f"{LEAST_FREE_BYTES // 2**20} MB are needed. Free some space and start again."
        )
    if Process.WEB in wish.processes:
        check_port(wish.host, wish.port, "the pages", "--port")
    if Process.LISTEN in wish.processes:
        check_port(wish.device_host, wish.device_port, "bedside monitors", "--device-port")


def is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def check_port(host: str, port: int, what: str, option: str) -> None:
    """Raise CannotRun when something else already listens at `host`:`port`."""
    try:
        family, kind, number, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, number) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except PermissionError:
        raise CannotRun(
            f"Port {port} for {what} is reserved for root. Choose another with {option}."
        ) from None
    except (OSError, OverflowError):
        raise CannotRun(
            f"Port {port} at {host}, wanted for {what}, is taken or not on this machine. Is Bothwell running "
            f"already? Stop the other program, or choose another port with {option}."
        ) from None


def check_database(url: str) -> None:
    """Raise CannotRun when DATABASE_URL is malformed or nobody answers there."""
    where = place(url)
    try:
        psycopg.connect(url, connect_timeout=10).close()
    except psycopg.OperationalError as error:
        raise connection_trouble(error, where) from None


def keep_apart(wish: Wish, environment: Mapping[str, str]) -> None:
    """Mark the folder as the demonstration's or the clinic's own; raise CannotRun when it is the other's."""
    mark = wish.home / "run" / "kind"
    kind = "demo" if wish.demo else "clinic"
    found = mark.read_text().strip() if mark.exists() else kind
    if found != kind:
        raise CannotRun(
            f"{wish.home} holds a {found}'s data, not a {kind}'s. "
            "Set BOTHWELL_HOME to another folder: the two are never mixed."
        )
    url = environment.get("DATABASE_URL")
    if wish.demo and url and "demo" not in place(url).rpartition("/")[2]:
        raise CannotRun(
            "The demonstration only fills a database whose name contains `demo`. Change DATABASE_URL."
        )
    mark.write_text(kind)


# ── the database ──────────────────────────────────────────────────────────────────────────────────────────


@contextmanager
def database(
    wish: Wish, secrets: Secrets, environment: Mapping[str, str], *, join: bool = False
) -> Iterator[Server]:
    """That of DATABASE_URL, or our own, started and stopped here (`join`: unless it runs already)."""
    if url := environment.get("DATABASE_URL"):
        yield Server(url, None)
        return
    with Cluster(wish.home, secrets.admin_password).serving(join=join) as server:
        yield server


def prepare_logins(dsn: str, secrets: Secrets, environment: Mapping[str, str]) -> Logins:
    """Roles and database made or mended; in an own server, the database that DATABASE_URL names."""
    if environment.get("DATABASE_URL"):
        return prepare(dsn, secrets, database=None)
    return prepare(dsn, secrets)


def child_environment(
    role: Role, wish: Wish, secrets: Secrets, logins: Logins, environment: Mapping[str, str]
) -> dict[str, str]:
    """What a process is told: the DSN of its own role and of no other."""
    told = {key: value for key, value in environment.items() if not _ours_alone(key)}
    told |= {
        "PYTHONUNBUFFERED": "1",
        "DJANGO_SETTINGS_MODULE": "bothwell.settings",
        "BOTHWELL_HOME": str(wish.home),
        "BOTHWELL_HEARD": str(socket_folder(wish.home) / "heard"),
        "BOTHWELL_AS": role.value,
        "BOTHWELL_DSN": {Role.OWNER: logins.owner, Role.WEB: logins.web, Role.WORK: logins.work}[role],
        "BOTHWELL_SECRET_KEY": secrets.secret_key,
    }
    if role is Role.WORK:  # no job and no feed reads a therapist's own notes
        told.pop("BOTHWELL_PROCESS_NOTES_KEY", None)
    if wish.demo:
        told["BOTHWELL_DEMO"] = "1"
    if is_loopback(wish.host) and environment.get("BOTHWELL_BEHIND_TLS") != "1":
        told["BOTHWELL_PLAIN_HTTP"] = "1"
        told.setdefault("BOTHWELL_ADDRESS", f"http://localhost:{wish.port}")
    return told


def _ours_alone(name: str) -> bool:
    # GRANIAN_*: the server's own settings must not change under us through the environment.
    return name in {
        *("DATABASE_URL", "PGPASSWORD", "PGPASSFILE", "PGUSER", "PGSERVICE", "PGOPTIONS"),
        *("BOTHWELL_DEMO", "BOTHWELL_PLAIN_HTTP"),
    } or name.startswith(("BOTHWELL_DSN", "GRANIAN_"))


# ── bringing tables, policies and static files up to date ─────────────────────────────────────────────────


def _bring_up_to_date(
    wish: Wish, secrets: Secrets, logins: Logins, environment: Mapping[str, str]
) -> list[str]:
    """Migrate, collect, and load the demonstration, each only when what it depends on has changed.

    Gives the lines with the link for a clinic lead who has no login yet.
    """
    links: list[str] = []
    told = child_environment(Role.OWNER, wish, secrets, logins, environment)
    here = database_mark(logins.admin)
    # The database keeps a key made from the secret one: after a restore it must be written anew.
    code = _digest(secrets.secret_key, "*.py", "*.sql", "*.toml", "*.json")
    with stamped(wish.home, "migrated", f"{here} {code}") as due:
        if due:
            with telling(
                "making what is missing of the tables, and of the rules who may see what (up to two minutes)"
            ):
                run_once(Part("migrate", (*MANAGE, "migrate", "--no-input", "-v", "0"), told))
    if Process.WEB in wish.processes:
        with stamped(wish.home, "collected", _digest("", "static/**/*")) as due:
            if due or not (wish.home / "static" / "staticfiles.json").exists():
                collecting = {**told, "BOTHWELL_COLLECTING": "1"}
                with telling("laying out what the pages are drawn with"):
                    run_once(Part("static", (*MANAGE, "collectstatic", "--no-input", "-v", "0"), collecting))
    if wish.demo:
        with stamped(wish.home, "loaded", here) as due:
            if due:
                with telling("telling the story of two invented clinics (up to two minutes)"):
                    run_once(Part("demo", (*MANAGE, "load_demo"), told))
    elif Process.WEB in wish.processes:
        # On an empty database it begins the clinic; until the lead has a login it shows a link, then nothing.
        links = run_once(Part("found", (*MANAGE, "found"), told), quiet=True)
    if Process.WEB in wish.processes:
        # Asked as the web login itself, at every start: rights and data may have changed by hand since.
        asking = child_environment(Role.WEB, wish, secrets, logins, environment)
        words = ("check", "--deploy", "--database", "default", "--fail-level", "ERROR")
        with telling("looking whether the pages may be opened"):
            run_once(Part("check", (*MANAGE, *words), asking), quiet=True)
    return links


@contextmanager
def stamped(home: Path, name: str, mark: str) -> Iterator[bool]:
    """Whether the step `name` is due for `mark`; noted as done only when the block succeeds."""
    path = home / "run" / f"{name}.stamp"
    done = path.exists() and path.read_text() == mark
    yield not done
    if not done:
        path.write_text(mark)


def forget_stamps(home: Path) -> None:
    """Make every step due again, as after a restore."""
    for path in (home / "run").glob("*.stamp"):
        path.unlink()


def database_mark(dsn: str) -> str:
    """What tells this database from another, also from one of the same name made later."""
    with psycopg.connect(dsn, connect_timeout=10) as connection:
        row = connection.execute("select oid from pg_database where datname = current_database()").fetchone()
    assert row is not None
    return f"{place(dsn)} {row[0]}"


def _digest(salt: str, *patterns: str) -> str:
    """Changes whenever `salt`, one of our files or an installed package does."""
    sums = hashlib.sha256(salt.encode())
    for each in sorted(metadata.distributions(), key=lambda found: found.name or ""):
        sums.update(f"{each.name} {each.version}\n".encode())
    for path in sorted({path for pattern in patterns for path in PACKAGE.rglob(pattern) if path.is_file()}):
        sums.update(f"{path.relative_to(PACKAGE)}\n".encode())
        sums.update(hashlib.sha256(path.read_bytes()).digest())
    return sums.hexdigest()


# ── the processes ─────────────────────────────────────────────────────────────────────────────────────────


def part_of(
    process: Process, wish: Wish, secrets: Secrets, logins: Logins, environment: Mapping[str, str]
) -> Part:
    """The command and environment of one process."""
    role = Role.WEB if process is Process.WEB else Role.WORK
    told = child_environment(role, wish, secrets, logins, environment)
    devices = ("--host", wish.device_host, "--port", str(wish.device_port))
    match process:
        case Process.WEB:
            return Part("web", _web_command(wish), told, essential=True)
        case Process.WORK:
            return Part("work", (*MANAGE, "work"), told)
        case Process.LISTEN:
            return Part("listen", (*MANAGE, "listen", *devices), told)
        case Process.LISTEN_SDC:
            return Part("listen-sdc", (*MANAGE, "listen-sdc"), told)
        case Process.MONITOR:
            return Part("monitor", (sys.executable, "-m", "bothwell.demo.monitor", *devices), told)


def parts_of(
    process: Process, wish: Wish, secrets: Secrets, logins: Logins, environment: Mapping[str, str]
) -> tuple[Part, ...]:
    """The process; of the demonstration's monitors one for each bed whose monitor speaks."""
    part = part_of(process, wish, secrets, logins, environment)
    if process is not Process.MONITOR:
        return (part,)
    beds = [bed for house in cast.HOUSES for bed in house.beds if bed.is_fed]
    since_s = loaded_for_s(wish.home)
    return tuple(
        replace(part, name=bed.room.lower(), command=(*part.command, *monitor_words(bed, since_s)))
        for bed in beds
    )


def monitor_words(bed: people.Bed, loaded_for_s: float) -> tuple[str, ...]:
    """What tells a monitor which bed it is at, and where in its story it stands by now."""
    return (
        *("--device", bed.device, "--seed", str(bed.signal), "--scenario", bed.scenario),
        *("--start", f"{bed.story_seconds + loaded_for_s:.0f}"),
    )


def loaded_for_s(home: Path) -> float:
    """Seconds since the demonstration was loaded; none if it is not loaded by us."""
    stamp = home / "run" / "loaded.stamp"
    return max(0.0, time.time() - stamp.stat().st_mtime) if stamp.exists() else 0.0


def _web_command(wish: Wish) -> tuple[str, ...]:
    return (
        *(sys.executable, "-m", "granian", "--interface", "asgi", "--no-ws", "--workers", "1"),
        # Without it open streams hold the old process for as long as a browser is open.
        *("--workers-kill-timeout", "3", "--log-level", "warning"),
        *("--host", wish.host, "--port", str(wish.port), "bothwell.asgi:application"),
    )


def places(wish: Wish) -> dict[str, whereabouts.Place]:
    """Where the pages and the monitors' listener of this wish answer."""
    answering = {
        Process.WEB: (whereabouts.PAGES, (wish.host, wish.port)),
        Process.LISTEN: (whereabouts.MONITORS, (wish.device_host, wish.device_port)),
    }
    return dict(answering[each] for each in wish.processes if each in answering)


def name_of_pages(environment: Mapping[str, str]) -> str:
    """The first name under which the site is reached."""
    return environment.get("BOTHWELL_HOSTS", "").split(",")[0].strip() or "localhost"


def _tell_when_open(wish: Wish, links: Sequence[str], outside: str, name: str) -> None:
    address = f"http://{'localhost' if is_loopback(wish.host) else wish.host}:{wish.port}"
    for _ in range(600):
        if pages_answer(wish.host, wish.port, name):
            for line in _who_may_log_in(wish, address):
                say("bothwell", line)
            say("bothwell", f"open at {address} (Ctrl-C stops it)")
            if outside:
                say("bothwell", f"to be reached at {outside}")
            for line in links:
                say("bothwell", line)
            return
        time.sleep(0.1)
    say("bothwell", f"no page answers at {address} yet; the lines above say why")


def _who_may_log_in(wish: Wish, address: str) -> list[str]:
    """The demonstration's logins, and a word when its day is over: its story stands still from then on."""
    if not wish.demo:
        return []
    lines = ["", *cast.table(address), ""]
    if loaded_for_s(wish.home) > A_DAY_S:
        lines += [f"Its story was told a while ago. For a fresh one, stop it and remove {wish.home}.", ""]
    return lines


def pages_answer(host: str, port: int, name: str = "localhost") -> bool:
    """Whether a page comes back, asked for by a name it goes by: the port is held before the first can be made."""
    connection = HTTPConnection(_reachable(host), port, timeout=5)
    try:
        connection.request("HEAD", "/", headers={"Host": name})
        return connection.getresponse().status < 500
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()


def answers(host: str, port: int) -> bool:
    """Whether something accepts connections there."""
    with suppress(OSError), socket.create_connection((_reachable(host), port), timeout=1):
        return True
    return False


def _reachable(host: str) -> str:
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)


def wish_from(environment: Mapping[str, str], *, demo: bool = False) -> Wish:
    """Where the data are, for every command but `serve`. The demonstration has a folder of its own."""
    demo = demo or environment.get("BOTHWELL_DEMO") == "1"
    home = home_from(environment)
    if demo and not environment.get("BOTHWELL_HOME"):
        home = home / "demo"
    follows_sdc = any(environment.get(name) for name in ("BOTHWELL_SDC_ADAPTER", "BOTHWELL_SDC_DEVICES"))
    return Wish(home=home, demo=demo, follows_sdc=follows_sdc)
