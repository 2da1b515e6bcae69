// The room: numbers and lines as they come, the ring to the next check, sheets under the large keys.
// Everything that is written down goes through forms that work without it, and wait here while the server is away.
import { clock, follow, left, tick } from "./bedside.js";
import { chart } from "./chart.js";
import { keepGoing } from "./room-offline.js";
import { keepFrame, reopen, restored } from "./room-shell.js";

const RING = 308; // once around, in the units of its drawing
const SAME_MS = 500; // between a reading's key and the moment it was kept
const STALE_MS = 12_000; // as on the server: a monitor silent for so long is not heard now
const MOST_OVER_A_SHEET = 3; // the rest is counted: what is being written needs its place too
const CALLING = "[data-part=alarms] > .alarm:not(.acknowledged):not([data-quiet]), [data-standby=alarms] > .alarm";
const EXPECTED = "bothwell-expected-course";
const CONTINUOUS = new Set(["spo2", "heart_rate", "respiratory_rate"]);

const shell = document.querySelector("main[data-room-shell]");
const kept = shell ? await restored(shell) : null;
const main = document.querySelector("main[data-stream]");
const session = location.pathname.match(/^\/room\/([0-9a-f-]{36})/)?.[1];
if (shell) reopen();
if (main) watch();
else if (session && !shell) keepGoing(session, { main: document.querySelector("main") });
if (session && !shell) keepFrame();
arm(document);

/** The forms in a part of the page, as it was made or as it has just been fetched. */
function arm(part) {
  for (const form of part.querySelectorAll("form[method=post]")) once(form);
  pads(part);
}

/** A second press while the first is on its way changes nothing. */
function once(form) {
  form.addEventListener("submit", (event) => {
    if (form.dataset.sent) event.preventDefault();
    form.dataset.sent = "1";
  });
  window.addEventListener("pageshow", () => delete form.dataset.sent);
}

