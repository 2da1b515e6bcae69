"""Nothing typed is lost: not to the lock, not to another tab, not to what others do meanwhile, and nothing holds who leaves."""

import re
import uuid
from collections.abc import Callable
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Dialog, Page, Route, expect

from tests.browser.conftest import DESK, PHONE, TABLET, Visitor
from tests.browser.started import Stack
from tests.browser.test_bad_input import IDLE_SECONDS, impatient, sign_in_beside  # noqa: F401 - a fixture

pytestmark = pytest.mark.browser

SIGNED_OUT = "You were signed out. What you typed is still here."


def _words() -> str:
    return f"Said softly {uuid.uuid4().hex[:6]}"


def desk_of(dana: Visitor) -> str:
    """The address of the desk of Amara and Ben."""
    dana.log_in("dana@demo.invalid")
    page = dana.go("/couples")
    href = page.locator("a[href^='/couples/']", has_text="Amara").get_attribute("href")
    assert href
    return href


def meeting_now(dana: Visitor, desk: str) -> str:
    """Plan a session that has just begun, and open its page."""
    page = dana.go(desk)
    page.get_by_text("Plan a session").click()
    page.get_by_label("Day and time").fill(datetime.now(ZoneInfo(_zone(page))).strftime("%Y-%m-%dT%H:%M"))
    page.get_by_role("button", name="Plan it").click()
    page.get_by_text("Planned. Both see it on their pages.").wait_for()
    # The newest: an earlier test may have left one of the same minute.
    sessions = page.get_by_role("row").get_by_role("link", name=re.compile(r"^Session \d+$"))
    newest = max(sessions.all(), key=lambda link: int(link.inner_text().removeprefix("Session ")))
    newest.click()
    page.wait_for_url("**/sessions/*")
    return page.url.removeprefix(dana.stack.address)


def _zone(page: Page) -> str:
    return str(page.evaluate("Intl.DateTimeFormat().resolvedOptions().timeZone"))


