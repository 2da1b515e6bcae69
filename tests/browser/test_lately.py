"""The couple's and the record's pages one by one, on three screens and in both lights: read by a machine, and large enough to press."""

from collections.abc import Callable

import pytest

from tests.browser.conftest import Visitor

pytestmark = pytest.mark.browser

PHONE, TABLET, DESK = (
    {"width": 390, "height": 844},
    {"width": 820, "height": 1180},
    {"width": 1440, "height": 900},
)
LOOKS = ((PHONE, True), (DESK, False))
"""Where axe looks: the narrowest in the dark and the widest in the light. In between the page must fit."""

TOO_SMALL = """() => [...document.querySelectorAll("main :is(button, a.btn, a.item, summary, select, input:not([type=hidden]), textarea)")]
  .filter((one) => one.checkVisibility() && !one.closest(".score-scroll, svg, p, .visually-hidden, label"))
  .map((one) => [one, one.getBoundingClientRect()])
  .filter(([one, box]) => box.width > 1 && box.height > 1 && box.height < 24)
  .map(([one, box]) => `${one.outerHTML.slice(0, 90)}: ${Math.round(box.height)} px`)"""
"""What is pressed and lower than 24 px (WCAG 2.2, target size), but for links in a sentence."""

OF_THE_TWO = (
    "/us/week", "/us/agreed", "/us/plan", "/us/exercises", "/messages", "/appointments", "/care-plan", "/access/copy",
    "/access/parting", "/today",
)  # fmt: skip
OF_A_COUPLE = ("cycle", "alone", "support", "exercises", "for-both", "score")
OF_A_PERSON = ("words", "given", "care-plan", "appointments")


def _look_at(visitor: Visitor, path: str) -> None:
    answer = visitor.page.goto(visitor.stack.address + path)
    assert answer is not None
    assert answer.status == 200, path
    for size, dark in LOOKS:
        visitor.page.set_viewport_size(size)  # type: ignore[arg-type]
        visitor.page.emulate_media(color_scheme="dark" if dark else "light")
        visitor.look()
        small = visitor.page.evaluate(TOO_SMALL)
        assert not small, f"{path} at {size['width']} px: {small}"
    visitor.page.set_viewport_size(TABLET)  # type: ignore[arg-type]
    visitor.fits()


def _entered(visitor: Callable[..., Visitor], key: str) -> Visitor:
    made = visitor(PHONE)
    made.log_in(f"{key}@demo.invalid")
    return made


def test_what_a_partner_opens(visitor: Callable[..., Visitor]) -> None:
    amara = _entered(visitor, "amara")
    for path in OF_THE_TWO:
        _look_at(amara, path)
    amara.page.goto(f"{amara.stack.address}/messages")
    threads = amara.page.locator("main a[href^='/messages/']").evaluate_all(
        "all => all.map((one) => one.pathname)"
    )
    assert len(threads) >= 3
    for path in threads[:4]:
        _look_at(amara, path)


def test_what_a_couples_therapist_opens(visitor: Callable[..., Visitor]) -> None:
    dana = _entered(visitor, "dana")
    dana.page.goto(f"{dana.stack.address}/couples")
    desk = dana.page.locator("main a[href^='/couples/']").first.evaluate("one => one.pathname")
    for path in (desk, *(f"{desk}/{part}" for part in OF_A_COUPLE), "/messages", "/appointments"):
        _look_at(dana, path)


@pytest.mark.parametrize(
    ("key", "parts"), [("margaret", ("given", "care-plan", "appointments")), ("priya", ("words",))]
)
def test_what_staff_open_about_a_person(
    visitor: Callable[..., Visitor], key: str, parts: tuple[str, ...]
) -> None:
    who = _entered(visitor, key)
    who.page.goto(f"{who.stack.address}/people")
    person = who.page.locator("main a[href^='/people/']").first.evaluate(
        "one => one.pathname.split('/').slice(0, 3).join('/')"
    )
    for part in parts:
        _look_at(who, f"{person}/{part}")
    if key == "margaret":
        _look_at(who, "/requests")


def test_on_paper_a_protocol_is_unfolded_and_on_the_screen_it_folds_again(
    visitor: Callable[..., Visitor],
) -> None:
    lead = _entered(visitor, "margaret")
    lead.page.goto(f"{lead.stack.address}/clinic/protocols")
    lead.page.locator("main a[href^='/clinic/protocols/']").first.click()
    # By its load the page has its script, which unfolds; a click returns before.
    lead.page.wait_for_url("**/clinic/protocols/*")
    folded = lead.page.locator("main details[data-unfolds]")
    lead.page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert folded.count() == lead.page.locator("main details[data-unfolds][open]").count() > 10
    lead.page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert lead.page.locator("main details[data-unfolds][open]").count() == 0