function watch() {
  const zone = main.dataset.zone;
  const host = main.querySelector("[data-chart]");
  const given = () => JSON.parse(document.getElementById("chart-data").textContent);
  const drawing = host ? expectable(chart(host, given(), isExpectedWanted()), given) : null;
  let alarms = null;
  let redrawn = 0;
  let isLeaving = false; // a form is on its way: its own answer is the next page, at its top
  addEventListener("submit", (event) => { if (!event.defaultPrevented) isLeaving = true; });

  let going = null; // what is entered while the server is away
  const line = follow(main, {
    since: kept?.at ?? null,
    onLive(now) { if (now) going?.flush(); },
    onReadings(update) {
      const samples = update.samples.filter((each) => !each.is_artefact && !each.corrects);
      drawing?.add(samples.filter((each) => isNewer(each)));
      samples.forEach(show);
      const isNew = samples.filter(isFirst).length > 0;
      if (isNew || update.samples.some((each) => each.corrects) || !sameAlarms(update.alarms)) line.refresh();
    },
    onParts(changed, fetched) {
      if (fetched.querySelector("[data-stage]")?.dataset.stage !== main.dataset.stage && !isBusy() && !isLeaving) location.replace(location.pathname);
      for (const name of changed) if (name.startsWith("gate-") || name.startsWith("decide-")) arm(main.querySelector(`[data-part="${name}"]`));
      if (changed.includes("log")) going?.hold();
      if (changed.includes("chart")) { drawing?.set(given()); drawing?.offer(); }
    },
  });

  keepGoing(session, { main, line, onAnswer: pads }).then((made) => { going = made; });

  const drawn = new Set();
  function isNewer({ id }) {
    if (drawn.has(id)) return false;
    drawn.add(id);
    return true;
  }

  const asked = new Set();
  /** Whether the page says "none yet" of this quantity: then a gate may open by it. Asked for once, not with every reading. */
  function isFirst({ code }) {
    if (asked.has(code) || main.querySelector(`[data-last="${code}"]`)) return false;
    asked.add(code);
    return true;
  }

  /** Whether the alarms on the page are those that stand; the page itself is the memory. */
  function sameAlarms(standing) {
    const now = standing.map((each) => `${each.id} ${each.is_acknowledged ? "seen" : "new"} ${each.is_over ? "over" : "on"} ${each.is_escalated ? "up" : "here"}`).sort().join();
    const shown = [...main.querySelectorAll("[data-alarm]")].map((each) => each.dataset.alarm).sort().join();
    const same = now === shown || now === alarms;
    alarms = now;
    return same;
  }

  const last = {};
  function show({ id, code, value, observed_at: at, source }) {
    const time = Date.parse(at);
    if (last[code]?.time > time) return;
    last[code] = { time, value };
    if (source === "device") heardMonitor(id);
    const place = main.querySelector(`[data-vital="${code}"]`);
    if (place && CONTINUOUS.has(code)) {
      place.textContent = String(Math.round(value * 10) / 10);
      place.closest(".vital").classList.remove("stale");
    }
    const { systolic, diastolic } = last;
    if ((code === "systolic" || code === "diastolic") && systolic && diastolic && systolic.time === diastolic.time) {
      main.querySelector('[data-vital="pressure"]').textContent = `${Math.round(systolic.value)}/${Math.round(diastolic.value)}`;
      main.querySelector('[data-vital="pressure"]').previousElementSibling.lastElementChild.textContent = clock(time, zone);
      line.refresh();
    }
  }

  const shownFirst = main.querySelector(".feed")?.dataset.heard;
  let heard = null;
  let newest = shownFirst ? Date.parse(shownFirst) + SAME_MS : 0; // by the server's clock
  /** What was kept before this page was made is told to it once more, and is not heard now. */
  function heardMonitor(id) {
    if (id && arrivedAt(id) <= newest) return;
    if (id) newest = arrivedAt(id);
    heard = Date.now();
  }

  function feed(now) {
    const shown = main.querySelector(".feed");
    if (!shown || shown.dataset.bound !== "yes") return;
    const since = heard ?? (shown.dataset.heard ? Date.parse(shown.dataset.heard) : null);
    if (since === null) return;
    const seconds = Math.max(0, Math.floor((now - since) / 1000));
    const isLost = seconds * 1000 > STALE_MS;
    shown.classList.toggle("lost", isLost);
    shown.textContent = isLost ? `No feed for ${seconds < 90 ? `${seconds} s` : `${Math.floor(seconds / 60)} min`}` : `Monitor ${seconds} s ago`;
    if (isLost) for (const code of CONTINUOUS) main.querySelector(`[data-vital="${code}"]`)?.closest(".vital").classList.add("stale");
  }

  function ring(now) {
    const shown = main.querySelector("[data-due]");
    if (!shown) return;
    const due = Date.parse(shown.dataset.due);
    const whole = Number(shown.dataset.whole) * 1000;
    shown.querySelector("[data-left]").textContent = left(due, now);
    const share = Math.max(0, Math.min(1, (due - now) / whole));
    shown.querySelector("[data-arc]").setAttribute("stroke-dasharray", `${Math.round(RING * share)} 400`);
    shown.closest(".next-check").classList.toggle("late", now > due);
  }

  tick(main, (now) => {
    ring(now);
    feed(now);
    if (now - redrawn > 10_000) { redrawn = now; drawing?.redraw(); }
  });
  setInterval(() => { if (line.isLive() && !document.hidden) line.refresh(); }, 60_000);
  sheets();
  overTheAlarms();
}

/** When what has this key was kept: its first 48 bits are milliseconds. */
function arrivedAt(id) {
  return parseInt(id.replaceAll("-", "").slice(0, 12), 16);
}

/** Whether this device wants the expected course drawn: kept here, not in the record. Without a memory, it does. */
function isExpectedWanted() {
  try { return localStorage.getItem(EXPECTED) !== "off"; } catch { return true; }
}

/** The switch beside the drawing, there only while something is expected. */
function expectable(drawing, given) {
  const key = main.querySelector("[data-expected]");
  if (!key) return { ...drawing, offer() {} };
  const box = key.querySelector("input");
  box.checked = isExpectedWanted();
  box.addEventListener("change", () => {
    try { localStorage.setItem(EXPECTED, box.checked ? "on" : "off"); } catch { /* a device without a memory: for this page only */ }
    drawing.expect(box.checked);
  });
  function offer() { key.hidden = Object.keys(given().expected ?? {}).length === 0; }
  offer();
  return { ...drawing, offer };
}

