"""A nurse's tablet whose server goes away: everything entered is charted once, in order, with its own time."""

import re
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import pytest
from playwright.sync_api import Page, expect

from bothwell.running import secrets
from bothwell.running.postgres import Cluster, running_socket
from tests.browser.conftest import TABLET, Visitor
from tests.browser.started import Stack, free_port, serving

pytestmark = pytest.mark.browser

ON_DEVICE = """async () => {
  const database = await new Promise((done) => { const opening = indexedDB.open("room"); opening.onsuccess = () => done(opening.result); });
  const read = (name) => new Promise((done) => { const asked = database.transaction(name).objectStore(name).getAll(); asked.onsuccess = () => done(asked.result); });
  const [entries, pictures] = [await read("entries"), await read("pictures")];
  database.close();
  const words = ({ iv, ...row }) => JSON.stringify(row) + new TextDecoder().decode(row.sealed); // chance may write any number
  return { entries: entries.map(words), pictures: pictures.map(words) };
}"""


@dataclass
class Clinic:
    """The demo clinic in a home of its own, which can be stopped and started."""

    stack: Stack
    folder: Path
    running: ExitStack = field(default_factory=ExitStack)
    starts: int = 0

    def start(self) -> None:
        self.starts += 1
        ports = (
            "--port",
            self.stack.address.rpartition(":")[2],
            "--device-port",
            str(self.stack.device_port),
        )
        self.running.enter_context(serving(self.stack, self.folder / f"log{self.starts}", *ports))

    def stop(self) -> None:
        self.running.close()

    def ask(self, question: str, *given: Any) -> list[tuple[Any, ...]]:
        """What stands in its database."""
        folder = running_socket(self.stack.home / "postgres")
        assert folder, "the demo clinic runs no database of its own"
        login = Cluster(self.stack.home, secrets.load(self.stack.home).admin_password).dsn(folder)
        with psycopg.connect(login, dbname="bothwell", autocommit=True) as connection:
            found = connection.execute(question, given)
            return found.fetchall() if found.description else []


@pytest.fixture(scope="module")
def clinic(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clinic]:
    folder = tmp_path_factory.mktemp("room")
    made = Clinic(Stack(f"http://localhost:{free_port()}", free_port(), folder / "home"), folder)
    made.start()
    yield made
    made.stop()


@pytest.fixture(scope="module")
def stack(clinic: Clinic) -> Stack:
    return clinic.stack


@pytest.fixture(scope="module")
def room(clinic: Clinic) -> str:
    """An infusion that runs now."""
    ((found,),) = clinic.ask(
        "select s.id from bothwell_dosingsession s join bothwell_person p on p.id = s.subject_id"
        " where s.started_at is not null and s.ended_at is null and p.name_used = 'Amara'"
    )
    return str(found)


@dataclass
class Tablet:
    """One tablet at the bed."""

    visitor: Visitor
    room: str

    @property
    def page(self) -> Page:
        return self.visitor.page

    def open(self) -> None:
        self.page.goto(f"{self.visitor.stack.address}/room/{self.room}")
        expect(self.page.locator("html[data-frame=kept]")).to_be_attached()

    def online(self, is_on: bool) -> None:
        self.page.context.set_offline(not is_on)

    def sheet(self, key: str) -> Any:
        self.page.locator(f"[data-sheet=sheet-{key}]").tap()
        return self.page.locator(f"#sheet-{key}")

    def save(self, key: str, **values: str) -> None:
        """Fill in a sheet and save it."""
        sheet = self.sheet(key)
        for name, value in values.items():
            sheet.locator(f"[name={name}]").fill(value)
        sheet.get_by_role("button", name="Save").tap()
        expect(sheet).to_be_hidden()

    def is_offline(self) -> None:
        expect(self.page.locator("#not-live")).to_be_visible(timeout=5_500)

    def waits(self, count: int) -> None:
        expect(self.page.locator("[data-queue] li")).to_have_count(count, timeout=20_000)


@pytest.fixture
def tablet(visitor: Callable[..., Visitor], room: str) -> Callable[..., Tablet]:
    def make(who: str = "luis") -> Tablet:
        made = Tablet(visitor(TABLET), room)
        made.visitor.log_in(f"{who}@demo.invalid")
        made.open()
        return made

    return make


