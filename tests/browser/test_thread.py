"""The whole thread, from the first telephone call to the couple's work, walked by the people who walk it.

Each has a browser of their own, on the screen and in the light they would use. Nothing here reads the database.
"""

import re
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import DESK, PHONE, TABLET, Visitor
from tests.browser.giving import share, take_back, write
from tests.browser.started import Stack
from tests.browser.wire import monitor, wire

pytestmark = pytest.mark.browser

PASSWORD = "lantern orchard seven rivers"
LOCAL = "%Y-%m-%dT%H:%M"

# Answers by their place in the list as shown, the first one being 0; the totals beside them are reckoned by hand
# from the published keys (several items of the CSI-16 are shown from best to worst).
ANSWERS_A = {
    "Mood": ([2, 1, 2, 1, 2, 1, 1, 1, 0, 1], 11),
    "Worry": ([1, 2, 1, 1, 2, 0, 1], 8),
    "Our relationship": ([3, 1, 3, 3, 3, 3, 3, 3, 3, 3, 2, 4, 1, 1, 3, 2], 52),
}
ANSWERS_B = {
    "Mood": ([1, 1, 1, 1, 0, 0, 1, 0, 1, 0], 6),
    "Worry": ([0, 1, 0, 1, 0, 0, 1], 3),
    "Our relationship": ([1, 3, 1, 1, 1, 1, 1, 1, 1, 1, 4, 1, 4, 3, 1, 3], 19),
}
GIVEN = "I go quiet when I am most afraid of losing you."
SECOND = "I want to ask before I guess."
PROCESS = "My own hypothesis about the pursuer and the one who withdraws."
PROGRESS = "Slowed the cycle down; both named the fear beneath."
SUMMARY = "You both said you would ask before guessing."


@dataclass
class Walk:
    """Everybody's browser and what is known so far."""

    visitor: Callable[..., Visitor]
    stack: Stack
    links: dict[str, str] = field(default_factory=dict)
    ids: dict[str, str] = field(default_factory=dict)
    staff: dict[str, Visitor] = field(default_factory=dict)
    room: str = ""
    device: str = ""
    zone: str = "UTC"

    @property
    def a(self) -> Visitor:
        return self.staff["a"]

    @property
    def b(self) -> Visitor:
        return self.staff["b"]

    def as_staff(self, key: str, size: dict[str, int] = DESK, *, dark: bool = False) -> Visitor:
        """The browser of a colleague, logged in at the first call."""
        if key not in self.staff:
            self.staff[key] = self.visitor(size, dark=dark)
            self.staff[key].log_in(f"{key}@demo.invalid")
        return self.staff[key]

    def workup(self, key: str, side: str) -> Page:
        return self.as_staff(key).go(f"/people/{self.ids[side]}/workup")


def test_the_whole_thread(visitor: Callable[..., Visitor], stack: Stack) -> None:
    walk = Walk(visitor, stack)
    for part in THREAD:
        part(walk)


def _said(page: Page, words: str) -> None:
    """The page answered with these words."""
    expect(page.locator("#messages")).to_contain_text(words)


# ── enrolled, invited, asked ──────────────────────────────────────────────────────────────────────────────


def the_coordinator_enrols_a_couple(walk: Walk) -> None:
    joy = walk.as_staff("joy")
    page = joy.go("/people")
    page.get_by_role("link", name="Enrol a couple").click()
    joy.look()
    for side, name, pronouns in (("a", "Ottilie", "she/her"), ("b", "Kwame", "he/him")):
        page.locator(f"#id_{side}-name_used").fill(name)
        page.locator(f"#id_{side}-pronouns").fill(pronouns)
        page.locator(f"#id_{side}-born_on").fill("1986-04-02")
        expect(page.locator(f"#id_{side}-is_treated")).to_be_checked()
    page.get_by_label("both of them", exact=True).check()
    page.get_by_role("button", name="Enrol both").click()
    expect(page.get_by_role("heading", name="What happens next?")).to_be_visible()
    joy.look()
    walk.ids["couple"] = page.url.rsplit("/", 1)[1]
    for side in "ab":
        walk.links[side] = page.locator(f"#link-{side}").input_value()
    people = page.get_by_role("link", name="Open their page").evaluate_all("all => all.map(a => a.href)")
    for side, href in zip("ab", people, strict=True):
        walk.ids[side] = href.rsplit("/", 1)[1]


