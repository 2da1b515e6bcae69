"""Every page a person of the demonstration can reach by a link: it opens, is accessible, and fits the screen.

A page is told from another by its address without the identifiers in it, and each is opened once a person.
"""

import re
from collections import Counter
from collections.abc import Callable

import pytest

from bothwell.demo.cast import SHOWN
from tests.browser.conftest import DESK, PHONE, Visitor
from tests.browser.started import Stack

pytestmark = pytest.mark.browser

NARROW, TABLET_UPRIGHT = {"width": 360, "height": 740}, {"width": 820, "height": 1180}
WIDTHS = (NARROW, TABLET_UPRIGHT, DESK)
LIGHTS = ((PHONE, False), (DESK, True), (TABLET_UPRIGHT, False), (NARROW, True))
SAME = re.compile(
    r"[0-9a-f]{8}-[0-9a-f-]{27}|(?<=/)\d+(?=/|$)|(?<=enter/)\w+|(?<=check/)\w+"
    r"|(?<=/instruments/)(?!gains|new)[\w-]+|(?<=/paper/)[\w-]+"
)
LINKS = """() => [...document.querySelectorAll("nav a[href], main a[href], .menu a[href], footer a[href]")]
  .filter((link) => link.origin === location.origin && !link.matches("[data-leave]"))
  .map((link) => [link.pathname, link.search])"""
PUBLIC = ("/", "/account/login/", "/account/password/reset/", "/invitation/no-such-link", "/no/such/page")

FILES = re.compile(r"\.(pdf|csv|svg|ipynb|R)$|/(fhir|blank)$|/room/[^/]+/(paper|programme/pdf)$")
"""Links to what a browser keeps as a file instead of showing it."""

ENOUGH = len(LIGHTS)
"""So often one kind of page is examined; whoever opens it after that sees that it opens and fits."""

opened: Counter[str] = Counter()
"""How often each kind of page was opened so far: every time in another light and on another screen."""


def look(visitor: Visitor, kind: str) -> None:
    """Accessible in the light whose turn it is (the first time in two of them), and no wider than any screen."""
    turns = 2 if not opened[kind] else 1
    for _ in range(min(turns, ENOUGH - opened[kind])):
        size, dark = LIGHTS[opened[kind]]
        opened[kind] += 1
        visitor.page.set_viewport_size(size)  # type: ignore[arg-type]
        visitor.page.emulate_media(color_scheme="dark" if dark else "light")
        visitor.look()
    for size in WIDTHS:
        visitor.page.set_viewport_size(size)  # type: ignore[arg-type]
        visitor.fits()


def is_kept_as_a_file(visitor: Visitor, address: str) -> None:
    answer = visitor.page.request.get(address)
    assert answer.status == 200, address
    assert answer.headers["content-disposition"].startswith("attachment"), address


@pytest.mark.parametrize("key", SHOWN)
def test_every_page_of(key: str, visitor: Callable[..., Visitor], stack: Stack) -> None:
    mine = visitor(PHONE)
    mine.log_in(f"{key}@demo.invalid")
    waiting, met = [("/today", "the login")], {"/today"}
    while waiting:
        path, came_from = waiting.pop(0)
        response = mine.page.goto(stack.address + path)
        assert response is not None
        assert response.status == 200, f"{path}, linked from {came_from}"
        look(mine, SAME.sub("*", path.partition("?")[0]))
        for found, asked in mine.page.evaluate(LINKS):
            kind = SAME.sub("*", found)
            if FILES.search(found):
                if kind not in met:
                    met.add(kind)
                    is_kept_as_a_file(mine, stack.address + found + asked)
            elif kind not in met and not found.startswith("/account/logout"):
                met.add(kind)
                waiting.append((found + asked, path))
    assert len(met) >= 3


@pytest.mark.parametrize("path", PUBLIC)
def test_every_page_of_somebody_unknown(path: str, visitor: Callable[..., Visitor], stack: Stack) -> None:
    anyone = visitor(PHONE)
    anyone.page.goto(stack.address + path)
    look(anyone, path)