function isBusy() {
  return Boolean(document.querySelector("dialog[open], details.answer[open]"));
}

/** A large key opens its sheet; without this it leads to the same form on a page of its own. */
function sheets() {
  for (const key of main.querySelectorAll("[data-sheet]")) {
    const sheet = document.getElementById(key.dataset.sheet);
    if (!sheet) continue;
    key.setAttribute("role", "button");
    key.addEventListener("click", (event) => {
      event.preventDefault();
      sheet.showModal();
      sheet.querySelector("input:not([type=hidden]), textarea")?.focus();
    });
    key.addEventListener("keydown", (event) => { if (event.key === " ") { event.preventDefault(); key.click(); } });
  }
}

/** An open sheet lies over the alarms: its first lines say those that call, the gravest first, as they come and go. What
 *  stands below stays where the finger found it: a key that moves while it is pressed writes another number. */
function overTheAlarms() {
  let shownIn = null;
  const show = () => {
    const sheet = main.querySelector("dialog[open]");
    for (const lines of main.querySelectorAll(".sheet > .alarms")) if (lines.parentElement !== sheet) lines.remove();
    const isOpening = sheet !== shownIn;
    shownIn = sheet;
    if (!sheet) return;
    const calling = [...main.querySelectorAll(CALLING)].sort((one, other) => graveness(other) - graveness(one));
    const said = calling.map((each) => each.querySelector(":scope > span").textContent).join("\n");
    const before = sheet.querySelector(":scope > .alarms");
    if ((before?.dataset.said ?? "") === said) return;
    const form = sheet.querySelector("form");
    const was = { form: form?.getBoundingClientRect().top, lines: before?.offsetHeight ?? 0, scrolled: sheet.scrollTop };
    before?.remove();
    const lines = document.createElement("div");
    lines.className = "alarms";
    lines.dataset.said = said;
    lines.setAttribute("role", "alert");
    lines.append(...calling.slice(0, MOST_OVER_A_SHEET).map((each) => {
      const line = each.cloneNode(true);
      line.querySelector(".acts")?.remove(); // acknowledged where it stands, once the sheet is closed
      delete line.dataset.alarm;
      return line;
    }));
    const more = calling.length - MOST_OVER_A_SHEET;
    if (more > 0) lines.append(Object.assign(document.createElement("p"), { textContent: `and ${more} more beneath this sheet` }));
    sheet.prepend(lines);
    if (!isOpening && form) stay(sheet, lines, form, was);
    sheet.style.scrollPaddingTop = `${lines.childElementCount ? lines.offsetHeight : 0}px`; // what gets the focus is not behind them
  };
  new MutationObserver(show).observe(main, { subtree: true, childList: true, attributeFilter: ["open"] });
}

function graveness(alarm) {
  return ["low", "medium", "high"].findIndex((look) => alarm.classList.contains(look));
}

/** The form of a sheet stands where it stood before its first lines changed; `was`: as they were then. */
function stay(sheet, lines, form, was) {
  const moved = () => form.getBoundingClientRect().top - was.form;
  sheet.scrollTop += moved();
  if (moved() > -1) return;
  lines.style.minHeight = `${was.lines}px`; // nothing left to scroll back: their place stays free until the sheet is closed
  sheet.scrollTop = was.scrolled;
}

/** Large number keys for whichever number is being typed. */
function pads(part) {
  for (const pad of part.querySelectorAll("[data-pad]")) {
    const fields = [...pad.closest("form").querySelectorAll("input[inputmode=numeric], input[inputmode=decimal]")];
    if (!fields.length || !matchMedia("(pointer: coarse)").matches) continue;
    pad.hidden = false;
    let current = fields[0];
    for (const field of fields) field.addEventListener("focus", () => { current = field; });
    pad.addEventListener("click", (event) => {
      const { digit } = event.target.dataset;
      if (!digit) return;
      current.value = digit === "back" ? current.value.slice(0, -1) : current.value + digit;
    });
  }
}
