// A check-in on a phone: one question a view, out of one document. A tap on an answer goes on by itself after a moment,
// Back undoes it; with the keyboard nothing jumps. What is answered is kept by checkin-queue.js; nothing is sent
// before the person says so, and of two answers in two places they choose themselves.
import { asked, needsSomeone, takes } from "./checkin-rules.js";
import { Queue } from "./checkin-queue.js";

const PAUSE_MS = 180; // to see what was pressed
const TYPED_MS = 600; // after the last key
const MOST_SEGMENTS = 24;
const REVIEW = -1;
const WORDS = {
  saved: "Saved. Stop any time.",
  sending: "Saving.",
  waiting: "Kept on this device until you are online.",
  gone: "This cannot be saved here now. What you answered stays on this device.",
};

const form = document.querySelector("[data-checkin]");
const stage = document.getElementById("stage");
const progress = document.getElementById("progress");
const status = document.getElementById("kept");
const byId = (id) => document.getElementById(id);
const state = JSON.parse(byId("checkin-state").textContent);
const { items, flags } = state;
// The document kept on the device holds the questions alone. How they stand, and the key to what waits here, live in
// this tab, for as long as it is open and nobody left.
const HELD = `checkin-held:${state.request}`;
const isReadable = open();
const answers = state.answers ?? {};
const seen = state.seen ?? {};
const conflicts = state.conflicts ?? {};
const tab = Math.random().toString(36);
const channel = new BroadcastChannel(`checkin-${state.request}`);
const place = new Map(items.map((item, index) => [item.id, index]));
let now = REVIEW; // the item shown, by its place in the questionnaire
let byPointer = false;
let pause = 0;
let typing = 0;
let toldByServer = state.needsSomeone;
let askedNow = [];
let wantsSending = false;
const touched = new Set(); // answered on this page

function open() {
  const { response, key, token, revision, answers: given, seen: newest, conflicts: twice, needsSomeone: heavy } = state;
  const own = { response, key, token, revision, answers: given, seen: newest, conflicts: twice, needsSomeone: heavy };
  try {
    if (key) sessionStorage.setItem(HELD, JSON.stringify(own));
    else Object.assign(state, JSON.parse(sessionStorage.getItem(HELD) ?? "{}"));
  } catch { /* a forbidden storage: this page works, a reload without a network does not */ }
  return Boolean(state.key);
}

// ── what is asked, and how it stands ──────────────────────────────────────────────────────────────────────

function reckon() {
  askedNow = asked(items, answers);
  const isHeavy = needsSomeone(items, flags, answers) || toldByServer;
  byId("someone").hidden = !isHeavy;
}

const isOpen = (item) => !(item.id in answers);
const mustAnswer = () => askedNow.find((item) => isOpen(item) && item.type !== "text");
const firstOpen = () => askedNow.find(isOpen);

/** Keep an answer, and tell the other tabs of this browser. */
function record(item, answer, isTyped = false) {
  if (item.id in answers && answers[item.id] === answer && !conflicts[item.id]) return;
  const event = { event: crypto.randomUUID(), item: item.id, answer, after: seen[item.id] ?? null, isTyped };
  touched.add(item.id);
  take(event);
  say(WORDS.sending); // until the server has it, nothing here says that it is saved
  channel.postMessage({ from: tab, answer: { item: item.id, answer, event: event.event } });
  queue.then((each) => each.add(event));
}

function take({ item, answer, event }) {
  answers[item] = answer;
  seen[item] = event;
  delete conflicts[item];
  reckon();
}

// ── one view ──────────────────────────────────────────────────────────────────────────────────────────────

function show(index) {
  clearTimeout(pause);
  now = index;
  const isReview = index === REVIEW;
  for (const [id, on] of [["review", isReview], ["waiting", false], ["two-places", false], ["turn", !isReview], ["decline", !isReview]]) byId(id).hidden = !on;
  stage.hidden = isReview;
  progress.hidden = isReview;
  if (isReview) byId("send").parentNode.after(byId("someone"));
  else byId("trouble").before(byId("someone"));
  if (isReview) return review();
  const item = items[index];
  if (conflicts[item.id]) return choose(item);
  if (stage.firstElementChild?.dataset.item !== item.id) stage.replaceChildren(byId(`q-${index + 1}`).content.cloneNode(true));
  fill(item);
  mark(item);
  focus();
}