def each_partner_sets_up_a_login(walk: Walk) -> None:
    walk.staff["a"] = walk.visitor(PHONE)
    walk.staff["b"] = walk.visitor(PHONE, dark=True)
    for side in "ab":
        partner = walk.staff[side]
        partner.page.goto(walk.links[side])
        partner.look()
        partner.page.get_by_label("E-mail address").fill(f"{side}.walk@demo.invalid")
        partner.page.get_by_label("Password").fill(PASSWORD)
        partner.page.get_by_role("button", name="Set up my login").click()
        partner.page.wait_for_url("**/today")
        partner.look()


def each_partner_answers(walk: Walk) -> None:
    _answer_all(walk.a, ANSWERS_A)
    first = _answer_all(walk.b, ANSWERS_B, heavy="Mood")
    response = walk.a.page.goto(walk.stack.address + first)
    assert response is not None
    assert response.status == 404, "a partner opened the other's check-in"
    walk.a.look()


def _answer_all(partner: Visitor, answers: dict[str, tuple[list[int], int]], heavy: str = "") -> str:
    """Answer these of what is due, one question a view; gives back the address of one of these check-ins."""
    page = partner.page
    address = ""
    for title in answers:
        due = page.locator('a.item[href^="/checkin/"]', has=page.locator(f'b:text-is("{title}")'))
        _until_there(partner, due)
        address = due.get_attribute("href") or ""
        due.click()
        _answer(partner, answers[title][0])
        page.get_by_role("button", name="Send", exact=True).click()
        # Straight on to the next that is due; the thanks come after the last, and wherever an answer worries.
        page.wait_for_url(lambda url, sent=address: not url.endswith(sent))
        partner.look()
        # An answer that worries is met with somebody to talk to, and with no number.
        expect(page.get_by_label("Somebody to talk to now")).to_have_count(int(title == heavy))
    page.goto(partner.stack.address + "/today")
    for title in answers:
        expect(page.locator(f'a.item[href^="/checkin/"] b:text-is("{title}")')).to_have_count(0)
    return address


def _until_there(partner: Visitor, due: Locator) -> None:
    """What the protocol asks is asked by a job, a moment after the enrolment."""
    for _ in range(20):
        partner.page.goto(partner.stack.address + "/today")
        if due.count():
            return
        partner.page.wait_for_timeout(500)
    raise AssertionError("nothing was asked")


def _answer(partner: Visitor, places: list[int]) -> None:
    page = partner.page
    for number, place in enumerate(places, 1):
        expect(page.get_by_role("progressbar")).to_have_attribute("aria-valuenow", str(number))
        if number == 1:
            partner.look()
        page.locator("#stage label").nth(place).click()  # and it goes on by itself
    expect(page.get_by_role("heading", name="Is this right?")).to_be_visible()
    partner.look()


def the_coordinator_names_the_care_teams(walk: Walk) -> None:
    joy = walk.as_staff("joy")
    _assign(joy, f"/people/couples/{walk.ids['couple']}", "Dana Whitlock")
    for name in ("Helen Sato", "Luis Ferrer", "Priya Raman"):
        _assign(joy, f"/people/{walk.ids['a']}/team", name)
    for name in ("Gabriel Ibarra", "Luis Ferrer"):
        _assign(joy, f"/people/{walk.ids['b']}/team", name)


def _assign(joy: Visitor, path: str, name: str) -> None:
    page = joy.go(path)
    option = page.locator("#id_who option", has_text=name).first
    page.locator("#id_who").select_option(option.get_attribute("value"))
    page.get_by_role("button", name="Add to the care team").click()
    expect(page.locator("tbody th", has_text=name)).to_be_visible()
    joy.look()


# ── is it safe and right? ─────────────────────────────────────────────────────────────────────────────────


