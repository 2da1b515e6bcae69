"""What a nurse's tablet shows when the login behind it is over, and what stays under a finger while the page changes."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import APIResponse, Page, Route, expect

from tests.browser.conftest import DESK, TABLET, Visitor
from tests.browser.started import Stack

pytestmark = pytest.mark.browser

KEYS = "() => Object.keys(sessionStorage).filter((name) => name.startsWith('room-key:'))"
HELD = "(room) => JSON.parse(sessionStorage.getItem('room-key:' + room) ?? 'null')"
PICTURES = """async () => {
  const database = await new Promise((done) => { const opening = indexedDB.open("room"); opening.onsuccess = () => done(opening.result); });
  const found = await new Promise((done) => { const asked = database.transaction("pictures").objectStore("pictures").getAll(); asked.onsuccess = () => done(asked.result); });
  database.close();
  return found.length;
}"""
OPENS = """async ({ key, room, owner }) => {
  const database = await new Promise((done) => { const opening = indexedDB.open("room"); opening.onsuccess = () => done(opening.result); });
  const found = await new Promise((done) => { const asked = database.transaction("pictures").objectStore("pictures").get(room); asked.onsuccess = () => done(asked.result); });
  database.close();
  const raw = Uint8Array.from(atob(key), (letter) => letter.charCodeAt(0));
  const opened = await crypto.subtle.importKey("raw", raw, "AES-GCM", false, ["decrypt"]);
  const additionalData = new TextEncoder().encode(`${room} ${owner}`);
  return crypto.subtle.decrypt({ name: "AES-GCM", iv: found.iv, additionalData }, opened, found.sealed).then(() => true, () => false);
}"""


@pytest.fixture
def page(visitor: Callable[..., Visitor]) -> Page:
    """The room of an infusion that runs now, on the tablet of its nurse."""
    made = visitor(TABLET)
    made.log_in("luis@demo.invalid")
    return _into_the_room(made.page, made.stack)


def _into_the_room(page: Page, stack: Stack) -> Page:
    page.goto(f"{stack.address}/board")
    page.locator("a.tile", has_text="Amara").first.click()
    expect(page.locator("html[data-frame=kept]")).to_be_attached()
    return page


def room_of(page: Page) -> str:
    return page.url.rpartition("/")[2]


def kept(page: Page, room: str) -> Any:
    page.wait_for_function(HELD, arg=room)
    return page.evaluate(HELD, room)


def note(page: Page, words: str) -> None:
    page.locator("[data-sheet=sheet-note]").tap()
    sheet = page.locator("#sheet-note")
    sheet.locator("textarea").fill(words)
    sheet.get_by_role("button", name="Save").tap()
    expect(sheet).to_be_hidden()


def test_once_the_login_is_over_the_page_is_blank_and_a_new_one_opens_no_old_picture(
    page: Page, stack: Stack
) -> None:
    room = room_of(page)
    before = kept(page, room)
    page.context.set_offline(True)
    expect(page.locator("#not-live")).to_be_visible(timeout=5_500)
    note(page, "At ease, hums quietly.")
    page.context.clear_cookies()  # locked meanwhile: the server answers with the way to the login
    page.context.set_offline(False)
    blank = page.locator("[data-vanished]")
    expect(blank).to_contain_text("1 entry waits on this tablet", timeout=20_000)
    assert "Amara" not in page.content() and "hums" not in page.content()
    assert page.evaluate(KEYS) == []
    page.mouse.click(400, 700)  # touched again, it keeps no key again
    assert page.evaluate(KEYS) == []
    blank.get_by_role("link", name="Sign in").click()
    page.get_by_label("E-mail").or_(page.get_by_label("Email")).first.fill("luis@demo.invalid")
    page.get_by_label("Password").first.fill("bothwell-demo")
    page.get_by_role("button", name="Sign in").first.click()
    page.wait_for_url(re.compile(room))
    # What was entered is handed in by the same person; the picture of now opens with the key of now alone.
    expect(page.locator("[data-part=log]")).to_contain_text("hums quietly", timeout=20_000)
    after = kept(page, room)
    assert after["key"] == before["key"] and after["picture_key"] != before["picture_key"]
    page.wait_for_function(PICTURES)
    asked = {"room": room, "owner": after["owner"]}
    assert page.evaluate(OPENS, asked | {"key": after["picture_key"]}) is True
    assert page.evaluate(OPENS, asked | {"key": before["picture_key"]}) is False
    assert page.evaluate(OPENS, asked | {"key": after["key"]}) is False


def test_an_adverse_event_waits_and_a_pause_says_that_it_cannot(page: Page) -> None:
    expect(page.locator("dialog[data-held=events]")).to_be_attached()
    page.context.set_offline(True)
    expect(page.locator("#not-live")).to_be_visible(timeout=5_500)
    page.get_by_role("link", name="Pause alarms").tap()
    expect(page.locator("[data-told]")).to_contain_text("No alarm can be paused or turned off")
    page.locator(".room-keys a", has_text="Adverse event").tap()
    sheet = page.locator("dialog[data-held=events]")
    sheet.get_by_role("button", name="Save").tap()
    expect(sheet).to_be_visible()  # nothing is chosen yet
    sheet.locator("[name=code]").select_option("nausea")
    grades = sheet.locator("[name=grade]:enabled")
    expect(grades).to_have_count(3)
    grades.nth(1).check()
    sheet.locator("[name=outcome][value=ongoing]").check()
    sheet.locator("[name=is_serious][value=no]").check()
    sheet.get_by_role("button", name="Save").tap()
    expect(sheet).to_be_hidden()
    waits = page.locator("[data-queue] li")
    expect(waits).to_have_count(1)
    expect(waits).to_contain_text("Adverse event: Nausea")
    page.context.set_offline(False)
    expect(waits).to_have_count(0, timeout=20_000)
    expect(page.locator(".conflict")).to_have_count(0)
    page.locator(".room-keys a", has_text="Adverse event").tap()
    expect(page.get_by_role("heading", name="Nausea, grade 2").first).to_be_visible()


def test_a_page_of_its_own_says_when_the_server_is_away(page: Page) -> None:
    page.get_by_role("link", name="Pause alarms").tap()
    page.wait_for_url("**/alarms")
    page.wait_for_load_state("networkidle")
    address = page.url
    page.context.set_offline(True)
    page.locator('form[action$="/alarms/pressure/pause"] button').tap()
    expect(page.locator("[data-told]")).to_contain_text("nothing was changed")
    assert page.url == address
    page.context.set_offline(False)
    page.locator('form[action$="/alarms/pressure/pause"] button').tap()
    quieted = page.locator("[data-quieted]")
    expect(quieted).to_have_count(1)
    expect(quieted).to_contain_text("Blood pressure alarms paused")


FRESH = """() => {
  const part = document.querySelector('main [data-part="alarms"]');
  const form = document.createElement("form");
  form.action = "/held"; form.method = "post";
  const key = Object.assign(document.createElement("button"), { textContent: "Under the finger", type: "button", id: "held" });
  form.append(key);
  part.replaceChildren(form);
}"""
ASK = "() => document.dispatchEvent(new Event('visibilitychange'))"


def test_nothing_moves_under_a_finger_and_nothing_is_lost_that_is_being_typed(
    visitor: Callable[..., Visitor],
) -> None:
    made = visitor(DESK)
    made.log_in("luis@demo.invalid")
    page = _into_the_room(made.page, made.stack)
    held: list[tuple[Route, APIResponse]] = []
    wanted = {"next": False}

    def caught(route: Route) -> None:
        if wanted["next"]:
            wanted["next"] = False
            held.append((route, route.fetch()))
        else:
            route.continue_()

    page.route("**/room/*/live", caught)

    def asked() -> tuple[Route, APIResponse]:
        """The page asks for its parts; the answer is here and has not reached it yet."""
        held.clear()
        wanted["next"] = True
        page.evaluate(ASK)
        for _ in range(200):
            if held:
                return held[0]
            page.wait_for_timeout(50)
        raise AssertionError("the page did not ask for its parts")

    # A press is on its way when other parts come: the key stays until the finger is gone, then they take its place.
    route, answer = asked()
    page.evaluate(FRESH)
    key = page.locator("#held")
    box = key.bounding_box()
    assert box
    page.mouse.move(box["x"] + 5, box["y"] + 5)
    page.mouse.down()
    route.fulfill(response=answer)
    page.wait_for_timeout(300)
    assert key.bounding_box() == box
    page.mouse.up()
    expect(key).to_have_count(0)
    # A key that has the focus has it after the change, and nothing typed in an open sheet goes.
    link = page.locator("[data-part=feed] a")
    link.focus()
    link.evaluate("(link) => { link.textContent = 'Old words'; }")
    route, answer = asked()
    route.fulfill(response=answer)
    expect(link).not_to_have_text("Old words")
    expect(link).to_be_focused()
    page.locator("[data-sheet=sheet-note]").click()
    words = page.locator("#sheet-note textarea")
    words.fill("Half a sentence")
    page.evaluate("() => { document.querySelector('main [data-part=log]').replaceChildren(); }")
    route, answer = asked()
    route.fulfill(response=answer)
    expect(page.locator("main [data-part=log] li").first).to_be_attached()
    expect(words).to_be_focused()
    expect(words).to_have_value("Half a sentence")
