"""Pictures of the main screens for the documents, taken from the demo clinic: `python -m tests.pictures [folder]`.

Nobody in them was ever a patient. It starts a clinic of its own and leaves nothing behind but the pictures.
"""

import shutil
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from tests.browser.conftest import CHROMIUM_ARGUMENTS, DESK, PASSWORD, PHONE, TABLET
from tests.browser.started import ROOT, Stack, started

FOLDER = ROOT / "docs" / "pictures"
TALL = {"width": 1440, "height": 1120}
LARGEST_BYTES = 300_000
STILL = """
*, *::before, *::after {
  animation: none !important; transition: none !important; caret-color: transparent !important;
}"""


@dataclass(frozen=True)
class Shot:
    """One picture: its name, who looks, how to get there from their first page, and on what."""

    name: str
    who: str
    way: Callable[[Page, str], None]
    size: dict[str, int]
    dark: bool = False


def _to(path: str) -> Callable[[Page, str], None]:
    return lambda page, address: _go(page, address + path)


def _go(page: Page, where: str) -> None:
    page.goto(where, wait_until="load")


def _follow(page: Page, address: str, path: str, words: str) -> None:
    _go(page, address + path)
    page.get_by_role("main").locator("a", has_text=words).first.click()
    page.wait_for_load_state()


def _check_in(page: Page, address: str) -> None:
    _go(page, address + "/today")
    page.locator("a.item", has_text="Worry").click()
    page.locator("label.choice").nth(1).click()
    page.wait_for_timeout(500)


def _share_sheet(page: Page, address: str) -> None:
    _follow(page, address, "/insights", "waiting for permission to be glad")
    page.get_by_role("link", name="Who may know this?").click()
    for audience in ("partner", "couples_therapist"):
        page.locator(f"input[name=to][value={audience}]").check()


def _board(page: Page, address: str) -> None:
    _go(page, address + "/board")
    # The silent monitor is noticed some seconds after the clinic is loaded.
    page.locator(".tile .alarm.low").first.wait_for(timeout=60_000)


def _room(page: Page, address: str) -> None:
    _go(page, address + "/board")
    page.locator("a.tile", has_text="Amara").click()
    page.wait_for_selector("[data-chart] canvas")
    page.wait_for_timeout(3_000)  # the monitor speaks every two seconds


def _workup(page: Page, address: str) -> None:
    _follow(page, address, "/people?q=Samuel", "Samuel")
    page.get_by_role("link", name="Work-up").click()
    page.wait_for_load_state()


def _score(page: Page, address: str) -> None:
    _follow(page, address, "/couples", "Amara")
    _go(page, f"{page.url}/score?zoom=all&b=gad-7")
    page.locator(".hit[data-href]").nth(4).focus()


SHOTS = (
    Shot("public", "", _to("/"), DESK),
    Shot("home-light", "ben", _to("/today"), PHONE),
    Shot("home-dark", "ben", _to("/today"), PHONE, dark=True),
    Shot("check-in", "ben", _check_in, PHONE),
    Shot("share", "ben", _share_sheet, PHONE),
    Shot("us", "ben", _to("/us"), PHONE),
    Shot("board", "luis", _board, TALL, dark=True),
    Shot("room", "luis", _room, TABLET, dark=True),
    Shot("workup", "helen", _workup, DESK),
    Shot("couple", "dana", lambda page, address: _follow(page, address, "/couples", "Amara"), TALL),
    Shot("score", "dana", _score, {"width": 1180, "height": 1370}),
    Shot(
        "outcomes",
        "margaret",
        lambda page, address: _follow(page, address, "/outcomes", "depression falling"),
        TALL,
    ),
    Shot("access", "amara", _to("/access"), PHONE),
)


def take(shot: Shot, browser: Browser, stack: Stack, folder: Path) -> Path:
    """One picture as a PNG; raises AssertionError if it is larger than a page of a document should load."""
    scheme = "dark" if shot.dark else "light"
    context = browser.new_context(viewport=shot.size, color_scheme=scheme, reduced_motion="reduce")  # type: ignore[arg-type]
    page = context.new_page()
    if shot.who:
        _log_in(page, stack.address, shot.who)
    shot.way(page, stack.address)
    page.evaluate("document.fonts.ready")
    page.mouse.move(0, 0)
    path = folder / f"{shot.name}.png"
    page.screenshot(path=path, animations="disabled", caret="hide", style=STILL)
    context.close()
    assert path.stat().st_size <= LARGEST_BYTES, f"{path.name} has {path.stat().st_size} bytes"
    return path


def _log_in(page: Page, address: str, who: str) -> None:
    _go(page, f"{address}/account/login/")
    page.get_by_label("Email").first.fill(f"{who}@demo.invalid")
    page.get_by_label("Password").first.fill(PASSWORD)
    page.get_by_role("button", name="Sign in").first.click()
    page.wait_for_url("**/today")


def main() -> None:
    """Take all of them."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    with tempfile.TemporaryDirectory() as home, started(Path(home)) as stack, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=CHROMIUM_ARGUMENTS)
        for shot in SHOTS:
            path = take(shot, browser, stack, folder)
            print(f"{path.name}: {path.stat().st_size // 1000} kB")
        browser.close()


if __name__ == "__main__":
    main()
