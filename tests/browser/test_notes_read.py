"""A progress note is read on a phone as at a desk: each question in words above its answer, none in a column of letters."""

import re
from collections.abc import Callable

import pytest

from tests.browser.conftest import DESK, PHONE, Visitor
from tests.browser.test_words_kept import desk_of

pytestmark = pytest.mark.browser

BROKEN = """() => [...document.querySelectorAll(".note dt, .note dd")].filter((one) => one.offsetWidth < 90).length"""


@pytest.mark.parametrize("size", [PHONE, DESK], ids=["phone", "desk"])
def test_every_line_of_a_note_has_room_for_words(
    size: dict[str, int], visitor: Callable[..., Visitor]
) -> None:
    dana = visitor(size)
    page = dana.go(desk_of(dana))
    page.get_by_role("link", name=re.compile(r"^Session 5$")).first.click()
    page.get_by_role("heading", name="Progress note").wait_for()
    assert page.locator(".note dt").count() > 5
    assert page.evaluate(BROKEN) == 0