def the_prescriber_reads_the_scores(walk: Walk) -> None:
    page = walk.workup("helen", "a")
    for title, kind in (("Patient Health Questionnaire", "Mood"), ("Generalized Anxiety Disorder", "Worry")):
        total = ANSWERS_A[kind][1]
        expect(page.get_by_role("row", name=title).locator("b")).to_have_text(str(total))
    expect(page.get_by_role("row", name="Couples Satisfaction")).to_have_count(0)
    response = page.goto(f"{walk.stack.address}/people/{walk.ids['b']}/workup")
    assert response is not None
    assert response.status == 404, "a prescriber opened somebody else's patient"


def the_prescriber_records_what_was_found(walk: Walk) -> None:
    helen = walk.as_staff("helen")
    page = walk.workup("helen", "a")
    missing = _tally(page, "Missing")
    assert missing > 20
    facts = page.locator("#facts")
    facts.get_by_text("Record what was found").click()
    observed = datetime.strptime(page.locator("#id_observed_at").input_value(), LOCAL)
    for radio in facts.locator("input[type=radio][value=no]").all():
        radio.check()
    facts.locator('input[name="arrhythmia"][value="yes"]').check()
    numbers = {
        "systolic_mmhg": "124", "diastolic_mmhg": "78", "second_systolic": "121", "second_diastolic": "76",
        "weight_kg": "70", "bmi": "23.4", "asa_class": "1", "lorazepam_equivalent_mg_per_day": "0",
        "second_at": (observed - timedelta(minutes=10)).strftime(LOCAL),
    }  # fmt: skip
    for name, value in numbers.items():
        page.locator(f"#id_{name}").fill(value)
    helen.look()
    facts.get_by_role("button", name="Record", exact=True).click()
    _said(page, "Recorded.")
    helen.look()
    assert (_tally(page, "Missing"), _tally(page, "Hold")) == (0, 1)
    page.get_by_text("Decide with reason").click()
    page.get_by_label("Your reason").fill("Isolated extrasystoles; cardiology cleared it in writing.")
    page.get_by_role("button", name="It need not hold here").click()
    _said(page, "Kept, with your reason.")
    assert _tally(page, "Hold") == 0


def _tally(page: Page, title: str) -> int:
    found = page.locator(".tally > div").filter(
        has=page.locator("strong", has_text=re.compile(f"^{title}s?$"))
    )
    return int(found.locator("b").first.inner_text())


def the_prescriber_takes_the_first_steps(walk: Walk) -> None:
    page = walk.workup("helen", "a")
    _step(page, "On to evaluation")
    _assess(walk)
    page = walk.workup("helen", "a")
    _step(page, "On to joint decision")
    walk.as_staff("helen").look()


def _assess(walk: Walk) -> None:
    """The couples therapist says what the couple's assessment means for this course; nobody else can."""
    page = walk.workup("dana", "a")
    page.locator("#assessment textarea").fill(
        "Both want this. A steady couple, with room for what comes of it."
    )
    page.locator("#assessment").get_by_role("button", name="Record it").click()
    expect(page.get_by_role("heading", name="The couple was assessed")).to_be_visible()
    walk.as_staff("dana").look()


def _step(page: Page, title: str) -> None:
    """Vouch for what no row can prove, and go on."""
    form = page.locator("#course form.step-form", has=page.get_by_role("button", name=title, exact=True))
    for box in form.get_by_role("checkbox").all():
        box.check()
    form.get_by_role("button", name=title, exact=True).click()
    expect(page.locator("#course h2")).to_have_text(re.compile(title.removeprefix("On to "), re.I))


