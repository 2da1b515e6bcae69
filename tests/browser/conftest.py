"""A real browser before the real thing: the demo clinic as `make demo` starts it, on ports and in a home of its own."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page

ROOT = Path(__file__).parent.parent.parent
PASSWORD = "bothwell-demo"
PHONE = {"width": 390, "height": 844}
TABLET = {"width": 1180, "height": 820}
DESK = {"width": 1440, "height": 900}
CHROMIUM_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
LABELS_ASTRAY = """() => [...document.querySelectorAll("label[for]")]
  .filter((label) => document.querySelectorAll(`[id="${CSS.escape(label.htmlFor)}"]`).length !== 1)
  .map((label) => label.htmlFor)"""


def free_port() -> int:
    """A port nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass(frozen=True)
class Stack:
    """Where the running clinic is."""

    address: str
    device_port: int
    home: Path
    process: "subprocess.Popen[bytes]"


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The demo clinic, started by the command of the README and stopped as Ctrl-C would."""
    if dev := os.environ.get("WALK_DEV"):
        yield Stack(f"http://localhost:{dev.split(':')[0]}", int(dev.split(":")[1]), Path("/tmp/walk"), None)
        return
    home = tmp_path_factory.mktemp("demo")
    port, device_port = free_port(), free_port()
    environment = {
        k: v for k, v in os.environ.items() if not k.startswith(("BOTHWELL_", "DJANGO_", "DATABASE_URL"))
    }
    log = (home / "log").open("wb")
    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "bothwell",
            "serve",
            "--demo",
            "--port",
            str(port),
            "--device-port",
            str(device_port),
        ],
        cwd=ROOT,
        env=environment | {"BOTHWELL_HOME": str(home / "home")},
        stdout=log,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    address = f"http://localhost:{port}"
    _wait(address, process, home / "log")
    yield Stack(address, device_port, home, process)
    process.send_signal(signal.SIGTERM)
    try:
        code = process.wait(30)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    assert code == 0, (home / "log").read_text()[-3000:]


def answers(address: str) -> bool:
    """Whether pages come from there."""
    with suppress(OSError), urllib.request.urlopen(f"{address}/health", timeout=2):
        return True
    return False


def _wait(address: str, process: "subprocess.Popen[bytes]", log: Path) -> None:
    for _ in range(600):
        if process.poll() is not None:
            break
        if answers(address):
            return
        time.sleep(0.3)
    raise AssertionError(f"the demo clinic did not start:\n{log.read_text()[-3000:]}")


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    assert found, "no Chromium: `make test` installs it"
    return {**browser_type_launch_args, "executable_path": found, "args": CHROMIUM_ARGUMENTS}


@dataclass
class Visitor:
    """One person's browser, which checks every page it opens: accessible, and no wider than the screen."""

    page: Page
    stack: Stack
    checked: set[str]

    def go(self, path: str) -> Page:
        """Open a page and look at it."""
        self.page.goto(self.stack.address + path)
        self.look()
        return self.page

    def look(self) -> None:
        """No WCAG 2.2 AA violation, no sideways scroll, on the page as it is now."""
        found = Axe().run(
            self.page, options={"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}
        )
        assert found.violations_count == 0, f"{self.page.url}\n{found.generate_report()}"
        self.fits()
        # Axe does not see a label that names a field elsewhere on the page.
        astray = self.page.evaluate(LABELS_ASTRAY)
        assert not astray, f"{self.page.url}: labels that do not lead to their own field: {astray}"
        self.checked.add(self.page.url)

    def fits(self) -> None:
        """The page is no wider than the screen."""
        wide = self.page.evaluate(
            "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
        assert wide <= 0, f"{self.page.url} scrolls sideways by {wide} px at {self.page.viewport_size}"

    def log_in(self, email: str, password: str = PASSWORD) -> Page:
        self.go("/account/login/")
        self.page.get_by_label("E-mail").or_(self.page.get_by_label("Email")).first.fill(email)
        self.page.get_by_label("Password").first.fill(password)
        self.page.get_by_role("button", name="Sign in").first.click()
        self.page.wait_for_url(lambda url: "/account/login" not in url)
        self.look()
        return self.page


@pytest.fixture
def visitor(browser: Browser, stack: Stack) -> Iterator[Callable[..., Visitor]]:
    """Make a new browser for one person: `visitor(PHONE, dark=True)`."""
    contexts: list[BrowserContext] = []

    def make(size: dict[str, int] = DESK, *, dark: bool = False) -> Visitor:
        context = browser.new_context(
            viewport=size,  # type: ignore[arg-type]
            color_scheme="dark" if dark else "light",
            has_touch=size["width"] < 1200,
            reduced_motion="reduce",
        )
        contexts.append(context)
        return Visitor(context.new_page(), stack, set())

    yield make
    for context in contexts:
        context.close()
