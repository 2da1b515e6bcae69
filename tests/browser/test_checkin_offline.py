"""A check-in on a phone whose network comes and goes: nothing is lost, nothing comes twice, nobody's answer is overwritten."""

import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from uuid import uuid4

import psycopg
import pytest
from playwright.sync_api import Page, expect

from bothwell.running import secrets
from bothwell.running.postgres import Cluster, running_socket
from tests.browser.conftest import PHONE, Visitor
from tests.browser.started import Stack

pytestmark = pytest.mark.browser

CACHED = "async () => (await (await caches.open('checkin')).keys()).map((each) => new URL(each.url).pathname)"
# What lies on the device, as somebody who found it would read it.
ON_DEVICE = """async () => {
  const database = await new Promise((done) => { const opening = indexedDB.open("checkin"); opening.onsuccess = () => done(opening.result); });
  const all = await new Promise((done) => { const asked = database.transaction("entries").objectStore("entries").getAll(); asked.onsuccess = () => done(asked.result); });
  database.close();
  const read = (bytes) => new TextDecoder().decode(bytes);
  return all.map((entry) => ({ waits: entry.acked === null, words: JSON.stringify(entry) + read(entry.sealed) }));
}"""


@dataclass
class Phone:
    """One partner's phone with a check-in open."""

    visitor: Visitor
    address: str

    @property
    def page(self) -> Page:
        return self.visitor.page

    def open(self) -> None:
        self.page.goto(self.visitor.stack.address + self.address)
        expect(self.page.locator("form[data-replayed]")).to_be_attached()

    def online(self, is_on: bool) -> None:
        self.page.context.set_offline(not is_on)

    def tap(self, place: int) -> None:
        """Tap the answer at this place; the next question comes by itself."""
        at = self.number
        self.page.locator("#stage label").nth(place).tap()
        expect(self.page.locator("#progress")).not_to_have_attribute("aria-valuenow", at)

    @property
    def number(self) -> str:
        return self.page.locator("#progress").get_attribute("aria-valuenow") or ""

    @property
    def chosen(self) -> str:
        return self.page.locator("#stage .choice:has(input:checked)").inner_text()

    def says(self, words: str) -> None:
        expect(self.page.locator("#kept")).to_contain_text(words)


@pytest.fixture
def phone(visitor: Callable[..., Visitor]) -> Callable[..., Phone]:
    """A phone on which `who` opened the check-in at this address."""

    def make(who: str, address: str) -> Phone:
        made = visitor(PHONE)
        made.log_in(f"{who}@demo.invalid")
        opened = Phone(made, address)
        opened.open()
        return opened

    return make


@pytest.fixture(scope="module")
def records(stack: Stack) -> Iterator[psycopg.Connection]:
    """The demo clinic's own database: to ask for a questionnaire, and to see what was kept."""
    folder = running_socket(stack.home / "postgres")
    assert folder, "the demo clinic runs no database of its own"
    with psycopg.connect(
        Cluster(stack.home, secrets.load(stack.home).admin_password).dsn(folder),
        dbname="bothwell",
        autocommit=True,
    ) as connection:
        yield connection


def ask(records: psycopg.Connection, who: str, instrument: str) -> str:
    """One more questionnaire for a partner, as their clinic would ask for it; its address."""
    key = uuid4()
    records.execute(
        "insert into bothwell_request (id, clinic_id, subject_id, author_id, instrument, instrument_version, kind, wave,"
        " due_at, recorded_at) select %s, p.clinic_id, p.id, null, %s, '', 'measure.individual', %s, now(), now()"
        " from bothwell_user u join bothwell_person p on p.id = u.person_id where u.email = %s",
        [key, instrument, f"walk {key}"[:60], f"{who}@demo.invalid"],
    )
    return f"/checkin/{key}"