def three_sign_the_decision(walk: Walk) -> None:
    page = walk.workup("helen", "a")
    page.get_by_label("Route").select_option("iv")
    page.get_by_label("What is proposed, and why").fill(
        "Six infusions, because two medicines did not help enough."
    )
    page.get_by_role("button", name="Put it before the three").click()
    _said(page, "The question is before the three.")
    for key, name in (("helen", "Helen Sato"), ("dana", "Dana Whitlock")):
        page = walk.as_staff(key).go("/today")
        page.get_by_role("main").get_by_role("link", name="Ottilie").click()
        page.locator("label[for=verdict-proceed]").click()
        page.get_by_label("In words the person will read").fill("I think this is right for you now.")
        page.get_by_label("Your name, as you sign it").fill(name)
        page.get_by_role("button", name="Sign", exact=True).click()
        expect(page.locator(".signature .hand", has_text=name)).to_be_visible()
        walk.staff[key].look()
    page = walk.a.go("/today")
    page.get_by_role("link", name="Read and decide").click()
    walk.a.look()
    page.get_by_text("Yes, I want to begin").click()
    page.get_by_label("I have read this").check()
    page.get_by_label("Your name, as you sign it").fill("Ottilie Brandt")
    page.get_by_role("button", name="Sign", exact=True).click()
    expect(page.get_by_text("You have signed.")).to_be_visible()
    walk.a.look()
    _step(walk.workup("helen", "a"), "On to consent")


# ── consent, preparation, order ───────────────────────────────────────────────────────────────────────────


def both_sign_on_their_phones(walk: Walk) -> None:
    dana = walk.as_staff("dana")
    page = dana.go(f"/couples/{walk.ids['couple']}/agreement")
    page.locator("label.choice").first.click()
    page.get_by_role("button", name="Put it before both").click()
    _said(page, "Put before both.")
    for side, name in (("a", "Ottilie Brandt"), ("b", "Kwame Adjei")):
        partner = walk.staff[side]
        page = partner.go("/today")
        page.get_by_role("link", name="Read and sign together").click()
        _sign(partner, name)
    for title, to in (("Infusion", ""), ("About me", "Dana"), ("relationship", "Dana"), ("session", "Dana")):
        _consent(walk.a, title, to, "Ottilie Brandt")
    _consent(walk.b, "relationship", "Dana", "Kwame Adjei")


def _consent(partner: Visitor, title: str, to: str, name: str) -> None:
    page = partner.go("/consents")
    line = page.locator("a.item", has_text=re.compile(title, re.I)).filter(has_text="Not signed")
    (line.filter(has_text=to) if to else line).first.click()
    _sign(partner, name)


def _sign(partner: Visitor, name: str) -> None:
    page = partner.page
    partner.look()
    page.get_by_label("I have read this").check()
    page.get_by_label("Your name, as you sign it").fill(name)
    page.get_by_role("button", name="Sign", exact=True).click()
    _said(page, "Signed")


def the_session_is_ordered_and_prepared(walk: Walk) -> None:
    helen = walk.as_staff("helen")
    page = walk.workup("helen", "a")
    _step(page, "On to preparation")
    order = page.locator("#order")
    order.get_by_text("Sign an order").first.click()
    for name, value in {
        "dose_mg": "35",
        "minutes": "40",
        "product": "Ketamine",
        "concentration_mg_per_ml": "10",
    }.items():
        order.locator(f"#id_order_{name}").fill(value)
    expect(order.locator("#id_order_weight_kg")).to_have_value("70")
    order.get_by_role("button", name="Check the dose").click()
    expect(page.locator("#order")).to_contain_text("To draw up: 3.50 mL")
    helen.look()
    page.locator("#order").get_by_role("button", name="Sign the order").click()
    _said(page, "The order is signed.")
    _schedule(page)
    page.get_by_text("Arrange the next session").click()
    page.get_by_label("Plan against nausea").fill("Ondansetron 4 mg before")
    page.get_by_role("button", name="Keep it").click()
    _said(page, "Kept.")
    page = walk.a.go("/today")
    page.locator('a.item[href="/today/prepare"]').click()
    walk.a.look()
    page.get_by_label("Who takes you home?").fill("Ama Brandt")
    page.get_by_label("Their telephone number").fill("+1 555 0100")
    page.get_by_label("I have read what to eat and drink before").check()
    page.get_by_role("button", name="Keep this").click()
    _said(page, "Kept. Your care team can see it.")
    # His own course stands at the referral: nothing is planned in it yet.
    page = walk.workup("gabriel", "b")
    expect(page.get_by_text("The joint decision comes first")).to_be_visible()
    expect(page.get_by_text("Schedule a session")).to_have_count(0)


