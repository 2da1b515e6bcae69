"""What a nurse sees when an entry is refused: the same sheet with what was typed, and the alarms in sight; and large keys."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import DESK, PHONE, TABLET, Visitor

pytestmark = pytest.mark.browser

TOO_SMALL = """() => [...document.querySelectorAll("main a[href], main button, main summary")]
  .filter((each) => each.checkVisibility() && !each.closest(".visually-hidden"))
  .map((each) => [each.textContent.trim().replace(/\\s+/g, " "), each.getBoundingClientRect()])
  .filter(([, box]) => box.height < 44 && box.width > 0).map(([words, box]) => `${words} ${box.width} x ${box.height}`)"""
CONTRAST = """(cell) => {
  const light = (colour) => {
    const parts = colour.match(/[\\d.]+/g).slice(0, 3).map((one) => one / 255)
      .map((one) => (one <= 0.04045 ? one / 12.92 : ((one + 0.055) / 1.055) ** 2.4));
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2];
  };
  const ground = light(getComputedStyle(document.body).backgroundColor);
  const { color, opacity } = getComputedStyle(cell);
  const ink = ground + (light(color) - ground) * Number(opacity);
  return (Math.max(ink, ground) + 0.05) / (Math.min(ink, ground) + 0.05);
}"""


def room(visitor: Callable[..., Visitor], size: dict[str, int], words: str) -> Page:
    """The room in whose tile these words stand, on the tablet of its nurse."""
    made = visitor(size)
    made.log_in("luis@demo.invalid")
    page = made.go("/board")
    page.locator("a.tile", has_text=words).first.click()
    expect(page.locator("html[data-frame=kept]")).to_be_attached()
    return page


def test_a_refused_pressure_stays_in_its_sheet_with_what_was_typed(visitor: Callable[..., Visitor]) -> None:
    page = room(visitor, TABLET, "Amara")
    address = page.url
    page.locator("[data-sheet=sheet-pressure]").tap()
    sheet = page.locator("#sheet-pressure")
    sheet.locator("[name=systolic]").fill("50")
    sheet.locator("[name=diastolic]").fill("200")
    for _ in range(2):  # and once more as it is
        with page.expect_response("**/enter/pressure"):
            sheet.get_by_role("button", name="Save").tap()
        expect(sheet.locator("form").get_by_role("alert")).to_contain_text("swapped")
        expect(sheet).to_be_visible()
        expect(sheet.locator("[name=systolic]")).to_have_value("50")
        expect(sheet.locator("[name=diastolic]")).to_have_value("200")
        assert page.url == address
    expect(page.locator("main .room [data-part=alarms]")).to_be_attached()
    # Closed, it is forgotten: the next entry begins empty.
    sheet.get_by_role("button", name="Close").tap()
    page.locator("[data-sheet=sheet-pressure]").tap()
    expect(sheet.locator("form").get_by_role("alert")).to_have_count(0)
    expect(sheet.locator("[name=systolic]")).to_have_value("")
    sheet.locator("[name=systolic]").fill("131")
    sheet.locator("[name=diastolic]").fill("78")
    sheet.locator("[name=at]").fill("quarter past")
    sheet.get_by_role("button", name="Save").tap()
    expect(sheet).to_contain_text("Write the time as hours and minutes")
    assert page.evaluate(
        "() => new Set([...document.querySelectorAll('[id]')].map((one) => one.id)).size === document.querySelectorAll('[id]').length"
    )
    sheet.locator("[name=at]").fill("")
    sheet.get_by_role("button", name="Save").tap()
    expect(page.locator("[data-part=log]")).to_contain_text("131 mmHg")
    expect(page).to_have_url(address)


WHERE = """(sheet) => { const top = (one) => Math.round(sheet.querySelector(one).getBoundingClientRect().top);
  return [top("form"), top("[data-pad]"), top(".actions")]; }"""
ANOTHER = """(words) => { const first = document.querySelector("[data-part=alarms] > .alarm");
  const next = first.cloneNode(true); next.className = "alarm high"; next.querySelector("span").textContent = words; first.after(next); }"""
DATABASE_AWAY = """() => { const strip = document.createElement("div"); strip.dataset.standby = "alarms"; strip.className = "alarms";
  const one = document.querySelector("[data-part=alarms] > .alarm").cloneNode(true); one.className = "alarm high";
  one.querySelector("span").textContent = "Straight from the feed"; strip.append(one);
  document.querySelector("[data-part=alarms]").after(strip); }"""


@pytest.mark.parametrize("size", [PHONE, TABLET])
def test_an_open_sheet_says_what_calls_beneath_it(
    visitor: Callable[..., Visitor], size: dict[str, int]
) -> None:
    page = room(visitor, size, "Daniel")
    calling = page.locator("[data-part=alarms] > .alarm:not(.acknowledged)")
    words = calling.first.locator("> span").evaluate("(one) => one.firstChild.textContent")
    sheet = page.locator("#sheet-pressure")
    over = sheet.locator("> .alarms > .alarm")
    expect(over).to_have_count(0)
    page.locator("[data-sheet=sheet-pressure]").tap()
    expect(over).to_have_count(calling.count())
    expect(over.first).to_contain_text(words)
    expect(over.first).to_be_in_viewport(ratio=1)
    expect(over.get_by_role("button")).to_have_count(0)
    assert sheet.evaluate("(one) => one.scrollWidth - one.clientWidth") == 0
    # What comes while it is open, comes there too, the gravest first; no key moves beneath the finger.
    stood = sheet.evaluate(WHERE)
    page.evaluate(ANOTHER, "Another one")
    expect(over.first).to_contain_text("Another one")
    assert sheet.evaluate(WHERE) == pytest.approx(stood, abs=1)  # screens scroll by whole pixels
    # Straight from the feed while the database is away: also said there. Of many, three, and how many more.
    page.evaluate(DATABASE_AWAY)
    expect(over.filter(has_text="Straight from the feed")).to_be_visible()
    page.evaluate(ANOTHER, "And another")
    expect(over).to_have_count(3)
    expect(sheet.locator("> .alarms > p")).to_have_text(f"and {calling.count() - 2} more beneath this sheet")
    assert sheet.evaluate(WHERE) == pytest.approx(stood, abs=1)  # screens scroll by whole pixels
    half = sheet.locator("> .alarms").evaluate("(one) => one.offsetHeight < innerHeight / 2.5")
    assert half, "the alarms leave no place for what is being written"
    # What somebody acknowledges elsewhere goes.
    page.evaluate(
        """() => { for (const one of document.querySelectorAll("[data-standby], [data-part=alarms] > .alarm")) one.remove(); }"""
    )
    expect(over).to_have_count(0)
    assert sheet.evaluate(WHERE) == pytest.approx(stood, abs=1)  # screens scroll by whole pixels
    sheet.get_by_role("button", name="Close").evaluate("(one) => one.click()")


@pytest.mark.parametrize("size", [PHONE, TABLET])
def test_what_the_number_keys_type_is_in_sight(visitor: Callable[..., Visitor], size: dict[str, int]) -> None:
    page = room(visitor, size, "Daniel")
    for key, first in (("pressure", "systolic"), ("check", "systolic"), ("medicine", "dose_mg")):
        page.locator(f"[data-sheet=sheet-{key}]").tap()
        sheet = page.locator(f"#sheet-{key}")
        field = sheet.locator(f"[name={first}]")
        for digit in "128":
            sheet.locator(f"[data-digit='{digit}']").tap()
        expect(field).to_have_value("128")
        expect(field).to_be_in_viewport(ratio=1)
        sheet.get_by_role("button", name="Close").evaluate("(one) => one.click()")


@pytest.mark.parametrize("size", [PHONE, TABLET, DESK])
def test_three_digits_beside_each_other_never_run_together(
    visitor: Callable[..., Visitor], size: dict[str, int]
) -> None:
    page = room(visitor, size, "Daniel")
    assert (
        page.evaluate("""() => { const trio = document.querySelector(".trio");
      while (trio.children.length < 4) trio.append(trio.lastElementChild.cloneNode(true));
      return [...trio.children].filter((one) => { const value = one.querySelector(".v"); value.textContent = "188";
        const range = document.createRange(); range.selectNodeContents(value);
        return range.getBoundingClientRect().right > one.getBoundingClientRect().right; }).length; }""")
        == 0
    )


def test_a_refused_answer_of_the_checklist_stays_in_its_row(visitor: Callable[..., Visitor]) -> None:
    page = room(visitor, PHONE, "Before the dose")
    address = page.url
    row = page.locator("[data-part=gate-equipment]")
    row.locator("summary").tap()
    row.get_by_role("button", name="Save").tap()
    expect(row).to_contain_text("Tick what stands ready.")
    assert page.url == address
    fold = page.locator(".fold summary")
    expect(fold).to_have_text(re.compile(r"\d+ of 20 passed"))
    passed = page.locator(".gates > .met")
    expect(passed.first).to_be_hidden()
    fold.tap()
    expect(passed.first).to_be_visible()
    fold.tap()
    # What is passed no more is in sight at once, folded or not.
    passed.last.evaluate("(one) => { one.className = 'unmet'; one.id = 'turned'; }")
    expect(page.locator("#turned")).to_be_visible()
    box = page.locator("#start-missing").bounding_box()
    assert box and box["y"] < page.locator(".gates").bounding_box()["y"]  # type: ignore[index]


@pytest.mark.parametrize("size", [PHONE, {"width": 820, "height": 1180}, DESK])
def test_what_leads_somewhere_is_as_high_as_a_finger(
    visitor: Callable[..., Visitor], size: dict[str, int]
) -> None:
    for words in ("Amara", "Before the dose"):
        page = room(visitor, size, words)
        assert page.evaluate(TOO_SMALL) == []


def test_no_word_of_the_gravest_alarm_is_cut_and_free_rooms_can_be_read(
    visitor: Callable[..., Visitor],
) -> None:
    made = visitor({"width": 820, "height": 1180})
    made.log_in("luis@demo.invalid")
    page = made.go("/board")
    words = page.locator(".worst .pill > span").first
    words.evaluate(
        "(one) => { one.textContent = 'Check late by more than 15 minutes: blood pressure, heart rate, breathing, sedation, nausea'; }"
    )
    assert words.evaluate(
        "(one) => one.scrollWidth <= one.clientWidth && getComputedStyle(one).textOverflow !== 'ellipsis'"
    )
    made.fits()
    for free in page.locator(".cell.free").all():
        assert free.evaluate(CONTRAST) >= 4.5


def test_a_pause_is_in_sight_as_soon_as_the_infusion_is_opened(visitor: Callable[..., Visitor]) -> None:
    page = room(visitor, PHONE, "Amara")
    page.locator("a[href$='/infusion']").tap()
    expect(page.get_by_role("button", name="Infusion paused")).to_be_in_viewport(ratio=1)
    page.locator("[name=rate_ml_per_h]").fill("9999")
    page.get_by_role("button", name="Rate changed").tap()
    expect(page.get_by_role("alert").filter(has_text="No pump at a bed runs at 9999 mL/h")).to_be_visible()
    expect(page.locator("[name=rate_ml_per_h]")).to_have_value("9999")
    expect(page.get_by_role("button", name="Infusion paused")).to_be_in_viewport(ratio=1)