def kept(records: psycopg.Connection, address: str) -> list[tuple[str, str | None, str]]:
    """What is stored of a check-in, in the order it came: item, answer, outcome."""
    return records.execute(
        "select a.link_id, a.answer, a.outcome from bothwell_answered a join bothwell_response r on r.id = a.response_id"
        " where r.request_id = %s order by a.recorded_at",
        [address.rpartition("/")[2]],
    ).fetchall()


def test_answers_without_a_network_come_home_once_and_in_order(
    phone: Callable[..., Phone], records: psycopg.Connection
) -> None:
    address = ask(records, "amara", "core-10")
    one = phone("amara", address)
    one.tap(1)
    one.says("Saved")
    expect(one.page.locator("form[data-offline=kept]")).to_be_attached()
    one.visitor.look()
    one.online(False)
    for place in (0, 2, 1):
        one.tap(place)
    one.says("Kept on this device until you are online")
    one.page.reload()
    expect(one.page.locator("form[data-replayed]")).to_be_attached()
    expect(one.page.locator("#progress")).to_have_attribute("aria-valuenow", "5")
    expect(one.page).to_have_title("Today")
    one.tap(3)
    found = one.page.evaluate(ON_DEVICE)
    assert sum(each["waits"] for each in found) == 4
    assert not [each for each in found if "core10" in each["words"] or "answer" in each["words"]]
    # Of all pages only this check-in is kept, and what it is drawn with.
    assert {path for path in one.page.evaluate(CACHED) if not path.startswith("/static/")} == {one.address}

    posts: list[list[str]] = []
    one.page.on(
        "request",
        lambda sent: (
            posts.append([each["item"] for each in sent.post_data_json["events"]])
            if sent.url.endswith("/answers")
            else None
        ),
    )
    one.online(True)
    one.says("Saved")
    assert [item for batch in posts for item in batch] == [f"core10-{n}" for n in (2, 3, 4, 5)]
    assert kept(records, address) == [
        (f"core10-{number}", f"core10-{place}", "kept") for number, place in enumerate((1, 0, 2, 1, 3), 1)
    ]
    one.open()
    expect(one.page.locator("#progress")).to_have_attribute("aria-valuenow", "6")
    for expected in ("Often", "Only occasionally", "Sometimes", "Not at all", "Only occasionally"):
        one.page.get_by_role("button", name="Back").tap()
        assert one.chosen == expected


def test_signing_out_leaves_nothing_to_read_and_loses_nothing(
    phone: Callable[..., Phone], records: psycopg.Connection
) -> None:
    one = phone("ben", ask(records, "ben", "core-10"))
    expect(one.page.locator("form[data-offline=kept]")).to_be_attached()
    one.page.route("**/answers", lambda route: route.abort())
    one.tap(1)
    one.tap(2)
    one.says("Kept on this device")
    one.page.unroute("**/answers")
    one.page.locator("details.me summary").tap()
    one.page.get_by_role("button", name="Sign out").tap()
    one.page.wait_for_url(lambda url: "/checkin/" not in url)
    assert one.page.evaluate("caches.has('checkin')") is False
    found = one.page.evaluate(ON_DEVICE)
    assert [each["waits"] for each in found] == [True, True]
    assert not [each for each in found if "core10" in each["words"]]
    # Somebody else signs in here: nothing of it is theirs. Then the same person: it comes home by itself.
    one.visitor.log_in("amara@demo.invalid")
    one.page.wait_for_timeout(500)
    assert len(one.page.evaluate(ON_DEVICE)) == 2
    one.page.context.clear_cookies()
    one.visitor.log_in("ben@demo.invalid")
    expect(one.page.locator(f'a[href="{one.address}"]').first).to_be_visible()
    one.page.wait_for_function(f"async () => (await ({ON_DEVICE})()).every((each) => !each.waits)")
    one.open()
    expect(one.page.locator("#progress")).to_have_attribute("aria-valuenow", "3")