def _schedule(page: Page) -> None:
    now = datetime.strptime(page.locator("#id_observed_at").input_value(), LOCAL)
    page.get_by_text("Schedule a session").click()
    page.get_by_label("Day and time").fill(now.strftime(LOCAL))
    page.get_by_role("button", name="Schedule it").click()
    _said(page, "Scheduled.")


# ── the dosing room ───────────────────────────────────────────────────────────────────────────────────────


def the_lead_adds_a_monitor(walk: Walk) -> None:
    margaret = walk.as_staff("margaret")
    walk.device = uuid.uuid4().hex[:16].upper()
    page = margaret.go("/clinic/rooms")
    added = page.locator("form").filter(has=page.get_by_role("button", name="Add monitor"))
    added.get_by_label("Identifier the monitor sends").fill(walk.device)
    added.get_by_label("What you call it").fill("Monitor of the walk")
    added.get_by_role("button").click()
    expect(page.get_by_text(walk.device)).to_be_visible()
    margaret.look()


def the_nurse_receives_her(walk: Walk) -> None:
    luis = walk.as_staff("luis", TABLET, dark=True)
    page = luis.go("/board")
    _arrive(page, "Ottilie")
    page.wait_for_url("**/room/*")
    luis.look()
    walk.room = page.url.rsplit("/", 1)[1]
    walk.zone = page.locator("main").get_attribute("data-zone") or ""


def _arrive(page: Page, name: str) -> None:
    expected = page.locator("li.expected", has_text=name)
    expected.get_by_role("button", name="Arrived").click()


def the_nurse_goes_through_the_checklist(walk: Walk) -> None:
    luis = walk.as_staff("luis")
    page = luis.go(f"/room/{walk.room}")
    expect(page.get_by_role("button", name=re.compile("^Start"))).to_be_disabled()
    _check(page, "consent_reaffirmed", lambda form: form.get_by_text("Yes, they said so again today").click())
    _check(page, "suicide_rescreened", lambda form: form.get_by_text("No", exact=True).click())
    _check(page, "weight", lambda form: form.get_by_label("Weight today").fill("70"))
    _check(page, "fasting", _fasted)
    _check(page, "antiemetic", lambda form: form.get_by_text("given", exact=True).click())
    _check(page, "escort", _escorted)
    _check(page, "medications", lambda form: form.get_by_text("No change", exact=True).click())
    _check(page, "equipment", _equipped)
    _check(page, "staffing", _staffed)
    # At its end the keys that stay in sight stand below the page, and cover none of its own.
    page.evaluate("scrollTo(0, document.documentElement.scrollHeight)")
    luis.look()


def _check(page: Page, name: str, answer: Callable[[Locator], None]) -> None:
    row = page.locator("#checklist li", has=page.locator(f'form[action$="/check/{name}"]'))
    if not row.is_visible():  # what is passed already is folded
        page.locator("#checklist .fold summary").click()
    row.locator("summary").click()
    answer(row.locator("form"))
    row.get_by_role("button", name="Save").click()
    expect(
        page.locator("#checklist li.met", has=page.locator(f'form[action$="/check/{name}"]'))
    ).to_be_attached()


def _escorted(form: Locator) -> None:
    form.get_by_label("Who takes the person home").fill("Ama Brandt")
    form.get_by_label("Their telephone").fill("555-0142")


def _equipped(form: Locator) -> None:
    for box in form.locator("label.choice").all():
        box.click()


def _staffed(form: Locator) -> None:
    for label, chosen in (("Prescriber on site", 1), ("Nurse", None), ("Second checker", "Helen")):
        select = form.get_by_label(label)
        if isinstance(chosen, int):
            select.select_option(index=chosen)
        elif chosen:
            name = select.locator("option", has_text=chosen).first.inner_text()
            select.select_option(label=name)


def _fasted(form: Locator) -> None:
    form.get_by_label("Last food, which day").select_option("2")
    form.get_by_label("Last food, at").fill("18:00")
    form.get_by_label("Last drink, which day").select_option("2")
    form.get_by_label("Last drink, at").fill("20:00")
    form.get_by_label("The person confirms both times").check()


