"""What goes wrong in real hands: the page says a sentence that helps, and what was typed is still there."""

import re
import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import DESK, PHONE, TABLET, Visitor
from tests.browser.started import Stack, free_port, serving

pytestmark = pytest.mark.browser

LONG, FAR_TOO_LONG = 30_000, 10_000_000
IDLE_SECONDS = 12


def _logged_in(
    visitor: Callable[..., Visitor], key: str, size: dict[str, int] = PHONE, **more: bool
) -> Visitor:
    made = visitor(size, **more)
    made.log_in(f"{key}@demo.invalid")
    return made


def test_a_link_works_once_and_an_older_one_no_longer(visitor: Callable[..., Visitor]) -> None:
    joy = _logged_in(visitor, "joy", DESK)
    page = joy.go("/people?q=Wiremu")
    page.locator("a.item", has_text="Wiremu").click()
    page.get_by_role("button", name="Make a new link").click()
    first = page.locator("#link-own").input_value()
    page.get_by_role("button", name="Make a new link").click()
    newest = page.locator("#link-own").input_value()
    assert first != newest
    guest = visitor(PHONE, dark=True)
    _dead(guest, first)
    guest.page.goto(newest)
    guest.page.get_by_label("E-mail address").fill("not an address")
    guest.page.get_by_label("Password").fill("short")
    guest.page.get_by_role("button", name="Set up my login").click()
    expect(guest.page.locator(".errors li").first).to_be_visible()
    expect(guest.page.get_by_label("E-mail address")).to_have_value("not an address")
    guest.look()
    guest.page.get_by_label("E-mail address").fill("wiremu.own@demo.invalid")
    guest.page.get_by_label("Password").fill("kettle meadow nine stars")
    guest.page.get_by_role("button", name="Set up my login").click()
    guest.page.wait_for_url("**/today")
    _dead(visitor(PHONE), newest)


def _dead(guest: Visitor, link: str) -> None:
    response = guest.page.goto(link)
    assert response is not None
    assert response.status == 404
    expect(
        guest.page.get_by_role("heading", name="This link no longer works. Ask the clinic for a new one.")
    ).to_be_visible()
    guest.look()


def test_nobody_is_born_tomorrow(visitor: Callable[..., Visitor]) -> None:
    joy = _logged_in(visitor, "joy", PHONE, dark=True)
    page = joy.go("/enrol")
    page.locator("#id_a-name_used").fill("Ivo")
    page.locator("#id_b-name_used").fill("Lene")
    page.locator("#id_a-born_on").fill("2090-01-31")
    page.get_by_role("button", name="Enrol both").click()
    expect(page.get_by_role("alert").filter(has_text="Nothing is saved yet.")).to_be_visible()
    expect(
        page.locator(".field.invalid", has=page.locator("#id_a-born_on")).locator(".errors li")
    ).to_be_visible()
    expect(page.locator("#id_a-born_on")).to_have_value("2090-01-31")
    expect(page.locator("#id_b-name_used")).to_have_value("Lene")
    joy.look()


def _room_of(nurse: Visitor, name: str) -> Page:
    page = nurse.go("/board")
    page.locator("a.tile", has_text=name).click()
    page.wait_for_url("**/room/*")
    return page


def test_an_impossible_pressure_is_not_charted(visitor: Callable[..., Visitor]) -> None:
    luis = _logged_in(visitor, "luis", TABLET, dark=True)
    page = _room_of(luis, "Ingrid")
    page = luis.go(page.url.removeprefix(luis.stack.address) + "/enter/pressure")
    for systolic, diastolic in (("900", "20"), ("80", "120")):
        page.get_by_label("Systolic").fill(systolic)
        page.get_by_label("Diastolic").fill(diastolic)
        with page.expect_navigation():  # refused by the post of the script first, then shown as a page
            page.get_by_role("button", name="Save").click()
        expect(page.get_by_role("alert").filter(has_text=re.compile(r"\w{3,}")).first).to_be_visible()
        expect(page.get_by_label("Systolic")).to_have_value(systolic)
        expect(page.get_by_label("Diastolic")).to_have_value(diastolic)
        luis.look()


