"""How soon the page of a room opens after three hours: a value a second of four quantities, and checks by hand.

    python -m benchmarks.page

The server's time alone, and in a browser until something is on the screen. Beside it, the same page of a session with
a minute on record.
"""

import os
import signal
import socket
import statistics
import subprocess
import sys
import time
from datetime import datetime, timedelta
from decimal import Decimal

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from playwright.sync_api import sync_playwright

from benchmarks import crowd
from benchmarks.forms import ARGUMENTS, PAINTED
from benchmarks.stage import LOGINS, environment, prepare
from bothwell.codes import BY_CODE
from bothwell.monitoring.watch import SESSION, Entry, Watched, insert_all, rows
from tests.cast import client_for
from tests.room import Bedside, as_login

QUANTITIES = ("heart_rate", "spo2", "respiratory_rate", "etco2")
HOURS = 3
RUNS = 9
QUIET_MS = 2000
"""After a page was left: what it still asked for is answered, and the next does not stand in line behind it."""


def lay_out(bedside: Bedside, seconds: int) -> None:
    """So many seconds of readings until now, and the cuff each five minutes."""
    values = {**crowd.SIX, "etco2": 37}
    begin = timezone.now().replace(microsecond=0) - timedelta(seconds=seconds)

    def entry(code: str, at: datetime, second: int) -> Entry:
        value = Decimal(values[code] + second % 4)
        return Entry(code, value, BY_CODE[code].unit, at, source="1@1", device_id=bedside.device.id)

    entries = [
        entry(code, begin + timedelta(seconds=second), second)
        for second in range(seconds)
        for code in (*QUANTITIES, *(("systolic", "diastolic") if second % 300 == 0 else ()))
    ]
    with as_login(LOGINS.work):
        ((*session,),) = rows(f"select {SESSION} where s.id = %s", [bedside.session.id])
        for start in range(0, len(entries), 2000):
            with transaction.atomic():
                insert_all([(Watched(*session), one) for one in entries[start : start + 2000]])


def server_ms(bedside: Bedside, path: str) -> list[float]:
    with as_login(LOGINS.web):
        client = client_for(bedside.cast.nurse)
        assert client.get(path).status_code == 200
        took = []
        for _ in range(RUNS):
            begun = time.perf_counter()
            client.get(path)
            took.append((time.perf_counter() - begun) * 1000)
    return took


def painted(bedsides: list[Bedside], paths: list[str]) -> list[list[tuple[float, float, float]]]:
    """Of each page and opening: first paint, when the document was there, its size."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = int(probe.getsockname()[1])
    command = [
        *(sys.executable, "-m", "granian", "--interface", "asgi", "--no-ws", "--workers", "1"),
        *("--log-level", "warning", "--port", str(port), "bothwell.asgi:application"),
    ]
    with as_login(LOGINS.web):
        cookies = [client_for(one.cast.nurse).cookies[settings.SESSION_COOKIE_NAME].value for one in bedsides]
    server = subprocess.Popen(command, env=environment("web", LOGINS.web), start_new_session=True)
    root = f"http://localhost:{port}"
    try:
        for _ in range(600):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.1)
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=ARGUMENTS)
            found = []
            for path, cookie in zip(paths, cookies, strict=True):
                context = browser.new_context(service_workers="block")
                context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": cookie, "url": root}])
                page = context.new_page()
                opened = []
                for _ in range(RUNS):
                    page.goto("about:blank")
                    page.wait_for_timeout(QUIET_MS)
                    page.goto(root + path, wait_until="commit")
                    opened.append(tuple(page.evaluate(PAINTED)))
                found.append(opened)
            return found
    finally:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()


def main() -> None:
    """Print the report."""
    settings.ALLOWED_HOSTS = ["testserver"]
    bedsides = prepare(2)
    for bedside, seconds in zip(bedsides, (HOURS * 3600, 60), strict=True):
        lay_out(bedside, seconds)
    paths = [f"/room/{bedside.session.id}" for bedside in bedsides]
    server = [server_ms(*each) for each in zip(bedsides, paths, strict=True)]
    for what, taken, opened in zip(
        ("3 h at 1 Hz x 4", "a minute"), server, painted(bedsides, paths), strict=True
    ):
        first, _, size = (statistics.median(each) for each in zip(*opened, strict=True))
        print(
            f"{what:<18} server p50 {statistics.median(taken):6.0f} ms   first paint p50 {first:6.0f} ms, "
            f"worst {max(each[0] for each in opened):6.0f} ms   {size / 1000:.0f} kB"
        )
    print(f"load {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