/** Put the answer that stands into its controls. */
function fill(item) {
  const answer = answers[item.id] ?? null;
  for (const input of stage.querySelectorAll("input[type=radio]")) input.checked = input.value === answer;
  const box = stage.querySelector("[data-box]");
  if (box) box.value = answer ?? "";
  const line = stage.querySelector("[data-line]");
  if (line) {
    line.hidden = false;
    if (answer !== null) line.value = answer;
    set(line, answer);
  }
  for (const button of stage.querySelectorAll("[data-step]")) button.hidden = false;
  trouble("");
  const words = byId("declined");
  words.hidden = !(item.id in answers && answer === null && item.type !== "text");
}

/** A line that nobody touched says so, and stands nowhere. */
function set(line, answer) {
  line.classList.toggle("unset", answer === null);
  line.setAttribute("aria-valuetext", answer ?? "not set yet");
  const shown = stage.querySelector("[data-value]");
  shown.textContent = answer ?? "Not set yet";
}

function trouble(words) {
  const notice = byId("trouble");
  notice.hidden = !words;
  notice.textContent = words;
}

function focus() {
  if (!("ready" in form.dataset)) return; // just opened: nothing was pressed yet
  const field = stage.querySelector("input:checked, textarea, input[type=radio], input:not([type=range])");
  const target = byPointer || !field ? stage.querySelector("h1") : field;
  target.focus({ preventScroll: true });
  scrollTo(0, 0);
}

/** How far it is: one mark a question, or one bar where there are many. */
function mark(item) {
  const at = askedNow.findIndex((each) => each.id === item.id);
  progress.setAttribute("aria-valuemax", askedNow.length);
  progress.setAttribute("aria-valuenow", at + 1);
  progress.setAttribute("aria-label", `Question ${at + 1} of ${askedNow.length}`);
  if (askedNow.length > MOST_SEGMENTS) {
    const bar = progress.querySelector("progress") ?? document.createElement("progress");
    if (!bar.parentNode) progress.replaceChildren(bar);
    bar.max = askedNow.length;
    bar.value = at;
    return;
  }
  while (progress.children.length < askedNow.length) progress.append(document.createElement("i"));
  while (progress.children.length > askedNow.length) progress.lastElementChild.remove();
  askedNow.forEach((each, index) => {
    progress.children[index].className = index === at ? "now" : isOpen(each) ? "" : "done";
  });
}

// ── going on and back ─────────────────────────────────────────────────────────────────────────────────────

function onwards() {
  const conflicted = Object.keys(conflicts)[0];
  if (conflicted) return show(place.get(conflicted));
  const next = askedNow.find((item) => place.get(item.id) > now);
  show(next ? place.get(next.id) : REVIEW);
}

function back() {
  keepTyped();
  const before = askedNow.filter((item) => now === REVIEW || place.get(item.id) < now).at(-1);
  if (before) show(place.get(before.id));
  else location.assign("/today");
}

function next() {
  const item = items[now];
  if (!keepTyped()) return;
  if (isOpen(item)) {
    if (item.type !== "text") {
      trouble(stage.firstElementChild.dataset.wanted);
      return;
    }
    record(item, null); // a text may be left empty
  }
  onwards();
}

// ── what is pressed and typed ─────────────────────────────────────────────────────────────────────────────

addEventListener("pointerdown", () => { byPointer = true; }, true);
addEventListener("keydown", () => { byPointer = false; }, true);

stage.addEventListener("click", (event) => {
  const button = event.target.closest("[data-step]");
  if (button) return step(Number(button.dataset.step));
  if (!event.target.matches("input[type=radio]")) return;
  record(items[now], event.target.value);
  trouble("");
  mark(items[now]);
  clearTimeout(pause);
  if (byPointer) pause = setTimeout(onwards, PAUSE_MS);
});

stage.addEventListener("input", (event) => {
  if (event.target.matches("[data-line]")) return moved(event.target);
  if (!event.target.matches("[data-box]")) return;
  clearTimeout(typing);
  typing = setTimeout(keepTyped, TYPED_MS, true);
});

// Pressed where it would have stood: a line says nothing of that by itself.
for (const type of ["pointerup", "touchend", "change"]) {
  stage.addEventListener(type, (event) => { if (event.target.matches("[data-line]")) moved(event.target); });
}

function moved(line) {
  stage.querySelector("[data-box]").value = line.value;
  set(line, line.value);
  clearTimeout(typing);
  typing = setTimeout(keepTyped, TYPED_MS, true);
}

function step(by) {
  const box = stage.querySelector("[data-box]");
  const { lowest, highest } = items[now];
  const from = box.value === "" ? (by > 0 ? (lowest ?? 0) - 1 : (lowest ?? 0) + 1) : Number(box.value);
  box.value = String(Math.min(highest ?? Infinity, Math.max(lowest ?? -Infinity, from + by)));
  clearTimeout(typing);
  typing = setTimeout(keepTyped, TYPED_MS, true);
}