def test_a_second_press_writes_nothing_twice(visitor: Callable[..., Visitor]) -> None:
    amara = _logged_in(visitor, "amara")
    page = amara.go("/insights/new")
    words = f"Pressed twice, meant once {uuid.uuid4().hex[:6]}."
    page.get_by_label("In your own words").fill(words)
    page.get_by_role("button", name="Keep it, for me").dblclick()
    page.wait_for_url(re.compile("/insights/[0-9a-f-]{36}$"))
    expect(amara.go("/insights").get_by_text(words)).to_have_count(1)


def test_words_that_are_too_long_stay_on_the_page(visitor: Callable[..., Visitor]) -> None:
    amara = _logged_in(visitor, "amara", PHONE, dark=True)
    page = amara.go("/insights/new")
    for letters in (LONG, FAR_TOO_LONG):
        # Typed by script: ten million letters through a keyboard would take longer than the clinic is open.
        page.get_by_label("In your own words").evaluate(
            "(box, many) => { box.value = 'a'.repeat(many); box.dispatchEvent(new Event('input', {bubbles: true})); }",
            letters,
        )
        page.get_by_role("button", name="Keep it, for me").click()
        expect(page.get_by_text(re.compile("longer than 20,000|too much to be sent")).first).to_be_visible(
            timeout=20_000
        )
        kept = page.get_by_label("In your own words").evaluate("box => box.value.length")
        assert kept == letters
    page.get_by_label("In your own words").fill("a")  # ten million letters are too many for axe, too
    amara.look()


def test_escape_twice_leaves_and_back_finds_a_login(visitor: Callable[..., Visitor]) -> None:
    ben = _logged_in(visitor, "ben", PHONE, dark=True)
    page = ben.go("/insights")
    page.context.route(
        "https://duckduckgo.com/**", lambda route: route.fulfill(body="<title>weather</title>rain")
    )
    page.keyboard.press("Escape")
    page.keyboard.press("Escape")
    page.wait_for_url("https://duckduckgo.com/**")
    expect(page.get_by_text("rain")).to_be_visible()
    page.goto(f"{ben.stack.address}/insights")
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    ben.look()


def test_a_lost_line_is_said_and_clears_no_alarm(visitor: Callable[..., Visitor]) -> None:
    luis = _logged_in(visitor, "luis", TABLET, dark=True)
    page = _room_of(luis, "Daniel")
    alarms = page.locator("[data-alarm]")
    expect(alarms.first).to_be_visible()
    before = alarms.count()
    page.context.set_offline(True)
    banner = page.locator("#not-live")
    expect(banner).to_be_visible(timeout=5_000)
    expect(banner).to_contain_text("Not live")
    page.wait_for_timeout(2_000)
    assert alarms.count() == before
    page.context.set_offline(False)
    expect(banner).to_be_hidden(timeout=15_000)
    luis.look()


@pytest.fixture
def impatient(stack: Stack, tmp_path: Path) -> Iterator[Stack]:
    """The same clinic through a second page server, which locks after a few seconds."""
    port = free_port()
    second = replace(stack, address=f"http://localhost:{port}")
    words = ("--only", "web", "--port", str(port))
    with serving(second, tmp_path / "log", *words, BOTHWELL_IDLE_LOCK_MINUTES=str(IDLE_SECONDS / 60)):
        yield second


def sign_in_beside(page: Page, stack: Stack, key: str) -> None:
    """Sign in in another tab of the same browser, and come back to this one."""
    beside = page.context.new_page()
    beside.goto(f"{stack.address}/account/login/")
    beside.get_by_label("Email").first.fill(f"{key}@demo.invalid")
    beside.get_by_label("Password").first.fill("bothwell-demo")
    beside.get_by_role("button", name="Sign in").first.click()
    beside.wait_for_url(lambda url: "/account/login" not in url)
    beside.close()
    page.bring_to_front()
    page.evaluate("window.dispatchEvent(new Event('focus'))")  # as a window manager says it


