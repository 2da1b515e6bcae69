// While the database is away: alarms and values straight from the monitors' feed, marked as not yet in the record.
// It never takes an alarm off the page that was there before, and nothing it shows can be acknowledged: there is nowhere to
// write it down.
import { clock } from "./bedside.js";

const NOT_IN_RECORD = "From the monitor's feed; not yet in the record";
const LOOKS = { high: "high", medium: "medium", low: "low", technical: "low" };

function made(name, look, ...within) {
  const element = document.createElement(name);
  if (look) element.className = look;
  element.append(...within);
  return element;
}

/** The line that says so, above everything else; `data`: {since}. */
export function away(main, data) {
  const since = clock(new Date(data.since), main.dataset.zone);
  const words = made("small", "", `Nothing can be written down since ${since}. New alarms stand here straight from the monitor's feed. Watch the monitor itself.`);
  const note = made("div", "net", made("span", "", made("b", "", "The database does not answer"), words));
  note.dataset.standby = "note";
  note.setAttribute("role", "alert");
  main.querySelector('[data-standby="note"]')?.remove();
  const before = main.querySelector('[data-part="alarms"], [data-part="worst"]');
  before?.before(note);
}

/** Shows what the feed says of one session; `data`: {session, at, alarms, readings}. */
export function show(main, data) {
  const fresh = data.alarms.filter((alarm) => !alarm.is_in_record);
  if (main.classList.contains("board")) showOnTile(main, data.session, fresh);
  else {
    showInRoom(main, fresh);
    showValues(main, data.readings ?? []);
  }
}

function showInRoom(main, alarms) {
  const beside = main.querySelector('[data-part="alarms"]');
  if (!beside) return;
  let strip = main.querySelector('[data-standby="alarms"]');
  if (!strip) {
    strip = made("div", "alarms");
    strip.dataset.standby = "alarms";
    strip.setAttribute("aria-live", "assertive");
    beside.after(strip);
  }
  replace(strip, alarms.map((alarm) => drawn(alarm, main.dataset.zone)));
}

function showOnTile(main, session, alarms) {
  const tile = main.querySelector(`a.tile[href*="${CSS.escape(session)}"]`);
  if (!tile) return;
  let strip = tile.querySelector('[data-standby="alarms"]');
  if (!strip) {
    strip = made("div", "");
    strip.dataset.standby = "alarms";
    tile.querySelector("header").after(strip);
  }
  replace(strip, alarms.map((alarm) => drawn(alarm, main.dataset.zone)));
}

/** Only when something differs: a live region would say it all again each second. */
function replace(strip, drawings) {
  const after = made("div", "", ...drawings);
  if (strip.innerHTML !== after.innerHTML) strip.replaceChildren(...after.childNodes);
}

function drawn(alarm, zone) {
  const raised = clock(new Date(alarm.raised_at), zone);
  const over = alarm.is_over ? ". Over by now" : "";
  const priority = alarm.priority.charAt(0).toUpperCase() + alarm.priority.slice(1);
  const small = made("small", "", `${priority}, since ${raised}${over}. ${NOT_IN_RECORD}`);
  return made("div", `alarm ${LOOKS[alarm.priority] ?? "low"}`, made("span", "", alarm.text, small));
}

function showValues(main, readings) {
  const newest = Object.fromEntries(readings.map((each) => [each.code, each]));
  if (newest.systolic && newest.diastolic) {
    newest.pressure = { ...newest.systolic, shown: `${Math.round(newest.systolic.value)}/${Math.round(newest.diastolic.value)}` };
  }
  for (const [code, reading] of Object.entries(newest)) {
    const vital = main.querySelector(`[data-vital="${CSS.escape(code)}"]`);
    if (!vital) continue;
    vital.textContent = reading.shown ?? String(Math.round(reading.value * 10) / 10);
    vital.dataset.standby = "value";
    vital.title = NOT_IN_RECORD;
  }
}

/** The database is back: the page's own parts say everything again. */
export function clear(main) {
  for (const element of main.querySelectorAll('[data-standby="note"], [data-standby="alarms"]')) element.remove();
  for (const vital of main.querySelectorAll('[data-standby="value"]')) {
    delete vital.dataset.standby;
    vital.removeAttribute("title");
  }
}
