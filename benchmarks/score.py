"""How soon the score is there after three years of weekly answers of both: the server, and the first paint.

    python -m benchmarks.score [--weeks 156]

For one of the two and for their couples therapist; all of it, and a quarter. Beside it, in the same run, the same
pages of a couple with three months behind them. Nothing is asserted: a number is read by somebody.
"""

import argparse
import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg
from django.conf import settings
from django.core.management import call_command
from django.db import connection, transaction
from playwright.sync_api import sync_playwright

from benchmarks.forms import ARGUMENTS, PAINTED
from benchmarks.stage import LOGINS, environment
from tests.cast import Cast, client_for, make_cast
from tests.room import as_login
from tests.web.long_story import lay_out

THREE_MONTHS = 13


@dataclass(frozen=True)
class Page:
    """Who opens which address, and what it is called in the report."""

    what: str
    who: Any
    path: str


def pages(cast: Cast) -> list[Page]:
    desk = f"/couples/{cast.couple.id}/score"
    return [
        Page("partner, all of it", cast.a, "/score?zoom=all"),
        Page("partner, a quarter", cast.a, "/score?zoom=quarter"),
        Page("couples therapist, all of it", cast.couples_therapist, f"{desk}?zoom=all"),
        Page("couples therapist, a quarter", cast.couples_therapist, f"{desk}?zoom=quarter"),
    ]


class _Counter:
    """Counts the statements that pass."""

    count = 0

    def __call__(self, execute: Any, *given: Any) -> Any:
        self.count += 1
        return execute(*given)


def server(page: Page, runs: int) -> tuple[float, float, float, int, int]:
    """Median milliseconds, of them on our own processor (which other work does not lengthen), worst, statements, bytes."""
    client = client_for(page.who)
    for _ in range(3):
        answer = client.get(page.path)
    assert answer.status_code == 200, f"{page.what}: {answer.status_code}"
    statements = _Counter()
    with connection.execute_wrapper(statements):
        client.get(page.path)
    took, own = [], []
    for _ in range(runs):
        begun, before = time.perf_counter(), time.process_time()
        client.get(page.path)
        took.append((time.perf_counter() - begun) * 1000)
        own.append((time.process_time() - before) * 1000)
    return statistics.median(took), statistics.median(own), max(took), statements.count, len(answer.content)


@contextmanager
def serving() -> Iterator[str]:
    """The site as it runs, and its address."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = int(probe.getsockname()[1])
    command = [
        *(sys.executable, "-m", "granian", "--interface", "asgi", "--no-ws", "--workers", "1"),
        *("--log-level", "warning", "--port", str(port), "bothwell.asgi:application"),
    ]
    running = subprocess.Popen(command, env=environment("web", LOGINS.web), start_new_session=True)
    try:
        for _ in range(600):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.1)
        yield f"http://localhost:{port}"
    finally:
        os.killpg(running.pid, signal.SIGKILL)
        running.wait()


def painted(pages: list[Page], cookies: list[str], runs: int) -> list[float]:
    """Median milliseconds from asking to the first paint, of each page."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    found = []
    with serving() as root, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        for page, cookie in zip(pages, cookies, strict=True):
            context = browser.new_context(service_workers="block", viewport={"width": 1440, "height": 900})
            context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": cookie, "url": root}])
            tab = context.new_page()
            took = []
            for _ in range(runs):
                tab.goto(root + page.path, wait_until="commit")
                took.append(tab.evaluate(PAINTED)[0])
            found.append(statistics.median(took))
            context.close()
        browser.close()
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--weeks", type=int, default=156)
    parser.add_argument("--runs", type=int, default=15)
    asked = parser.parse_args()
    settings.ALLOWED_HOSTS = ["testserver"]
    call_command("migrate", verbosity=0)
    stories = []
    for weeks in (asked.weeks, THREE_MONTHS):
        with transaction.atomic():
            cast = make_cast()
            lay_out(cast, weeks)
        stories.append((weeks, cast))
    with psycopg.connect(LOGINS.admin, autocommit=True) as admin:
        admin.execute("vacuum analyze")
    with as_login(LOGINS.web):
        shown = [(weeks, page) for weeks, cast in stories for page in pages(cast)]
        measured = [server(page, asked.runs) for _, page in shown]
        cookies = [client_for(page.who).cookies[settings.SESSION_COOKIE_NAME].value for _, page in shown]
    paints = painted([page for _, page in shown], cookies, asked.runs)
    print(
        f"{'weeks':>5}  {'page':<30}{'ms':>7}{'own ms':>8}{'worst':>7}{'SQL':>5}{'kB':>6}{'first paint':>13}"
    )
    for (weeks, page), (ms, own, worst, count, size), paint in zip(shown, measured, paints, strict=True):
        print(
            f"{weeks:>5}  {page.what:<30}{ms:7.0f}{own:8.0f}{worst:7.0f}{count:5}{size / 1000:6.0f}{paint:10.0f} ms"
        )
    print(f"load {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
