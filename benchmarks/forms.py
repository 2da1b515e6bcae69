"""How a very long questionnaire feels on a slow phone: until something is on the screen, and from tap to next question.

    python -m benchmarks.forms

Five hundred questions in one document, in a Chromium four times slower than this machine. Beside it, in the same run,
a form of seven. Nothing is asserted: a number is read by somebody.
"""

import argparse
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from playwright.sync_api import Browser, sync_playwright

from benchmarks.stage import LOGINS, environment, percentile
from bothwell.instruments.catalogue import CATALOGUE
from bothwell.instruments.reading import read
from bothwell.models import ClinicInstrument, Request
from tests.cast import Cast, client_for, make_cast
from tests.conftest import loading
from tests.room import as_login

LONG = "long-form"
SLOWER = 4
TAPS = 60
PAUSE_MS = 180  # as in checkin.js: the moment in which one sees what was pressed
PHONE = {"width": 390, "height": 844}
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]

PAINTED = """() => new Promise((done) => {
  const look = () => {
    const [paint] = performance.getEntriesByName("first-contentful-paint");
    const [page] = performance.getEntriesByType("navigation");
    if (paint) done([paint.startTime, page.responseEnd, page.encodedBodySize]); else setTimeout(look, 20);
  };
  look();
})"""
# A tap as the page hears it; then when the next question is drawn. The pause that is meant is taken off.
TAP = """(pause) => new Promise((done) => {
  const progress = document.getElementById("progress");
  const before = progress.getAttribute("aria-valuenow");
  const seen = new MutationObserver(() => {
    if (progress.getAttribute("aria-valuenow") === before) return;
    seen.disconnect();
    requestAnimationFrame(() => setTimeout(() => done(performance.now() - begun - pause), 0));
  });
  seen.observe(progress, { attributes: true });
  const label = document.querySelector("#stage label");
  label.dispatchEvent(new PointerEvent("pointerdown", { bubbles: true }));
  const begun = performance.now();
  label.click();
})"""


def document(questions: int) -> str:
    """A form of so many questions, made of those of a short one."""
    made = json.loads(next(CATALOGUE.glob("*/gad-7.json")).read_text())
    form, side = made["questionnaire"], made["side"]
    asked, described = form["item"][0]["item"], side["items"]
    form["item"][0]["item"] = [
        {**asked[at % 7], "linkId": f"long-{at}", "text": f"{asked[at % 7]['text']}, {at}"}
        for at in range(questions)
    ]
    side["items"] = [{**described[at % 7], "link_id": f"long-{at}"} for at in range(questions)]
    side["scores"] = [{**side["scores"][0], "most": 3 * questions, "bands": [], "cutoffs": []}]
    side |= {"id": LONG, "licence_class": "clinic"}
    form |= {"url": f"urn:bothwell:questionnaire:{LONG}"}
    return json.dumps(made)


def lay_out(questions: int) -> tuple[Cast, dict[str, str]]:
    """Somebody with two forms due; the address of each."""
    text = document(questions)
    version = read(f"{LONG}.json", text.encode()).version
    with transaction.atomic():
        cast = make_cast()
        with loading():
            ClinicInstrument.objects.create(
                clinic=cast.clinic, instrument=LONG, version=version, document=text, origin="imported",
                licence_holder="nobody", licence_terms="made up", author=cast.lead,
            )  # fmt: skip
            asked = [
                Request.objects.create(
                    clinic=cast.clinic, subject=cast.a, author=cast.prescriber, instrument=name, wave="w1",
                    kind="measure.individual", due_at=timezone.now(),
                )
                for name in ("gad-7", LONG)
            ]  # fmt: skip
    return cast, {row.instrument: f"/checkin/{row.id}" for row in asked}


def measure(browser: Browser, root: str, address: str, cookie: str, runs: int) -> dict[str, Any]:
    """First paint of several openings, and the taps of the last."""
    paints: list[tuple[float, float, float]] = []
    late: list[float] = []
    for run in range(runs):
        context = browser.new_context(viewport=PHONE, has_touch=True, service_workers="block")  # type: ignore[arg-type]
        context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": cookie, "url": root}])
        page = context.new_page()
        page.context.new_cdp_session(page).send("Emulation.setCPUThrottlingRate", {"rate": SLOWER})
        page.goto(root + address, wait_until="commit")
        paints.append(tuple(page.evaluate(PAINTED)))
        page.wait_for_selector("form[data-replayed]")
        if run == runs - 1:
            taps = min(TAPS, int(page.locator("#progress").get_attribute("aria-valuemax") or 1) - 1)
            late = [page.evaluate(TAP, PAUSE_MS) for _ in range(taps)]
        context.close()
    return {"paints": paints, "late": late}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--questions", type=int, default=500)
    parser.add_argument("--runs", type=int, default=7)
    asked = parser.parse_args()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    cast, addresses = lay_out(asked.questions)
    with as_login(LOGINS.web):
        cookie = client_for(cast.a).cookies[settings.SESSION_COOKIE_NAME].value
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = int(probe.getsockname()[1])
    command = [
        *(sys.executable, "-m", "granian", "--interface", "wsgi", "--workers", "1", "--log-level", "warning"),
        *("--port", str(port), "bothwell.wsgi:application"),
    ]
    server = subprocess.Popen(command, env=environment("web", LOGINS.web), start_new_session=True)
    try:
        _await(port)
        found = shutil.which("chromium") or shutil.which("chromium-browser")
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=found, args=ARGUMENTS)
            for name, address in addresses.items():
                report(name, measure(browser, f"http://localhost:{port}", address, cookie, asked.runs))
    finally:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()


def _await(port: int) -> None:
    for _ in range(200):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)


def report(name: str, found: dict[str, Any]) -> None:
    """Three lines: what came when, and how late the next question was."""
    painted, received, size = (sorted(each) for each in zip(*found["paints"], strict=True))
    middle = len(painted) // 2
    late = found["late"]
    print(f"{name}: {size[middle] / 1000:.0f} kB, {SLOWER} times slower")
    print(f"  first paint         p50 {painted[middle]:6.0f} ms   worst {painted[-1]:6.0f} ms"
          f"   (the document was there after {received[middle]:.0f} ms)")  # fmt: skip
    print(f"  tap to next         p50 {percentile(late, 50):6.1f} ms   p95 {percentile(late, 95):6.1f} ms"
          f"   beside the pause of {PAUSE_MS} ms, {len(late)} taps")  # fmt: skip


if __name__ == "__main__":
    main()
