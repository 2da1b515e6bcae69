"""A real browser before the real thing: everybody has one of their own, and it looks at every page it opens."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page

from tests.browser.started import Stack, started

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


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The demo clinic of this run; what one test does in it, the next one finds."""
    with started(tmp_path_factory.mktemp("demo")) as made:
        yield made


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
        for page in context.pages:
            page.unroute_all(behavior="ignoreErrors")  # an answer held back must not hold up the end
        context.close()
