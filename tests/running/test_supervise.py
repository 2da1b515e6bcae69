"""What runs is kept running, and when it stops nothing is left behind."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from bothwell.running import supervise
from bothwell.running.supervise import Keeper, Part, run_once, telling, wait_after
from bothwell.running.trouble import CannotRun

ENVIRONMENT = dict(os.environ)


def part(name: str, script: str, *, essential: bool = False) -> Part:
    return Part(name, (sys.executable, "-c", script), ENVIRONMENT, essential=essential)


SUPERVISOR = """
import os, sys
from bothwell.running.supervise import Part, keep_running, say, signals_as_interrupts
calm = "import pathlib, os, time; pathlib.Path('{0}/calm').write_text(str(os.getpid())); time.sleep(60)"
# Refuses to stop, and has a child of its own, as a web server has.
stubborn = (
    "import pathlib, os, time, signal, subprocess; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
    "child = subprocess.Popen(['sleep', '60']); pathlib.Path('{0}/child').write_text(str(child.pid)); "
    "print('here I am', flush=True); pathlib.Path('{0}/stubborn').write_text(str(os.getpid())); "
    "time.sleep(60)"
)
import bothwell.running.supervise as s
s.STOP_PATIENCE_S = 0.5
try:
    with signals_as_interrupts():
        keep_running(tuple(
            Part(name, (sys.executable, "-c", text.format(sys.argv[1])), dict(os.environ))
            for name, text in (("calm", calm), ("stubborn", stubborn))
        ), None)
except KeyboardInterrupt:
    say("bothwell", "stopped")
"""


def alive(number: int) -> bool:
    """Whether the process runs; a zombie does not."""
    try:
        return Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def await_files(*paths: Path) -> None:
    deadline = time.monotonic() + 10
    while not all(path.exists() and path.read_text() for path in paths):
        assert time.monotonic() < deadline, "the processes did not start"
        time.sleep(0.02)


def await_gone(*numbers: int) -> None:
    deadline = time.monotonic() + 5
    while any(alive(number) for number in numbers):
        assert time.monotonic() < deadline, "a process was left behind"
        time.sleep(0.02)


@contextmanager
def supervisor(folder: Path) -> Iterator[tuple[subprocess.Popen[str], list[int]]]:
    """A supervisor over two small processes, one of which will not stop; and the numbers of all."""
    process = subprocess.Popen(
        (sys.executable, "-c", SUPERVISOR, str(folder)),
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    files = [folder / name for name in ("calm", "stubborn", "child")]
    try:
        await_files(*files)
        yield process, [int(path.read_text()) for path in files]
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        process.communicate()


@pytest.mark.parametrize("which", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_stops_all_of_them_in_seconds(tmp_path: Path, which: signal.Signals) -> None:
    with supervisor(tmp_path) as (process, numbers):
        started_s = time.monotonic()
        process.send_signal(which)
        _, lines = process.communicate(timeout=10)
        assert time.monotonic() - started_s < 4
        assert process.returncode == 0
        assert "stubborn | here I am" in lines
        assert "bothwell | stopped" in lines
        await_gone(*numbers)


def test_a_supervisor_killed_outright_takes_the_others_along(tmp_path: Path) -> None:
    with supervisor(tmp_path) as (process, (calm, stubborn, child)):
        process.kill()
        await_gone(calm)
        # This one refused to hear; it is what the next start's look at the ports is for.
        for number in (stubborn, child):
            with suppress(ProcessLookupError):
                os.kill(number, signal.SIGKILL)


def test_what_ends_is_started_again_after_a_wait(capfd: pytest.CaptureFixture[str]) -> None:
    keeper = Keeper(part("short", "raise SystemExit(3)"))
    keeper.look(now_s=0.0)
    await_noticed(keeper, now_s=0.1)
    assert "short ended (code 3); starting it again in 1 s" in capfd.readouterr().err
    keeper.look(now_s=1.0)
    assert keeper._process is None
    keeper.look(now_s=1.2)
    assert keeper._process is not None
    await_noticed(keeper, now_s=1.3)
    assert "in 2 s" in capfd.readouterr().err


def await_noticed(keeper: Keeper, now_s: float) -> None:
    deadline = time.monotonic() + 10
    while keeper._process is not None:
        assert time.monotonic() < deadline
        keeper.look(now_s)
        time.sleep(0.01)


def test_a_long_life_starts_the_waits_anew(capfd: pytest.CaptureFixture[str]) -> None:
    keeper = Keeper(part("long", "pass"))
    keeper.short_lives = 4
    keeper.look(now_s=0.0)
    await_noticed(keeper, now_s=3600.0)
    assert keeper.short_lives == 1


def test_without_an_essential_part_everything_ends() -> None:
    keeper = Keeper(part("web", "raise SystemExit(1)", essential=True))
    keeper.short_lives = 4
    keeper.look(now_s=0.0)
    with pytest.raises(CannotRun, match="web ended 5 times in a row"):
        await_noticed(keeper, now_s=0.1)


def test_the_waits_grow_to_half_a_minute() -> None:
    assert [wait_after(n) for n in range(1, 8)] == [1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0]


def test_when_the_database_ends_everything_ends(tmp_path: Path) -> None:
    class Ended:
        def poll(self) -> int:
            return 1

    note = f"import os, pathlib, time; pathlib.Path('{tmp_path}/pid').write_text(str(os.getpid()))"
    sleeper = part("sleeper", note + "; time.sleep(60)")
    with pytest.raises(CannotRun, match="database ended"):
        supervise.keep_running((sleeper,), Ended())
    if (tmp_path / "pid").exists() and (number := (tmp_path / "pid").read_text()):
        await_gone(int(number))


def test_a_step_that_fails_shows_its_lines_and_is_told(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(CannotRun, match="step failed"):
        run_once(part("step", "print('one thing is missing'); raise SystemExit(2)"))
    assert "step | one thing is missing" in capfd.readouterr().err
    run_once(part("step", "print('all there')"))
    assert "step | all there" in capfd.readouterr().err


def test_a_quiet_step_speaks_only_when_it_fails(capfd: pytest.CaptureFixture[str]) -> None:
    assert run_once(part("look", "print('a warning')"), quiet=True) == ["a warning"]
    assert capfd.readouterr().err == ""
    with pytest.raises(CannotRun, match="look failed"):
        run_once(part("look", "print('the login is a superuser'); raise SystemExit(1)"), quiet=True)
    assert "look | the login is a superuser" in capfd.readouterr().err


def test_a_step_is_told_before_it_begins_and_when_it_is_done(capfd: pytest.CaptureFixture[str]) -> None:
    with telling("making the tables"):
        assert capfd.readouterr().err == "bothwell | making the tables …\n"
    assert capfd.readouterr().err == "bothwell | … done in 0 s\n"


def test_a_step_that_fails_is_not_told_as_done(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(CannotRun), telling("making the tables"):
        raise CannotRun("it failed")
    assert "done" not in capfd.readouterr().err