def charted(clinic: Clinic, room: str, code: str, since: float) -> list[tuple[int, float]]:
    """What people entered since then (seconds of the epoch): value and when it was made, in the order it came."""
    return [
        (int(value), float(at))
        for value, at in clinic.ask(
            "select value, extract(epoch from observed_at) from bothwell_sample where session_id = %s and code = %s"
            " and author_id is not null and recorded_at > to_timestamp(%s) order by id",
            room, code, since,
        )
    ]  # fmt: skip


def eventually(look: Callable[[], Any], wanted: Any) -> None:
    for _ in range(100):
        if look() == wanted:
            return
        time.sleep(0.2)
    assert look() == wanted


def test_entered_without_a_network_it_is_charted_once_in_order_at_its_own_time(
    clinic: Clinic, tablet: Callable[..., Tablet], room: str
) -> None:
    one, began = tablet(), time.time()
    one.visitor.look()
    one.online(False)
    one.is_offline()
    made = []
    for systolic in (171, 163, 158):
        one.save("pressure", systolic=str(systolic), diastolic="90")
        made.append(time.time())
        time.sleep(1.2)
    one.save("note", note="Eyes closed, at ease, hums quietly.")
    one.waits(4)
    expect(one.page.locator("#not-live")).to_contain_text("4 entries wait on this tablet")
    one.visitor.look()
    # Whoever finds the tablet reads nothing of it.
    found = one.page.evaluate(ON_DEVICE)
    assert len(found["entries"]) == 4 and len(found["pictures"]) == 1
    for word in ("171", "systolic", "hums", "Amara", "luis"):
        assert not [each for each in found["entries"] + found["pictures"] if word in each], word
    time.sleep(max(0, 11 - (time.time() - made[-1])))  # later than what counts as at once
    one.online(True)
    one.waits(0)
    kept = charted(clinic, room, "systolic", began)
    assert [value for value, _ in kept] == [171, 163, 158]
    assert all(abs(at - meant) < 1.2 for (_, at), meant in zip(kept, made, strict=True))
    expect(one.page.locator("[data-part=log]")).to_contain_text("hums quietly")
    assert one.page.evaluate(ON_DEVICE)["entries"] == []


def test_a_second_press_without_a_network_keeps_nothing_twice(
    clinic: Clinic, tablet: Callable[..., Tablet], room: str
) -> None:
    one, began = tablet(), time.time()
    one.online(False)
    one.is_offline()
    sheet = one.sheet("pressure")
    sheet.locator("[name=systolic]").fill("137")
    sheet.locator("[name=diastolic]").fill("84")
    sheet.get_by_role("button", name="Save").dblclick()
    expect(sheet).to_be_hidden()
    one.waits(1)
    # What cannot be a number or a time is said at once, while whoever typed it is here.
    sheet = one.sheet("pressure")
    sheet.locator("[name=systolic]").fill("abc")
    sheet.locator("[name=diastolic]").fill("84")
    sheet.get_by_role("button", name="Save").tap()
    expect(sheet).to_be_visible()
    sheet.locator("[name=systolic]").fill("139")
    sheet.locator("[name=at]").fill("99:99")
    sheet.get_by_role("button", name="Save").tap()
    expect(sheet).to_be_visible()
    one.waits(1)
    sheet.get_by_role("button", name="Close").tap()
    # What cannot be done now says so where it can be read, and no more once the line is back.
    one.page.locator(".room-keys a", has_text="Vials").tap()
    told = one.page.locator("[data-told]")
    expect(told).to_be_in_viewport(ratio=1)
    one.online(True)
    one.waits(0)
    expect(told).to_have_count(0)
    assert [value for value, _ in charted(clinic, room, "systolic", began)] == [137]


def test_the_server_is_stopped_and_the_room_goes_on_and_opens_again(
    clinic: Clinic, tablet: Callable[..., Tablet], room: str
) -> None:
    one, began = tablet(), time.time()
    time.sleep(3)  # a picture of the room is taken
    clinic.stop()
    one.is_offline()
    one.save("vitals", spo2="97")
    # The page is opened again while nobody answers: the room as it was, with what waits.
    one.page.reload()
    one.is_offline()
    one.waits(1)
    expect(one.page.get_by_role("heading", level=1)).to_be_visible()
    assert "Amara" in one.page.locator("main").inner_text()
    one.save("vitals", spo2="96")
    one.waits(2)
    # In another tab nobody is anybody.
    found = one.page.context.new_page()
    found.goto(one.page.url)
    expect(found.get_by_role("heading", name="No connection to the server")).to_be_visible()
    expect(found.locator("[data-waits]")).to_contain_text("2 entries wait")
    assert "Amara" not in found.content()
    found.close()
    clinic.start()
    eventually(lambda: [value for value, _ in charted(clinic, room, "spo2", began)], [97, 96])
    expect(one.page.locator("#not-live")).to_be_hidden(timeout=20_000)
    one.waits(0)