def test_who_types_longer_than_the_lock_stays_in_and_later_sends_from_the_same_page(
    visitor: Callable[..., Visitor],
    impatient: Stack,  # noqa: F811
) -> None:
    dana = visitor(TABLET)
    dana.stack = impatient
    desk = desk_of(dana)
    page = dana.go(f"{desk}/cycle")
    box = page.locator("form[data-cycle] textarea").first
    words = _words()
    box.fill("")
    for _ in range(IDLE_SECONDS // 2 + 2):
        box.press_sequentially("a")
        page.wait_for_timeout(2_000)
    beside = page.context.new_page()
    beside.goto(f"{impatient.address}/today")
    expect(beside.get_by_role("heading", name=re.compile("^Good "))).to_be_visible()
    beside.close()
    box.fill(words)
    page.wait_for_timeout((IDLE_SECONDS + 2) * 1000)
    keep = page.get_by_role("button", name=re.compile("^Keep as version"))
    keep.click()
    expect(page.get_by_text(SIGNED_OUT)).to_be_visible()
    expect(box).to_have_value(words)
    dana.look()
    sign_in_beside(page, impatient, "dana")
    expect(page.get_by_text("You are signed in again")).to_be_visible()
    with page.expect_navigation():
        keep.click()
    expect(page.get_by_role("link", name=re.compile("^Version 1"))).to_be_visible()
    expect(page.locator("form[data-cycle] textarea").first).to_have_value(words)


def test_somebody_else_who_signed_in_meanwhile_sends_nothing_of_it(visitor: Callable[..., Visitor]) -> None:
    ben = visitor(PHONE)
    ben.log_in("ben@demo.invalid")
    page = ben.go("/messages")
    page.get_by_role("link", name=re.compile("Your care team")).first.click()
    words = _words()
    page.get_by_label("Your message").fill(words)
    page.context.clear_cookies()
    sign_in_beside(page, ben.stack, "amara")
    page.get_by_role("button", name=re.compile("^Send to")).click()
    expect(page.get_by_text("Somebody else is signed in")).to_be_visible()
    expect(page.get_by_label("Your message")).to_have_value(words)
    page.context.clear_cookies()
    sign_in_beside(page, ben.stack, "ben")
    page.get_by_role("button", name=re.compile("^Send to")).click()
    expect(page.locator(".bubble").get_by_text(words)).to_have_count(1)


def test_nothing_asks_whoever_leaves_at_once_with_words_on_the_page(visitor: Callable[..., Visitor]) -> None:
    ben = visitor(PHONE)
    ben.log_in("ben@demo.invalid")
    page = ben.go("/messages")
    page.get_by_role("link", name=re.compile("Your care team")).first.click()
    page.context.route("https://duckduckgo.com/**", lambda route: route.fulfill(body="rain"))
    asked: list[str] = []

    def stay(dialog: Dialog) -> None:
        asked.append(dialog.type)
        dialog.dismiss()

    page.on("dialog", stay)
    page.get_by_label("Your message").press_sequentially("half a wo")
    page.keyboard.press("Escape")
    page.keyboard.press("Escape")
    page.wait_for_url("https://duckduckgo.com/**")
    assert asked == []


def test_a_note_begun_in_two_tabs_is_kept_in_both(visitor: Callable[..., Visitor]) -> None:
    dana = visitor(DESK)
    path = meeting_now(dana, desk_of(dana))
    page, words = dana.page, _words()
    note = page.locator("#id_text")
    note.fill(words)
    expect(page.get_by_text("Kept as a draft")).to_be_visible()
    assert words not in page.evaluate("JSON.stringify([{...sessionStorage}, {...localStorage}])")
    other = page.context.new_page()
    other.goto(dana.stack.address + path)
    expect(other.get_by_text("Your words are back")).to_be_visible()
    expect(other.locator("#id_text")).to_have_value(words)
    other.locator("#id_text").fill(f"{words}, and in the second")
    expect(other.get_by_text("Kept as a draft")).to_be_visible()
    note.fill(f"{words}, and in the first")
    told = page.get_by_text("Another window wrote other words here")
    expect(told).to_be_visible()
    expect(page.locator("[data-draft-theirs]")).to_contain_text(f"{words}, and in the second")
    dana.look()
    page.get_by_role("button", name="Go on with mine").click()
    expect(told).to_be_hidden()
    page.locator("#id_focus").fill("Asking before guessing")
    page.get_by_role("button", name="Record the session").click()
    page.get_by_text("Recorded. What you wrote for both").wait_for()
    expect(page.get_by_text(f"{words}, and in the first")).to_have_count(1)
    expect(page.get_by_text(f"{words}, and in the second")).to_have_count(1)
    expect(page.get_by_text("Begun and not recorded")).to_be_visible()
    dana.look()
    other.close()


def test_what_others_do_touches_nothing_that_is_typed_at_the_desk(visitor: Callable[..., Visitor]) -> None:
    dana = visitor(DESK)
    desk = desk_of(dana)
    page = dana.go(desk)
    page.evaluate("window.neverLeft = true")
    page.get_by_text("Plan a session").click()
    page.get_by_label("Place").fill("Room with the round table")
    page.get_by_role("heading", name="Sessions", exact=True).click()  # the eyes are elsewhere
    other = page.context.new_page()
    other.goto(dana.stack.address + desk)
    other.get_by_text("Pause couple work").click()
    other.get_by_role("button", name="Pause it, for both").click()
    page.wait_for_timeout(1_500)
    expect(page.get_by_label("Place")).to_have_value("Room with the round table")
    page.get_by_label("Place").fill("")
    page.get_by_role("heading", name="Sessions", exact=True).click()
    expect(page.get_by_text("Couple work is paused since").first).to_be_visible(timeout=5_000)
    assert page.get_by_text("Plan a session").locator("..").evaluate("one => one.open")
    assert page.evaluate("window.neverLeft")
    other.get_by_role("button", name="Take it up again").click()
    other.close()


def test_what_is_opened_or_typed_while_the_page_is_looking_again_stays(
    visitor: Callable[..., Visitor],
) -> None:
    dana = visitor(DESK)
    desk = desk_of(dana)
    page = dana.go(desk)
    held: list[Route] = []

    def slow(route: Route) -> None:
        if "x-by-itself" in route.request.headers:
            held.append(route)
        else:
            route.continue_()

    def answer_when(done: Callable[[], None]) -> None:
        """Let what the page asked by itself be answered only after something was done on it."""
        while not held:
            page.wait_for_timeout(50)
        done()
        while held:
            held.pop().continue_()
            page.wait_for_timeout(500)

    page.route(f"**{desk}", slow)
    other = page.context.new_page()
    other.goto(dana.stack.address + desk)
    other.get_by_text("Pause couple work").click()
    other.get_by_role("button", name="Pause it, for both").click()
    answer_when(page.get_by_text("Plan a session").click)
    expect(page.get_by_text("Couple work is paused since").first).to_be_visible()
    place = page.get_by_label("Place")
    expect(place).to_be_visible()
    other.get_by_role("button", name="Take it up again").click()
    answer_when(lambda: place.fill("Room with the round table"))
    expect(place).to_have_value("Room with the round table")
    other.close()


def test_the_part_of_the_story_one_chose_stays_though_the_page_is_just_looking_again(
    visitor: Callable[..., Visitor],
) -> None:
    amara = visitor(PHONE)
    page = amara.log_in("amara@demo.invalid")
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    page.route("**/score?living=1", hold)
    page.goto(f"{amara.stack.address}/score")
    while not held:  # it looks again as soon as it is followed
        page.wait_for_timeout(50)
    whole = page.locator(".score-span").inner_text()
    page.get_by_role("link", name="A month").click()
    page.wait_for_timeout(500)
    while held:
        held.pop().continue_()
    page.wait_for_timeout(2_000)
    expect(page.locator("[data-zoom=month]")).to_have_attribute("aria-current", "true")
    expect(page.locator(".score-span")).not_to_have_text(whole)