def the_monitor_is_bound_and_heard(walk: Walk) -> None:
    luis = walk.as_staff("luis")
    page = luis.go(f"/room/{walk.room}/device")
    page.locator("label.choice", has_text=walk.device).click()
    page.get_by_role("button", name="This one").click()
    luis.look()
    page.get_by_role("button", name=re.compile("^Yes, it is on")).click()
    page.wait_for_url(f"**/room/{walk.room}")
    with wire(walk.stack.device_port) as line:
        _watch(page)
        # Twenty seconds of the story in one of the clock, so that the values keep changing.
        with monitor(line.port, walk.device, "--seed", "11", "--interval", "1", "--speed", "20"):
            expect(page.locator('[data-vital="pressure"]')).to_have_text(
                re.compile(r"^\d+/\d+$"), timeout=10_000
            )
            page.wait_for_timeout(9_000)
        page.wait_for_timeout(1_000)
        seen: list[tuple[float, str]] = page.evaluate("window.seen")
        late = [_delay(at, value, seen) for at, value in line.changes]
    assert len(late) >= 4, f"too few changes to measure: {line.passed}"
    assert max(late) < 1.0, f"a reading took {max(late):.2f} s to the screen"
    shown = page.locator('[data-vital="heart_rate"]').inner_text()
    expect(page.locator("[data-chart]")).to_have_attribute("aria-label", re.compile(f"heart rate {shown}"))
    luis.look()


def _watch(page: Page) -> None:
    """Note every change of the heart rate on the page, with the time of this machine."""
    page.evaluate("""() => {
        window.seen = [];
        const said = () => document.querySelector('[data-vital="heart_rate"]').textContent.trim();
        let last = said();
        new MutationObserver(() => {
            if (said() !== last) { last = said(); window.seen.push([Date.now() / 1000, last]); }
        }).observe(document.querySelector("main"), { childList: true, subtree: true, characterData: true });
    }""")


def _delay(at: float, value: int, seen: list[tuple[float, str]]) -> float:
    """Seconds from the wire to the screen; for ever if it never came."""
    return min(
        (then - at for then, text in seen if text == str(value) and then >= at - 0.01), default=float("inf")
    )


def the_dose_is_started(walk: Walk) -> None:
    luis = walk.as_staff("luis")
    page = luis.go(f"/room/{walk.room}")
    page.get_by_role("button", name=re.compile("^Start")).click()
    expect(page.locator("main")).to_have_attribute("data-stage", "running")
    luis.look()


def an_alarm_is_raised_and_acknowledged(walk: Walk) -> None:
    luis = walk.as_staff("luis")
    page = luis.page
    # Minute 25 of this story: oxygen falls by ten points.
    words = ("--seed", "5", "--interval", "1", "--start", "1495", "--scenario", "desaturation")
    with monitor(walk.stack.device_port, walk.device, *words):
        alarm = page.locator(".alarm.high").first
        expect(alarm).to_be_visible(timeout=10_000)
        expect(alarm).to_contain_text("SpO")
        luis.look()
        alarm.get_by_role("button", name=re.compile("^Acknowledge as Luis")).click()
        expect(page.locator(".alarm.high.acknowledged").first).to_contain_text("Luis Ferrer")
    luis.look()


def values_are_entered_by_hand(walk: Walk) -> None:
    luis = walk.as_staff("luis")
    page = luis.go(f"/room/{walk.room}")
    page.get_by_role("button", name=re.compile("^Begin check")).click()
    sheet = page.get_by_role("dialog")
    luis.look()
    sheet.get_by_label("Systolic").fill("128")
    sheet.get_by_label("Diastolic").fill("81")
    _choose(sheet, "sedation", "5")
    _choose(sheet, "dissociation", "1")
    _choose(sheet, "wanted", "yes")
    _choose(sheet, "nausea", "2")
    sheet.get_by_role("button", name="Save").click()
    expect(page.locator('[data-vital="pressure"]')).to_have_text("128/81")
    expect(page.locator(".log[data-part=log]")).to_contain_text("Luis Ferrer")
    luis.look()