/** Keep what stands in a box; false when it is no answer, which is said. While it is being typed nothing is said. */
function keepTyped(isUnderWay = false) {
  clearTimeout(typing);
  const box = now === REVIEW || stage.hidden ? null : stage.querySelector("[data-box]");
  if (!box) return true;
  const item = items[now];
  const typed = item.type === "text" ? box.value : box.value.trim();
  const line = stage.querySelector("[data-line]");
  if (typed.trim() === "" && !box.validity.badInput) {
    if (answers[item.id] != null) record(item, null, true);
    if (line) set(line, null);
    return true;
  }
  if (box.validity.badInput || !takes(item, typed) || typed.length > state.longest) {
    if (!isUnderWay) trouble(typed.length > state.longest ? `This is longer than ${state.longest} characters. Please shorten it.` : stage.firstElementChild.dataset.wanted);
    return false;
  }
  trouble("");
  if (line) {
    line.value = typed;
    set(line, typed);
  }
  record(item, typed, true);
  return true;
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  if (now !== REVIEW && !stage.hidden) next();
});
byId("back").addEventListener("click", back);
byId("rather-not").addEventListener("click", () => {
  clearTimeout(typing);
  record(items[now], null);
  onwards();
});
byId("go-back").addEventListener("click", async () => {
  wantsSending = false;
  await (await queue).takeBackSending();
  show(REVIEW);
});
byId("send").addEventListener("click", async () => {
  const open = mustAnswer();
  if (open) return show(place.get(open.id));
  wantsSending = true;
  byId("send").disabled = true;
  await (await queue).send();
  byId("send").disabled = false;
});

addEventListener("pagehide", leave);
document.addEventListener("visibilitychange", () => { if (document.hidden) leave(); });

/** The page closes, or is put away: what was typed goes now. */
function leave() {
  keepTyped(true);
  queue.then((each) => each.leave());
}

// ── once more, and off ────────────────────────────────────────────────────────────────────────────────────

function words(item, answer) {
  if (answer === undefined) return item.type === "text" ? "Left empty" : "Still open";
  if (answer === null) return item.type === "text" ? "Left empty" : "Rather not";
  const question = byId(`q-${place.get(item.id) + 1}`).content;
  const option = [...question.querySelectorAll("input[type=radio]")].find((input) => input.value === answer);
  return option?.nextElementSibling?.textContent ?? answer;
}

function review() {
  const rows = askedNow.map((item) => {
    const row = byId("row").content.cloneNode(true);
    row.querySelector("button").dataset.to = place.get(item.id);
    row.querySelector("small").textContent = byId(`q-${place.get(item.id) + 1}`).content.querySelector("h1").textContent;
    row.querySelector("b").textContent = words(item, answers[item.id]);
    return row;
  });
  byId("rows").replaceChildren(...rows);
  byId("send").textContent = mustAnswer() ? "Go to the open question" : "Send";
  if ("ready" in form.dataset) byId("review").querySelector("h1").focus({ preventScroll: true });
  scrollTo(0, 0);
}

byId("rows").addEventListener("click", (event) => {
  const row = event.target.closest("[data-to]");
  if (row) show(Number(row.dataset.to));
});

function waitToSend() {
  for (const id of ["review", "two-places", "turn", "decline"]) byId(id).hidden = true;
  stage.hidden = true;
  byId("waiting").hidden = false;
  byId("waiting").querySelector("h1").focus({ preventScroll: true });
}

// ── answered in two places ────────────────────────────────────────────────────────────────────────────────

function choose(item) {
  for (const id of ["turn", "decline", "review", "waiting"]) byId(id).hidden = true;
  stage.hidden = true;
  const view = byId("two-places");
  view.hidden = false;
  view.querySelector("[data-question]").textContent = byId(`q-${place.get(item.id) + 1}`).content.querySelector("h1").textContent;
  const found = [answers[item.id] ?? null, conflicts[item.id].mine];
  view.querySelectorAll("button").forEach((button, index) => {
    button.querySelector("b").textContent = words(item, found[index]);
    button.onclick = () => {
      record(item, found[index]);
      stage.replaceChildren();
      onwards();
    };
  });
  mark(item);
  view.querySelector("h1").focus({ preventScroll: true });
}

// ── how it goes ───────────────────────────────────────────────────────────────────────────────────────────

function say(sentence, link) {
  if (status.dataset.said === sentence) return;
  status.dataset.said = sentence;
  // Who hears the page is not told after every answer that all is well, only when it is not.
  status.setAttribute("aria-live", [WORDS.saved, WORDS.sending].includes(sentence) ? "off" : "polite");
  status.replaceChildren(sentence);
  if (link) {
    const way = Object.assign(document.createElement("a"), { href: state.login, textContent: link });
    status.append(" ", way);
  }
}

