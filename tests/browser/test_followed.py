"""Open pages follow what is given, taken back and no longer theirs to see; and at rest they ask nothing."""

import re
import uuid
from collections.abc import Callable

import pytest
from playwright.sync_api import Request, Route, expect

from tests.browser.conftest import DESK, PHONE, Visitor
from tests.browser.giving import share, take_back, write
from tests.browser.test_words_kept import desk_of, meeting_now

pytestmark = pytest.mark.browser


def _words() -> str:
    return f"Said softly {uuid.uuid4().hex[:6]}"


def test_words_taken_back_leave_the_list_to_tick_and_every_tick_stays_where_it_was(
    visitor: Callable[..., Visitor],
) -> None:
    amara, dana = visitor(PHONE), visitor(DESK)
    amara.log_in("amara@demo.invalid")
    kept, lost = _words(), _words()
    share(amara, write(amara, kept), "couples_therapist")
    address = write(amara, lost)
    share(amara, address, "couples_therapist")
    dana.go(meeting_now(dana, desk_of(dana)))
    page = dana.page
    page.locator("#id_text").fill("A note begun")
    for words in (lost, kept):  # the focus stays on the one that stays
        page.get_by_label(re.compile(words)).check()
    take_back(amara, address)
    expect(page.get_by_text(lost)).to_have_count(0, timeout=5_000)
    expect(page.get_by_label(re.compile(kept))).to_be_checked()
    expect(page.get_by_label(re.compile(kept))).to_be_focused()
    expect(page.locator("#id_text")).to_have_value("A note begun")
    late = _words()
    share(amara, write(amara, late), "couples_therapist")
    expect(page.get_by_label(re.compile(late))).not_to_be_checked(timeout=5_000)
    dana.look()


def test_a_page_that_is_refused_shows_nothing_any_more_but_what_was_being_written(
    visitor: Callable[..., Visitor],
) -> None:
    amara, dana = visitor(PHONE), visitor(DESK)
    amara.log_in("amara@demo.invalid")
    page = dana.go(meeting_now(dana, desk_of(dana)))
    page.evaluate("window.neverLeft = true")
    page.locator("#id_text").fill("A note begun")
    page.get_by_role("heading", name="Progress note").first.click()  # the eyes are elsewhere
    asked: list[str] = []

    def refuse(route: Route) -> None:
        asked.append(route.request.url)
        route.fulfill(status=404, body="Not found.")

    page.route("**/sessions/*?words=*", refuse)
    words = _words()
    share(amara, write(amara, words), "couples_therapist")
    expect(page.get_by_text("This is not open to you any more.")).to_be_visible(timeout=5_000)
    expect(page.locator("input[name=discussed]")).to_have_count(0)
    expect(page.locator("#id_text")).to_have_value("A note begun")
    share(amara, write(amara, words), "couples_therapist")
    page.wait_for_timeout(1_500)
    assert len(asked) == 1
    assert page.evaluate("window.neverLeft"), "the page was reloaded"


def test_pages_at_rest_ask_nothing_again(visitor: Callable[..., Visitor]) -> None:
    amara, dana = visitor(PHONE), visitor(DESK)
    amara.log_in("amara@demo.invalid")
    session = meeting_now(dana, desk_of(dana))
    desk = session.partition("/sessions/")[0]
    for who, paths in (
        (amara, ("/today", "/us", "/score", "/messages", "/appointments")),
        (dana, ("/today", session, desk, f"{desk}/score", f"{desk}/for-both")),
    ):
        for path in paths:
            asked: list[str] = []

            def note(request: Request, asked: list[str] = asked) -> None:
                if request.headers.get("hx-request"):
                    asked.append(request.url)

            who.page.on("request", note)
            who.page.goto(who.stack.address + path)
            who.page.wait_for_timeout(2_000)
            who.page.remove_listener("request", note)
            # Once when the stream begins, for what may have happened in between: as often as there are streams.
            streams = who.page.locator("[data-live]").count()
            assert streams >= 1, path
            assert len(asked) <= streams, f"{path}: {asked}"
            expect(who.page.get_by_text("This is not open to you any more.")).to_have_count(0)