def _choose(sheet: Locator, name: str, value: str) -> None:
    """Press the key of one answer, as a finger would."""
    sheet.locator(f'label:has(input[name="{name}"][value="{value}"])').click()


def _leave_early(page: Page) -> None:
    page.get_by_label("What happened").fill("Wishes to go home with her escort; advised to stay, and why.")
    page.get_by_label("Your name, to sign").fill("Luis Ferrer")
    page.get_by_role("button", name="Save").click()


def the_session_ends_signed(walk: Walk) -> None:
    luis = walk.as_staff("luis")
    page = luis.go(f"/room/{walk.room}/discharge")
    expect(page.locator("li.unmet", has_text="of at least 120 min since the last dose.")).to_be_visible()
    page.get_by_role("link", name="Leaving early, against advice").click()
    luis.look()
    _leave_early(page)
    expect(page.get_by_text("Chart its end first").first).to_be_visible()
    luis.go(f"/room/{walk.room}/infusion")
    page.get_by_role("button", name="Infusion stopped for good").click()
    page.wait_for_url(f"**/room/{walk.room}")
    luis.go(f"/room/{walk.room}/leave-early")
    _leave_early(page)
    expect(page.get_by_role("heading", name="Left early, against advice")).to_be_visible()
    luis.look()
    page.get_by_label("How it went").fill("Calm throughout; one short fall in oxygen, answered at once.")
    page.get_by_role("button", name="Save").click()
    expect(page.locator("p.said", has_text="Calm throughout")).to_be_visible()


# ── what came of it, and who may know ─────────────────────────────────────────────────────────────────────


def an_insight_is_given_and_taken_back(walk: Walk) -> None:
    address = write(walk.a, GIVEN)
    expect(walk.a.page.get_by_text("Only you").first).to_be_visible()
    page_b = walk.b.go("/us")
    page_b.evaluate("window.neverLeft = true")
    share(walk.a, address, "couples_therapist")
    page_b.wait_for_timeout(1_500)
    expect(page_b.get_by_text(GIVEN)).to_have_count(0)
    share(walk.a, address, "partner", "couples_therapist")
    expect(page_b.get_by_text(GIVEN)).to_be_visible(timeout=5_000)
    assert page_b.evaluate("window.neverLeft"), "the page was reloaded"
    walk.b.look()
    take_back(walk.a, address)
    expect(page_b.get_by_text(GIVEN)).to_have_count(0, timeout=5_000)
    expect(walk.b.go("/us").get_by_text(GIVEN)).to_have_count(0)
    expect(walk.as_staff("dana").go(f"/couples/{walk.ids['couple']}").get_by_text(GIVEN)).to_have_count(0)
    share(walk.a, write(walk.a, SECOND), "partner", "couples_therapist")


# ── the couple's work ─────────────────────────────────────────────────────────────────────────────────────


def the_couples_therapist_reads_the_story(walk: Walk) -> None:
    dana = walk.as_staff("dana")
    page = dana.go(f"/couples/{walk.ids['couple']}")
    expect(page.locator("svg.score-svg")).to_be_visible()
    expect(page.get_by_label("Agenda").get_by_text(SECOND)).to_be_visible()
    for side, answers in (("a", ANSWERS_A), ("b", ANSWERS_B)):
        page = dana.go(f"/couples/{walk.ids['couple']}?{side}=csi-16")
        total = answers["Our relationship"][1]
        expect(page.locator("svg.score-svg desc")).to_contain_text(f"CSI-16: {total}, answered once")


