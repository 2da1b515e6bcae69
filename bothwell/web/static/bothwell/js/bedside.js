// What the room and the board have in common: the line to the server, the parts that change, the clock, the rings.
// It clears no alarm by itself: what stands on the page stands until the server says otherwise.

const QUIET_MS = 40_000; // a stream says something at least every 15 s; twice that, and a bit, is a broken line
const SILENT_MS = 4000; // one that says every 2 s that it is here, and missed two of them, is broken
const ASK_AGAIN_MS = 3000;

/** A clock time in the clinic's zone. */
export function clock(at, zone) {
  return new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", timeZone: zone }).format(at);
}

/** `5:24` to come, `+3` minutes late. */
export function left(due, now) {
  const seconds = Math.floor((due - now) / 1000);
  if (seconds < 0) return `+${Math.floor(-seconds / 60)}`;
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}

/** How long a signal has been gone, as the server says it first (bedside_alarms.py). */
function lasted(ms) {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  return seconds < 90 ? `${seconds} seconds` : `${Math.floor(seconds / 60)} minutes`;
}

/** Whether somebody types or chooses in it. A key that only has the focus is no use: alarms must not wait for it. */
function isInUse(part) {
  const at = document.activeElement;
  return (part.contains(at) && at.matches("input, textarea, select")) || part.querySelector("details.answer[open], dialog[open]")
    || ("keeps" in part.dataset && ("typed" in part.dataset || isTyped(part)));
}

/** Whether something was typed or chosen in it that is not sent yet. */
function isTyped(part) {
  return [...part.querySelectorAll("input:not([type=hidden]), textarea, option")].some((one) => {
    if (one.matches("option")) return one.selected !== one.defaultSelected && one.closest("select").selectedIndex > 0;
    return one.matches("[type=checkbox], [type=radio]") ? one.checked !== one.defaultChecked : one.value !== one.defaultValue;
  });
}

// A press that begins on one element and ends on the one that took its place is no press at all: wait for the finger.
const LONGEST_PRESS_MS = 1000;
let press = null;
addEventListener("pointerdown", () => { press ??= { since: Date.now() }; }, true);
for (const end of ["pointerup", "pointercancel"]) addEventListener(end, () => setTimeout(() => { press = null; }, 50), true);

async function released() {
  while (press && Date.now() - press.since < LONGEST_PRESS_MS) await new Promise((done) => setTimeout(done, 30));
}

/** Where the focus stands in a part, as a selector that finds the same key in a fresh one. */
function focused(part) {
  const at = document.activeElement;
  if (!part.contains(at) || at === part) return null;
  if (at.matches("summary")) return "summary";
  if (at.matches("a[href]")) return `a[href="${CSS.escape(at.getAttribute("href"))}"]`;
  const action = at.closest("form")?.getAttribute("action");
  return at.matches("button") && action ? `form[action="${CSS.escape(action)}"] button` : null;
}

/** Puts the fetched parts in the place of the old ones, each only when it has changed and nobody is in it. `data-whole`:
 *  with its look and whether it is shown. `data-keeps`: not while something unsent is typed in it. */
export function place(fetched) {
  const changed = [];
  for (const fresh of fetched.querySelectorAll("[data-part]")) {
    const old = document.querySelector(`main [data-part="${fresh.dataset.part}"]`);
    if (!old || comparable(old) === comparable(fresh) || isInUse(old)) continue;
    const was = focused(old);
    if ("whole" in fresh.dataset) { old.className = fresh.className; old.hidden = fresh.hidden; }
    old.replaceChildren(...fresh.childNodes);
    if (was) old.querySelector(was)?.focus({ preventScroll: true });
    changed.push(fresh.dataset.part);
  }
  return changed;
}

/** Markup without what differs each time it is made. */
function comparable(part) {
  const copy = part.cloneNode(true);
  for (const input of copy.querySelectorAll("input[type=hidden]")) input.removeAttribute("value");
  for (const pad of copy.querySelectorAll("[data-pad]")) pad.hidden = true;
  for (const form of copy.querySelectorAll("[data-sent]")) form.removeAttribute("data-sent");
  const itself = "whole" in part.dataset ? `${part.className} ${part.hidden} ` : "";
  return itself + copy.innerHTML.replace(/\s+/g, " ");
}

let isOver = false;

/** Whoever was signed in here is no more: nothing of the page stays but the way to sign in, and no key with which it
 *  could be opened. What else holds something of it hears "vanished" and lets go. */
export function vanish() {
  if (isOver) return;
  isOver = true;
  const way = document.createElement("a");
  way.className = "btn big primary";
  way.href = location.pathname.match(/^\/room\/[0-9a-f-]{36}/)?.[0] ?? location.pathname;
  way.textContent = "Sign in";
  const said = document.createElement("h1");
  said.textContent = "Signed out, or no longer yours to see";
  const alone = document.createElement("main");
  alone.className = "page stack";
  alone.dataset.vanished = "";
  alone.append(said, way);
  document.body.replaceChildren(alone);
  document.title = "Signed out";
  document.dispatchEvent(new Event("vanished"));
  try {
    for (const name of Object.keys(sessionStorage)) if (name.startsWith("room-key:")) sessionStorage.removeItem(name);
  } catch { /* a tab without a memory held none */ }
}

function isToLogin(answer) { return answer.type === "opaqueredirect" || answer.status === 401; }