def test_two_phones_answer_the_same_and_the_person_chooses(
    phone: Callable[..., Phone], records: psycopg.Connection
) -> None:
    address = ask(records, "amara", "csi-4")
    one, two = phone("amara", address), phone("amara", address)
    two.online(False)
    one.tap(1)
    one.says("Saved")
    words = [label.inner_text() for label in two.page.locator("#stage .choice").all()]
    two.tap(3)
    two.says("Kept on this device")
    two.online(True)
    expect(two.page.get_by_role("heading", name="You answered this in two places")).to_be_visible()
    two.visitor.look()
    expect(two.page.get_by_role("button", name=re.compile("^Keep:"))).to_have_text(
        [f"Keep: {words[1]}", f"Keep: {words[3]}"]
    )
    # Until it is chosen, what was kept first stands; a second look shows both again.
    two.open()
    two.page.get_by_role("button", name=f"Keep: {words[3]}").tap()
    two.says("Saved")
    one.open()
    one.page.get_by_role("button", name="Back").tap()
    assert one.chosen == words[3]
    expect(one.page.get_by_role("heading", name="You answered this in two places")).to_be_hidden()


def test_two_tabs_keep_step(phone: Callable[..., Phone], records: psycopg.Connection) -> None:
    one = phone("ben", ask(records, "ben", "csi-4"))
    other = one.page.context.new_page()
    other.goto(one.visitor.stack.address + one.address)
    expect(other.locator("form[data-replayed]")).to_be_attached()
    chosen = one.page.locator("#stage .choice").nth(2).inner_text()
    one.tap(2)
    expect(other.locator("#stage .choice:has(input:checked)")).to_have_text(chosen)
    other.close()


def test_words_typed_last_survive_the_end_of_the_tab(
    phone: Callable[..., Phone], records: psycopg.Connection
) -> None:
    address = ask(records, "amara", "itq")
    one = phone("amara", address)
    box = one.page.get_by_role("textbox")
    expect(box).to_be_visible()
    box.press_sequentially("The night the roof")
    one.page.wait_for_timeout(1_000)
    assert kept(records, address)[-1][1] == "The night the roof"
    box.press_sequentially(" came off")
    one.page.close()  # at once, within the pause that waits for more keys
    for _ in range(50):
        if kept(records, address)[-1][1] == "The night the roof came off":
            break
        time.sleep(0.1)
    assert kept(records, address)[-1][1] == "The night the roof came off"
    assert {outcome for _, _, outcome in kept(records, address)} == {"kept"}


def test_sending_waits_for_the_network_and_a_heavy_answer_shows_somebody_at_once(
    phone: Callable[..., Phone], records: psycopg.Connection
) -> None:
    address = ask(records, "ben", "phq-9")
    one = phone("ben", address)
    expect(one.page.locator("form[data-offline=kept]")).to_be_attached()
    one.online(False)
    for _ in range(8):
        one.tap(0)
    someone = one.page.get_by_role("complementary", name="Someone to talk to now")
    expect(someone).to_be_hidden()
    one.tap(1)
    expect(someone).to_be_visible()
    one.page.locator("#stage label").first.tap()
    expect(one.page.get_by_role("heading", name="Is this right?")).to_be_visible()
    expect(someone).to_be_visible()
    one.page.get_by_role("button", name="Send").tap()
    expect(one.page.get_by_role("heading", name="It will be sent when you are online")).to_be_visible()
    assert kept(records, address) == []
    one.online(True)
    expect(one.page.get_by_label("Somebody to talk to now")).to_be_visible()
    assert [outcome for _, _, outcome in kept(records, address)] == ["kept"] * 10
    assert {path for path in one.page.evaluate(CACHED) if not path.startswith("/static/")} == set()
    # Nothing more can be added: whoever opens it finds what was sent.
    one.page.goto(one.visitor.stack.address + address)
    one.page.wait_for_url("**/sent")


def test_a_form_of_ten_questions_takes_eleven_taps(
    phone: Callable[..., Phone], records: psycopg.Connection
) -> None:
    one, taps = phone("amara", ask(records, "amara", "phq-9")), 0
    review = one.page.get_by_role("heading", name="Is this right?")
    while not review.is_visible():
        at = one.number
        one.page.locator("#stage label").first.tap()
        taps += 1
        one.page.wait_for_function(
            "at => document.getElementById('progress').ariaValueNow !== at || !document.getElementById('review').hidden",
            arg=at,
        )
    one.page.get_by_role("button", name="Send").tap()
    one.page.wait_for_url(lambda url: not url.endswith(one.address))
    assert taps + 1 == 11