def a_couples_session_is_planned_and_recorded(walk: Walk) -> None:
    dana = walk.as_staff("dana")
    page = dana.go(f"/couples/{walk.ids['couple']}")
    page.get_by_text("Plan a session").click()
    now = datetime.now(ZoneInfo(walk.zone)).strftime(LOCAL)
    page.get_by_label("Day and time").fill(now)
    page.get_by_role("button", name="Plan it").click()
    _said(page, "Planned. Both see it on their pages.")
    page.get_by_role("link", name="Open the session’s page").click()
    dana.look()
    page.locator("label.choice", has_text=re.compile("^Emotionally focused", re.I)).click()
    page.locator("#id_focus").fill("Asking before guessing")
    page.locator("#id_text").fill(PROGRESS)
    page.locator("label.choice", has_text=SECOND).click()
    page.locator("#id_summary").fill(SUMMARY)
    page.get_by_role("button", name="Record the session").click()
    _said(page, "Recorded. What you wrote for both")
    page.locator("a.own-door").click()
    page.locator("#id_process-text").fill(PROCESS)
    page.get_by_role("button", name="Keep for me alone").click()
    _said(page, "Kept, for you alone.")
    dana.look()
    page = dana.go(f"/couples/{walk.ids['couple']}/exercises")
    exercise = page.locator("details.exercise").first
    exercise.locator("summary").click()
    exercise.get_by_role("button", name=re.compile("^Give it to both")).click()
    _said(page, "Given to both:")
    dana.look()


def both_find_what_is_theirs(walk: Walk) -> None:
    for partner in (walk.a, walk.b):
        page = partner.go("/us")
        expect(page.get_by_text(SUMMARY)).to_be_visible()
        expect(page.get_by_role("link", name=re.compile("^Done today"))).to_be_visible()
        for kept in (PROGRESS, PROCESS):
            expect(page.get_by_text(kept)).to_have_count(0)
    walk.b.page.get_by_role("link", name=re.compile("^Done today")).click()
    walk.b.look()
    walk.b.page.get_by_label("A word about it").fill("easier than I thought")
    walk.b.page.get_by_role("button", name="Done today").click()
    _said(walk.b.page, "Kept, for both of you.")
    expect(walk.b.page.get_by_text("You did this today.")).to_be_visible()
    expect(walk.a.go("/us").get_by_text("easier than I thought")).to_be_visible()


def everybody_can_see_who_looked(walk: Walk) -> None:
    margaret = walk.as_staff("margaret")
    for name in ("Helen Sato", "Luis Ferrer", "Dana Whitlock", "Joy Castellan", "Gabriel Ibarra"):
        page = margaret.go("/clinic/log")
        page.get_by_label("Whose record").fill("Ottilie")
        option = page.locator("#id_staff option", has_text=name)
        page.get_by_label("Who did it").select_option(option.get_attribute("value"))
        page.get_by_role("button", name="Look").click()
        margaret.look()
        lines = page.locator(".timeline li")
        expect(lines.filter(has_not_text=name)).to_have_count(0)
        # Her prescriber, nurse, therapist and coordinator; never the one who treats her partner.
        assert (lines.count() > 0) is (name != "Gabriel Ibarra"), name
    for partner, seen, never in (
        (walk.a, "Helen Sato", "Gabriel Ibarra"),
        (walk.b, "Gabriel Ibarra", "Helen Sato"),
    ):
        page = partner.go("/access")
        names = _whole_log(page)
        assert seen in names
        assert "Dana Whitlock" in names
        assert never not in names


def _whole_log(page: Page) -> str:
    text = page.locator(".timeline").inner_text()
    while (older := page.get_by_role("link", name="Older")).count():
        page.goto(older.evaluate("link => link.href"))
        text += page.locator(".timeline").inner_text()
    return text


THREAD: tuple[Callable[[Walk], None], ...] = (
    the_coordinator_enrols_a_couple,
    each_partner_sets_up_a_login,
    each_partner_answers,
    the_coordinator_names_the_care_teams,
    the_prescriber_reads_the_scores,
    the_prescriber_records_what_was_found,
    the_prescriber_takes_the_first_steps,
    three_sign_the_decision,
    both_sign_on_their_phones,
    the_session_is_ordered_and_prepared,
    the_lead_adds_a_monitor,
    the_nurse_receives_her,
    the_nurse_goes_through_the_checklist,
    the_monitor_is_bound_and_heard,
    the_dose_is_started,
    an_alarm_is_raised_and_acknowledged,
    values_are_entered_by_hand,
    the_session_ends_signed,
    an_insight_is_given_and_taken_back,
    the_couples_therapist_reads_the_story,
    a_couples_session_is_planned_and_recorded,
    both_find_what_is_theirs,
    everybody_can_see_who_looked,
)