def test_a_page_left_alone_locks_and_keeps_the_words(
    visitor: Callable[..., Visitor], impatient: Stack
) -> None:
    ben = visitor(PHONE)
    ben.stack = impatient
    page = ben.log_in("ben@demo.invalid")
    page = ben.go("/insights/new")
    words = f"Half a sentence, then the telephone rang {uuid.uuid4().hex[:6]}"
    page.get_by_label("In your own words").fill(words)
    expect(page.get_by_text("Kept as a draft")).to_be_visible()
    page.wait_for_timeout((IDLE_SECONDS + 1) * 1000)
    page.get_by_role("button", name="Keep it, for me").click()
    expect(page.get_by_text("You were signed out. What you typed is still here.")).to_be_visible()
    ben.look()
    sign_in_beside(page, impatient, "ben")
    expect(page.get_by_text("You are signed in again")).to_be_visible()
    drafts = page.context.new_page()
    drafts.goto(f"{impatient.address}/insights")
    expect(drafts.get_by_text(words)).to_have_count(1)
    drafts.close()
    page.get_by_role("button", name="Keep it, for me").click()
    page.wait_for_url(re.compile("/insights/[0-9a-f-]{36}$"))
    expect(page.get_by_text(words)).to_be_visible()


def test_two_windows_keep_both_texts_and_the_person_chooses(visitor: Callable[..., Visitor]) -> None:
    amara = _logged_in(visitor, "amara", PHONE)
    words = f"Begun in one window {uuid.uuid4().hex[:6]}"
    page = amara.go("/insights/new")
    page.get_by_label("In your own words").fill(words)
    expect(page.get_by_text("Kept as a draft")).to_be_visible()
    assert words not in page.evaluate("JSON.stringify([{...sessionStorage}, {...localStorage}])")
    other = page.context.new_page()
    other.goto(page.url)
    other.get_by_label("In your own words").fill(f"{words}, and in a second")
    expect(other.get_by_text("Kept as a draft")).to_be_visible()
    page.get_by_label("In your own words").fill(f"{words}, and in the first again")
    told = page.get_by_text("Another window wrote other words here").first
    expect(told).to_be_visible()
    expect(page.get_by_text(f"{words}, and in a second")).to_be_visible()
    amara.look()
    page.get_by_role("button", name="Go on with mine").click()
    expect(told).to_be_hidden()
    page.get_by_label("In your own words").fill(f"{words}, and in the first, on its own")
    expect(page.get_by_text("Kept as a draft")).to_be_visible()
    page.goto(f"{amara.stack.address}/insights")
    expect(page.get_by_text(f"{words}, and in the first, on its own")).to_have_count(1)
    expect(page.get_by_text(f"{words}, and in a second")).to_have_count(1)
    other.close()


def test_without_a_line_words_wait_on_the_page_and_are_kept_once_it_is_back(
    visitor: Callable[..., Visitor],
) -> None:
    ben = _logged_in(visitor, "ben", PHONE, dark=True)
    page = ben.go("/insights/new")
    words = f"Written in a tunnel {uuid.uuid4().hex[:6]}"
    page.get_by_label("In your own words").fill("Before the tunnel")
    expect(page.get_by_text("Kept as a draft")).to_be_visible()
    page.context.set_offline(True)
    page.get_by_label("In your own words").fill(words)
    expect(page.get_by_text("No connection just now")).to_be_visible()
    ben.look()
    page.context.set_offline(False)
    expect(page.get_by_text("Kept as a draft")).to_be_visible(timeout=10_000)
    expect(ben.go("/insights").get_by_text(words)).to_have_count(1)