function told(what, more) {
  switch (what) {
    case "acknowledged":
      channel.postMessage({ from: tab, revision: more.said.revision });
      return heard(more);
    case "sign-in":
      navigator.serviceWorker?.controller?.postMessage({ forget: true });
      say("Kept on this device; nothing is lost.", "Sign in again to save it.");
      return;
    case "refused":
    case "not-sent":
      if (more.standing) takeOver(more.standing, new Set());
      say(more.reason);
      if (what === "not-sent") {
        wantsSending = false;
        show(REVIEW);
      }
      return;
    case "sent":
      channel.postMessage({ from: tab, next: more.next });
      return leaveFor(more.next);
    case "waiting":
      if (wantsSending) waitToSend();
      say(WORDS.waiting);
      return;
    default:
      say(WORDS[what]);
  }
}

/** The server has a batch: what it says of conflicts, of other devices, and of somebody to talk to. */
function heard({ said, open }) {
  toldByServer = said.needsSomeone;
  if (!said.standing) return reckon();
  if (wantsSending) {
    wantsSending = false;
    say("Something was answered elsewhere meanwhile. Look once more, then send.");
  }
  byId("waiting").hidden = true;
  takeOver(said.standing, open);
}

/** How it stands on the server, where nothing newer waits here. */
function takeOver(standing, open) {
  state.revision = standing.revision;
  for (const item of items.filter((each) => !open.has(each.id))) {
    const { id } = item;
    if (id in standing.answers) answers[id] = standing.answers[id];
    if (id in standing.seen) seen[id] = standing.seen[id];
    if (standing.conflicts[id]) conflicts[id] = standing.conflicts[id];
    else delete conflicts[id];
  }
  reckon();
  const first = Object.keys(conflicts)[0];
  if (first && !isTyping()) show(place.get(first));
  else if (now === REVIEW && byId("waiting").hidden) show(REVIEW);
  else if (now !== REVIEW && !isTyping()) show(now);
}

const isTyping = () => document.activeElement?.matches("[data-box]") && document.activeElement.value !== "";

function leaveFor(next) {
  try { sessionStorage.removeItem(HELD); } catch { /* nothing was held */ }
  navigator.serviceWorker?.controller?.postMessage({ drop: location.pathname });
  location.replace(next);
}

channel.onmessage = async ({ data }) => {
  if (data.from === tab) return;
  if (data.next) return leaveFor(data.next);
  if (data.revision) {
    state.revision = Math.max(state.revision, data.revision);
    return;
  }
  take(data.answer);
  if (now !== REVIEW && items[now].id === data.answer.item && !isTyping()) fill(items[now]);
  if (now === REVIEW) show(REVIEW);
  else mark(items[now]);
};

// ── without a network ─────────────────────────────────────────────────────────────────────────────────────

async function keepOffline() {
  if (!navigator.serviceWorker) return;
  navigator.serviceWorker.addEventListener("message", (event) => {
    if (event.data.kept) form.dataset.offline = "kept";
  });
  await navigator.serviceWorker.register("/sw.js", { scope: "/" });
  const { active } = await navigator.serviceWorker.ready;
  const parts = performance.getEntriesByType("resource").map((entry) => entry.name)
    .filter((name) => name.startsWith(`${location.origin}/static/`));
  active.postMessage({ keep: { page: location.pathname, parts: [...new Set(parts)] } });
}

// ── begin ─────────────────────────────────────────────────────────────────────────────────────────────────

const queue = isReadable ? Queue.open(state, told) : new Promise(() => {});

async function begin() {
  reckon();
  const start = firstOpen();
  const undecided = items.find((item) => conflicts[item.id]) ?? start;
  show(undecided ? place.get(undecided.id) : REVIEW); // from what the page brought; what waited here comes a moment later
  form.dataset.ready = "";
  const opened = await queue;
  const entries = await opened.replay(state.revision);
  const answered = entries.filter((entry) => entry.kind === "answer" && !touched.has(entry.item));
  for (const entry of answered) take(entry);
  if (answered.length && !touched.size) {
    const open = firstOpen();
    show(open ? place.get(open.id) : REVIEW);
  }
  wantsSending = entries.some((entry) => entry.kind === "send");
  form.dataset.replayed = "";
  await opened.flush();
  keepOffline().catch(() => {});
}

if (isReadable) {
  begin();
} else {
  for (const part of form.children) part.hidden = part.id !== "locked";
  form.dataset.ready = "";
}
