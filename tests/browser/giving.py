"""How somebody writes an insight and gives it, by their own hands in their own browser."""

import re

from playwright.sync_api import expect

from tests.browser.conftest import Visitor


def write(partner: Visitor, words: str) -> str:
    """Keep these words for oneself alone; the address of their page."""
    page = partner.go("/insights/new")
    page.get_by_label("In your own words").fill(words)
    page.get_by_role("button", name="Keep it, for me").click()
    page.wait_for_url(re.compile("/insights/[0-9a-f-]{36}$"))
    partner.look()
    return page.url.removeprefix(partner.stack.address)


def share(partner: Visitor, address: str, *audiences: str) -> None:
    """Give the words at this address to these audiences, at once."""
    page = partner.go(f"{address}/share")
    for audience in audiences:
        page.locator(f"input[name=to][value={audience}]").check()
    sleep = page.locator("input[name=sleep]")
    if sleep.is_visible() and sleep.is_checked():  # suggested on the day of a session
        sleep.uncheck()
    page.get_by_role("button", name="Share now").click()
    page.wait_for_url(f"**{address}")
    partner.look()


def take_back(partner: Visitor, address: str) -> None:
    """Take the words at this address back from everyone."""
    page = partner.go(address)
    everyone = page.get_by_role("button", name="Take it back from everyone")  # where there are several
    (everyone if everyone.count() else page.get_by_role("button", name=re.compile("^Take it back"))).click()
    expect(page.get_by_text("Only you").first).to_be_visible()
