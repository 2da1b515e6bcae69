"""A monitor at the bed as the standing page knows it: what it measures first opens a gate, its silence outlives a reload."""

import re
import uuid
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import TABLET, Visitor
from tests.browser.wire import monitor

pytestmark = pytest.mark.browser

OXYGEN = '[data-part="gate-oxygen_saturation"]'
FASTING = '[data-part="gate-fasting"]'


def _added(visitor: Callable[..., Visitor]) -> str:
    """A monitor nobody else uses, as the lead adds it."""
    device = uuid.uuid4().hex[:16].upper()
    lead = visitor()
    lead.log_in("margaret@demo.invalid")
    page = lead.go("/clinic/rooms")
    added = page.locator("form").filter(has=page.get_by_role("button", name="Add monitor"))
    added.get_by_label("Identifier the monitor sends").fill(device)
    added.get_by_label("What you call it").fill("Monitor that falls silent")
    added.get_by_role("button").click()
    expect(page.get_by_text(device)).to_be_visible()
    return device


def _somebody_arrives(nurse: Visitor) -> str:
    """The room of whoever is expected first today and may come now."""
    page = nurse.go("/board")
    for number in range(page.locator("li.expected form").count()):
        page.locator("li.expected form").nth(number).get_by_role(
            "button", name=re.compile("^Arrived")
        ).click()
        page.wait_for_load_state()
        if "/room/" in page.url:
            return page.url.rsplit("/", 1)[1]
        page = nurse.go("/board")
    raise AssertionError("nobody of today may come now")


def _put_on(page: Page, address: str, room: str, device: str) -> None:
    page.goto(f"{address}/room/{room}/device")
    page.locator("label.choice", has_text=device).click()
    page.get_by_role("button", name="This one").click()
    page.get_by_role("button", name=re.compile("^Yes, it is on")).click()
    page.wait_for_url(f"**/room/{room}")


def test_a_first_reading_opens_its_gate_and_a_silent_monitor_is_not_called_alive_after_a_reload(
    visitor: Callable[..., Visitor],
) -> None:
    device = _added(visitor)
    nurse = visitor(TABLET, dark=True)
    page = nurse.log_in("luis@demo.invalid")
    room = _somebody_arrives(nurse)
    _put_on(page, nurse.stack.address, room, device)
    last = page.locator("[data-part=last]")
    expect(page.locator(OXYGEN)).to_have_class("unmet")
    expect(last.locator("tr", has_text="HR")).to_contain_text("–")
    # Somebody is in the middle of another gate: theirs stays as it is.
    fasting = page.locator(FASTING)
    fasting.locator("summary").click()
    fasting.get_by_label("Last food, at").fill("07:15")
    fetched: list[str] = []
    page.on("request", lambda one: fetched.append(one.url) if one.url.endswith("/live") else None)
    with monitor(nurse.stack.device_port, device, "--seed", "3", "--interval", "1"):
        expect(page.locator(OXYGEN)).to_have_class("met", timeout=15_000)
        expect(last.locator("tr", has_text="HR")).not_to_contain_text("–")
        expect(page.locator("[data-part=start]")).not_to_contain_text("oxygen saturation")
        asked = len(fetched)
        page.wait_for_timeout(6_000)
        assert len(fetched) - asked <= 3, "the page is not asked for anew with every reading"
        expect(fasting.get_by_label("Last food, at")).to_have_value("07:15")
        expect(page.locator(".feed")).to_contain_text(re.compile(r"^Monitor \d+ s ago"))
    fasting.locator("summary").click()
    # At its end the keys that stay in sight stand below the page, and cover none of its own.
    page.evaluate("scrollTo(0, document.documentElement.scrollHeight)")
    nurse.look()
    page.wait_for_timeout(14_000)
    for _ in range(2):
        page.reload()
        expect(page.locator("html[data-frame=kept]")).to_be_attached()
        page.wait_for_timeout(2_500)  # the readings of the last minute are told to it once more
        expect(page.locator(".feed")).to_have_class(re.compile(r"\blost\b"))
        expect(page.locator(".feed")).to_contain_text("No feed for")
    _turned_back(page)


def _turned_back(page: Page) -> None:
    """The room is free again for whoever looks next."""
    page.get_by_role("link", name="No dose today: turn back").click()
    page.get_by_label("What happened").fill("Nobody was given anything: the monitor was tried.")
    page.get_by_label("Your name, to sign").fill("Luis Ferrer")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", name=re.compile("turned back", re.IGNORECASE))).to_be_visible()