if ("BroadcastChannel" in window) new BroadcastChannel("leave").addEventListener("message", vanish);

/** Follows a stream and fetches the parts again when told to. `since`: the page is one kept from then, not live.
 *  `onLive` hears of every change of the line, `onServerTime` the server's clock. Returns {refresh, isLive, isQuiet, heardAt}. */
export function follow(main, { onReadings = () => {}, onParts = () => {}, onLive = () => {}, onServerTime = () => {}, since = null } = {}) {
  const { stream, live, zone } = main.dataset;
  const banner = document.getElementById("not-live");
  let heard = since ?? Date.now();
  let isLive = true;
  let cuts = 0; // an answer to what was asked before the line broke says nothing about the line now
  let isAway = false; // the line is there, the database behind it is not
  let saysHere = false;
  let opened = 0;
  let isAsking = false;
  let askAgain = false;
  let source;

  function setLive(now) {
    if (now === isLive) return;
    isLive = now;
    if (!now) cuts += 1;
    banner.hidden = now;
    main.querySelector("[data-state]")?.setAttribute("data-state", now ? "online" : "offline");
    if (!now) banner.querySelector("[data-since]").textContent = clock(heard, zone);
    onLive(now);
  }

  async function refresh() {
    if (isOver) return;
    if (isAsking) {
      askAgain = true;
      return;
    }
    isAsking = true;
    const before = cuts;
    try {
      const answer = await fetch(live, { headers: { Accept: "text/html" }, cache: "no-store", redirect: "manual" });
      if (isToLogin(answer)) { vanish(); return; }
      if (!answer.ok) throw new Error("no answer");
      const fetched = new DOMParser().parseFromString(await answer.text(), "text/html");
      await released();
      onParts(place(fetched), fetched);
      if (cuts === before) setLive(true);
      else askAgain = true;
    } catch {
      setLive(false);
    }
    isAsking = false;
    if (askAgain) {
      askAgain = false;
      refresh();
    }
  }

  /** The stream was refused, not broken: is the page still somebody's? */
  async function askWhose() {
    try {
      const answer = await fetch(live, { headers: { Accept: "text/html" }, cache: "no-store", redirect: "manual" });
      if (isToLogin(answer)) vanish();
    } catch { /* away */ }
  }

  /** Something came over the line. After a break it is live only when the page itself can be fetched too. */
  function hear() {
    heard = Date.now();
    isAway = false;
    if (!isLive) refresh();
  }

  /** Every 2 s: the line is there; and whether the database is. */
  function here({ data }) {
    saysHere = true;
    const { at, away } = JSON.parse(data);
    onServerTime(Date.parse(at) - Date.now());
    if (away) cutOff();
    else hear();
  }

  function cutOff() {
    if (isLive) heard = Date.now();
    isAway = true;
    opened = Date.now();
    setLive(false);
  }

  /** What stands in while the database is away shows itself, and is told when that is over. */
  function standIn(what, data) {
    import("./standby.js").then((module) => module[what]?.(main, data)).catch(() => {});
  }

  function open() {
    source?.close();
    if (isOver) return;
    opened = Date.now();
    source = new EventSource(stream);
    source.addEventListener("open", () => { opened = Date.now(); if (!saysHere) hear(); });
    source.addEventListener("changed", () => { if (isAway) standIn("clear"); hear(); refresh(); });
    source.addEventListener("readings", (event) => { hear(); onReadings(JSON.parse(event.data)); });
    source.addEventListener("here", here);
    source.addEventListener("away", (event) => { cutOff(); standIn("away", JSON.parse(event.data)); });
    source.addEventListener("standby", (event) => { cutOff(); standIn("show", JSON.parse(event.data)); });
    source.addEventListener("gone", vanish);
    source.addEventListener("error", () => {
      setLive(false);
      // A browser gives up for good when it is refused; the line may come back all the same.
      if (source.readyState === EventSource.CLOSED) { askWhose(); setTimeout(open, ASK_AGAIN_MS); }
    });
  }

  /** A line that is cut without a word: nothing comes and nothing fails. */
  function listen() {
    if (isOver) return;
    const now = Date.now();
    const patience = saysHere ? SILENT_MS : QUIET_MS;
    if (now - Math.max(heard, opened) > patience && !isAway) setLive(false);
    if (!isLive && now - opened > 2 * patience && source.readyState !== EventSource.CLOSED) open();
  }

  document.addEventListener("vanished", () => source.close());
  open();
  if (since) setLive(false);
  setInterval(listen, 500);
  document.addEventListener("visibilitychange", () => { if (!document.hidden) refresh(); });
  window.addEventListener("offline", () => setLive(false));
  window.addEventListener("online", open);
  return { refresh, isQuiet: () => Date.now() - heard > QUIET_MS, isLive: () => isLive, heardAt: () => heard };
}

/** Clock and countdowns, once a second. */
export function tick(main, each = () => {}) {
  const zone = main.dataset.zone;
  function beat() {
    const now = Date.now();
    for (const shown of main.querySelectorAll("[data-clock]")) shown.textContent = clock(now, zone);
    for (const shown of main.querySelectorAll("[data-silent-since]")) shown.textContent = lasted(now - Date.parse(shown.dataset.silentSince));
    each(now);
  }
  beat();
  setInterval(beat, 1000);
}