def test_with_the_keyboard_nothing_jumps(phone: Callable[..., Phone], records: psycopg.Connection) -> None:
    one = phone("ben", ask(records, "ben", "gad-7"))
    one.page.locator("#stage input").first.focus()
    for _ in range(3):
        one.page.keyboard.press("ArrowDown")
    one.page.wait_for_timeout(400)
    assert one.number == "1"
    one.page.keyboard.press("Enter")
    expect(one.page.locator("#progress")).to_have_attribute("aria-valuenow", "2")
    one.page.keyboard.press("Enter")
    expect(one.page.get_by_role("alert")).to_contain_text("say you would rather not")


def test_a_line_nobody_touched_stands_nowhere(
    phone: Callable[..., Phone], records: psycopg.Connection
) -> None:
    address = ask(records, "amara", "ebi")
    one = phone("amara", address)
    one.visitor.look()
    line = one.page.get_by_role("slider")
    expect(line).to_have_attribute("aria-valuetext", "not set yet")
    one.page.get_by_role("button", name="Next").tap()
    expect(one.page.get_by_role("alert")).to_contain_text("A whole number from 0 to 100")
    line.tap()  # in the very middle, where it would have stood
    expect(line).to_have_attribute("aria-valuetext", "50")
    one.page.get_by_role("button", name="Next").tap()
    expect(one.page.locator("#progress")).to_have_attribute("aria-valuenow", "2")
    one.says("Saved")
    assert kept(records, address) == [("ebi-1", "50", "kept")]


COPIES = """async () => {
  const cache = await caches.open("checkin");
  const pages = (await cache.keys()).filter((each) => !new URL(each.url).pathname.startsWith("/static/"));
  return Promise.all(pages.map(async (each) => (await cache.match(each)).text()));
}"""


def test_what_lies_on_the_device_is_the_questions_alone(
    phone: Callable[..., Phone], records: psycopg.Connection
) -> None:
    one = phone("amara", ask(records, "amara", "gad-7"))
    one.tap(1)
    one.says("Saved")
    one.open()  # once more, so that the copy is made of a page with an answer
    expect(one.page.locator("form[data-offline=kept]")).to_be_attached()
    (copy,) = one.page.evaluate(COPIES)
    assert "Amara" not in copy
    for word in ('"key"', '"token"', '"answers"', "csrf"):
        assert word not in copy, word
    # Another tab, as whoever finds the phone opens it: there is nothing to read and nothing to answer.
    one.online(False)
    found = one.page.context.new_page()
    found.goto(one.visitor.stack.address + one.address)
    expect(found.get_by_role("heading", name="No connection just now")).to_be_visible()
    assert "Amara" not in found.locator("body").inner_text()
    expect(found.locator("#stage")).to_be_hidden()
    expect(found.get_by_role("button", name="Send")).to_be_hidden()


def test_leaving_one_tab_leaves_them_all_and_holds_without_a_network(
    phone: Callable[..., Phone], records: psycopg.Connection
) -> None:
    one = phone("amara", ask(records, "amara", "gad-7"))
    other = one.page.context.new_page()
    other.goto(one.visitor.stack.address + "/how-i-am")
    one.online(False)
    one.page.keyboard.press("Escape")
    one.page.keyboard.press("Escape")
    one.page.wait_for_timeout(500)
    assert (
        one.visitor.stack.address not in other.url
        or other.locator("html").get_attribute("hidden") is not None
    )
    one.online(True)
    again = one.page.context.new_page()
    again.goto(one.visitor.stack.address + "/today")
    assert "/account/login/" in again.url
    assert [each["name"] for each in one.page.context.cookies() if each["name"] == "left"] == []
