"""The expected course in a real browser: drawn, switched off, and off it stays on this device."""

from collections.abc import Callable

import pytest

from tests.browser.conftest import TABLET, Visitor

pytestmark = pytest.mark.browser


def test_the_switch_takes_the_expected_course_away_and_the_device_remembers(
    visitor: Callable[..., Visitor],
) -> None:
    nurse = visitor(TABLET, dark=True)
    page = nurse.log_in("luis@demo.invalid")
    nurse.go("/board")
    page.locator("a.tile", has_text="Amara").first.click()
    panels = page.locator(".uplot:not([hidden])")
    switch = page.get_by_role("switch", name="Expected course")
    switch.wait_for()
    assert (panels.count(), switch.is_checked()) == (5, True)
    said = page.locator("[data-chart]").get_attribute("aria-label") or ""
    assert "what a population would show, not this patient" in said
    nurse.look()
    switch.uncheck()
    page.reload()
    switch.wait_for()
    assert (panels.count(), switch.is_checked()) == (4, False)
    assert "population" not in (page.locator("[data-chart]").get_attribute("aria-label") or "")
    switch.check()
    assert panels.count() == 5