def test_two_tablets_both_are_kept_and_somebody_looks(
    clinic: Clinic, tablet: Callable[..., Tablet], room: str
) -> None:
    one, other, began = tablet("luis"), tablet("helen"), time.time()
    one.online(False)
    one.is_offline()
    one.save("pressure", systolic="149", diastolic="88")
    other.save("pressure", systolic="150", diastolic="88")
    one.online(True)
    expect(one.page.locator(".conflict")).to_contain_text("Look whether it was one measurement")
    assert sorted(value for value, _ in charted(clinic, room, "systolic", began)) == [149, 150]
    one.page.get_by_role("button", name="Both are right").tap()
    expect(one.page.locator(".conflict")).to_have_count(0)


def test_what_is_refused_is_listed_and_an_open_form_is_not_touched(
    clinic: Clinic, tablet: Callable[..., Tablet], room: str
) -> None:
    one = tablet()
    one.online(False)
    one.is_offline()
    one.save("pressure", systolic="90", diastolic="120")
    one.save("pressure", systolic="80", diastolic="130")
    sheet = one.sheet("note")
    sheet.locator("textarea").fill("Half a sentence")
    one.online(True)
    expect(one.page.locator(".conflict")).to_have_count(2, timeout=20_000)
    expect(sheet).to_be_visible()
    expect(sheet.locator("textarea")).to_be_focused()
    expect(sheet.locator("textarea")).to_have_value("Half a sentence")
    sheet.get_by_role("button", name="Close").tap()
    one.visitor.look()
    one.open()  # it does not go by itself
    first, second = one.page.locator(".conflict").nth(0), one.page.locator(".conflict").nth(1)
    expect(first).to_contain_text("90/120")
    second.get_by_role("button", name="Discard").tap()
    expect(second.get_by_role("alert")).to_contain_text("why it is left out")
    second.get_by_label("Why it is discarded").fill("Read from the wrong line.")
    second.get_by_role("button", name="Discard").tap()
    expect(one.page.locator(".conflict")).to_have_count(1)
    first.get_by_role("button", name="Keep as a note").tap()
    expect(one.page.locator(".conflict")).to_have_count(0)
    notes = [text for (text,) in clinic.ask("select text from bothwell_note where session_id = %s", room)]
    assert [text for text in notes if "90/120" in text] and [text for text in notes if "wrong line" in text]


def test_a_form_of_its_own_page_is_at_hand_and_what_needs_the_server_says_so(
    clinic: Clinic, tablet: Callable[..., Tablet], room: str
) -> None:
    one = tablet()
    expect(one.page.locator("dialog[data-held=correct]")).to_be_attached()
    one.online(False)
    one.is_offline()
    address = one.page.url
    one.page.locator(".room-keys a", has_text="Discharge").tap()
    expect(one.page.locator("[data-told]")).to_contain_text("needs the server")
    assert one.page.url == address
    link = one.page.locator("a", has_text=re.compile("^Correct")).first
    sample = (link.get_attribute("href") or "").rpartition("/")[2]
    link.tap()
    sheet = one.page.locator("dialog[data-held=correct]")
    sheet.locator("[name=value]").fill("97")
    sheet.locator("[name=reason]").fill("Read from the wrong line.")
    sheet.get_by_role("button", name="Save").tap()
    one.waits(1)
    one.page.locator(".room-keys a.hold").tap()
    sheet = one.page.locator("dialog[data-held=infusion]")
    sheet.locator("button[name=event]").first.tap()
    one.waits(2)
    expect(one.page.locator("[data-queue] li").first).to_contain_text(re.compile("Infusion: .+"))
    one.online(True)
    one.waits(0)
    expect(one.page.locator(".conflict")).to_have_count(0)
    eventually(
        lambda: clinic.ask("select count(*) from bothwell_sample where corrects_id = %s", sample), [(1,)]
    )
