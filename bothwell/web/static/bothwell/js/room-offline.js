// The room without its server: forms are caught and kept, what waits is listed, what was refused is decided by a person.
// It touches no form that is open, moves no focus, and takes nothing away that is not on the chart.
import { clock, vanish } from "./bedside.js";
import { MAY_WAIT, RoomQueue, waitingInWords } from "./room-queue.js";

const PICTURE_EVERY_MS = 5000;
const HELD = ["infusion", "correct", "effect", "events"]; // forms on pages of their own: one of each kind is kept at hand
const NEEDS_SERVER = "This needs the server, and was not done. Do it when the line is back.";
const AT_HAND = { events: "?sheet" }; // where the page itself asks in two steps
const HEALTH_PATIENCE_MS = 2500;
const NO_PAUSE = "No alarm can be paused or turned off while the server is away, and nothing was changed: others could not see that it is quiet. Do it when the line is back.";
const NO_START = "No dose can be started while the server is away: its gates must be asked. Nothing was written.";

function element(name, properties = {}, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

/** A person's words for one post: the title of its form, and what was filled in. */
function said(form, data, submitter) {
  const title = form.closest("[data-title]")?.dataset.title ?? form.closest("dialog, li, .alarm, main")?.querySelector("h2, b, h1, :scope > span")?.firstChild?.textContent?.trim() ?? "";
  const parts = [];
  for (const [name, value] of data) {
    const field = form.elements[name];
    const shown = typeof value === "string" ? value.trim() : "";
    const several = field instanceof RadioNodeList ? [...field].find((each) => each.checked) : field;
    const control = submitter?.name === name ? submitter : several;
    if (!shown || !control || control.type === "hidden") continue;
    if (control.type === "submit" || control.localName === "button") parts.push(control.textContent.trim());
    else if (control.type === "radio" || control.localName === "select") parts.push(control.selectedOptions?.[0]?.textContent ?? control.closest("label")?.textContent.trim() ?? shown);
    else parts.push(`${form.querySelector(`label[for="${CSS.escape(control.id)}"]`)?.textContent.trim() ?? name} ${shown}`);
  }
  const { systolic, diastolic } = Object.fromEntries(data);
  const rest = systolic && diastolic ? [`${systolic}/${diastolic}`, ...parts.slice(2)] : parts;
  return [title, rest.join(", ")].filter(Boolean).join(": ").replace(/\s+/g, " ").slice(0, 1500);
}

/** Catches the forms of one room. `line` is the line of an open page ({isLive, refresh, heardAt}); none on a form's own page.
 *  `onAnswer` is told of a form that came back with what was refused in it. */
export async function keepGoing(session, { main, line = null, onAnswer = () => {} } = {}) {
  const zone = main.dataset.zone;
  const opening = RoomQueue.open(session, heard);
  let queue = null;
  const refusedIn = new WeakSet(); // forms that show what was refused in them
  const beingKept = new WeakSet(); // forms whose press is being kept: a second press of it is none
  let inFront = null; // {form, seq}: the post whose answer somebody waits for
  document.addEventListener("submit", (event) => { caught(event).catch(() => {}); });
  document.addEventListener("vanished", () => { inFront = null; sayWhatWaits(session); });
  main.addEventListener("click", followed);
  queue = await opening;
  if (!queue) return null;
  await show();
  queue.flush();
  hold();
  takePictures();
  return { flush, hold, changed };

  function flush() {
    main.querySelectorAll("[data-told]").forEach((each) => each.remove()); // the line is back: what it said is no more
    queue.flush();
  }

  // ── entering ──

  async function caught(event) {
    const form = event.target;
    const address = new URL(form.action, location.href);
    const [, of, kind] = address.pathname.match(MAY_WAIT) ?? [];
    if (event.defaultPrevented || form.dataset.asIs) return;
    if (form.method !== "post" || event.submitter?.name === "look") return;
    if (of !== session) { await asksServer(event, form); return; }
    event.preventDefault();
    const data = [...new FormData(form, event.submitter)].filter(([name]) => name !== "csrfmiddlewaretoken");
    if (beingKept.has(form)) return;
    if (line && !line.isLive() && !form.checkValidity()) { delete form.dataset.sent; form.reportValidity(); return; }
    beingKept.add(form);
    try { await keep(form, { path: address.pathname, kind, data, submitter: event.submitter }); } finally { beingKept.delete(form); }
  }

  async function keep(form, { path, kind, data, submitter }) {
    queue ??= await opening;
    if (!queue) { await answeredHere(form, submitter, data); return; }
    const entry = await queue.add({ path, fields: data, said: said(form, data, submitter) });
    if (line && !line.isLive()) { await waits(form, kind); queue.flush(); return; }
    inFront = { form, seq: entry.seq, submitter, data };
    const isDone = await queue.flush();
    if (inFront?.seq === entry.seq) { inFront = null; if (!isDone) await waits(form, kind); }
  }

  /** A form that cannot wait: it goes its own way while the server is there, else it is said that nothing was done. */
  async function asksServer(event, form) {
    if (line?.isLive()) return;
    event.preventDefault();
    if (!line && await isServerThere()) { await asIs(form, event.submitter); return; }
    tell(form, form.matches(".start") ? NO_START : why(new URL(form.action, location.href).pathname));
    delete form.dataset.sent;
  }

  /** The way of a browser without scripts: the server answers with a page. */
  async function asIs(form, submitter) {
    form.dataset.asIs = "1";
    delete form.dataset.sent;
    form.requestSubmit(form.contains(submitter) ? submitter : undefined);
  }

  /** A refusal of what was entered in a sheet, or in a row of the checklist, is shown where it was typed: the alarms stay in
   *  sight, and whoever entered it stays in the room. A form with a page of its own goes its own way. */
  async function answeredHere(form, submitter, data) {
    const place = form.closest("dialog:not([data-held]), details.answer");
    if (!line || !place) { await asIs(form, submitter); return; }
    const post = new FormData(); // as it was sent: meanwhile the sheet may have been closed and opened anew
    post.append("csrfmiddlewaretoken", form.elements.csrfmiddlewaretoken.value);
    for (const [name, value] of data) post.append(name, value);
    let fresh = null;
    try {
      const answer = await fetch(form.action, { method: "POST", body: post, redirect: "manual", cache: "no-store" });
      if (answer.type === "opaqueredirect") { location.assign(`/room/${session}`); return; } // taken after all, or signed out
      if (answer.status === 422) fresh = new DOMParser().parseFromString(await answer.text(), "text/html").querySelector("main");
    } catch { /* the line went just now: what the browser says of it is better than silence */ }
    const again = fresh?.querySelector("form.entry");
    if (!again) { await asIs(form, submitter); return; }
    again.querySelector(".actions").replaceWith(form.querySelector(".actions").cloneNode(true));
    ownNames(again, `again-${place.id || new URL(form.action).pathname.split("/").at(-1)}`);
    const trouble = [...fresh.querySelectorAll(".error-summary")].filter((each) => !again.contains(each));
    if (place.matches("dialog") && !place.open) place.showModal(); // nobody must think that it was taken
    const asked = [...form.childNodes];
    form.replaceChildren(...trouble, ...again.childNodes);
    delete form.dataset.sent;
    onAnswer(form);
    if (place.matches("dialog") && !refusedIn.has(form)) {
      // Closed, it is forgotten: what was refused must not be saved with the next entry.
      refusedIn.add(form);
      place.addEventListener("close", () => { refusedIn.delete(form); form.replaceChildren(...asked); form.reset(); }, { once: true });
    }
    const first = form.querySelector(".invalid :is(input, select, textarea):not([type=hidden]), :is(input, select, textarea):not([type=hidden])");
    form.querySelector(".error-summary, .errors")?.scrollIntoView({ block: "nearest" });
    first?.focus({ preventScroll: true });
  }

  /** It stays here: the sheet closes, its key can be used again, and what was entered is listed. */
  async function waits(form, kind) {
    delete form.dataset.sent;
    await show();
    if (!line) { location.assign(`/room/${session}`); return; }
    form.closest("dialog")?.close();
    form.closest("details")?.removeAttribute("open");
    if (kind === "acknowledge") form.querySelector("button").disabled = true;
    form.reset();
  }

  function followed(event) {
    const link = event.target.closest?.("a[href]");
    if (!link || !line || line.isLive() || link.dataset.sheet || event.defaultPrevented || link.hash) return;
    event.preventDefault();
    const [, , kind] = link.pathname.match(MAY_WAIT) ?? [];
    const sheet = ["enter", "medicine"].includes(kind) && document.getElementById(`sheet-${link.pathname.split("/").at(-1)}`);
    if (sheet) { sheet.showModal(); return; }
    const held = kind && main.querySelector(`dialog[data-held="${kind}"]`);
    if (!held) { tell(link, why(link.pathname)); return; }
    const form = held.querySelector("form");
    form.reset();
    form.setAttribute("action", link.pathname);
    const began = form.elements.began_at;
    if (began) began.value = dayAndTime(Date.now() + queue.behind, zone);
    held.dataset.title = [...link.childNodes].filter((each) => each.localName !== "small").map((each) => each.textContent).join("").trim();
    held.querySelector("h2").textContent = held.dataset.title;
    held.showModal();
  }

  function tell(beside, words) {
    main.querySelectorAll("[data-told]").forEach((each) => each.remove());
    const line = element("p", { className: "notice", role: "alert", textContent: words });
    line.dataset.told = "";
    (beside.closest("form, nav, section, .advice") ?? beside).after(line);
    line.scrollIntoView({ block: "nearest" }); // below the keys that stay in sight it would be said to nobody
  }

  // ── what the server says ──

  function heard(what, entries) {
    if (what === "sign-in") {
      const isWaitedFor = Boolean(inFront);
      vanish(); // what was entered stays on the tablet, sealed
      if (isWaitedFor) location.assign(`/room/${session}`); // the door shows the way to the login
      return;
    }
    const mine = inFront && entries.find((each) => each.seq === inFront.seq);
    if (mine) answered(mine);
    else changed();
    show();
  }

  function answered(entry) {
    const { form, submitter, data } = inFront;
    inFront = null;
    if (entry.state === "refused") {
      // Whoever entered it is here: the page says why, with everything typed, as without this.
      queue.drop(entry).then(() => answeredHere(form, submitter, data));
      return;
    }
    history.replaceState(null, "", entry.next || `/room/${session}`);
    location.reload();
  }

  /** Something of earlier is on the chart now. A page kept from before asks for itself anew, when nobody is in a form. */
  function changed() {
    if (!line) return;
    line.refresh();
  }

  // ── what waits, and what was refused ──

  async function show() {
    const entries = await queue.all();
    const waiting = entries.filter((each) => each.state === "waits" && each.seq !== inFront?.seq);
    const words = waiting.length ? `${waiting.length} ${waiting.length === 1 ? "entry waits" : "entries wait"} on this tablet.` : "";
    for (const place of document.querySelectorAll("[data-waiting]")) place.textContent = words || "The line to the server is broken.";
    const notice = document.getElementById("waiting");
    if (notice) notice.hidden = !words;
    list(waiting);
    conflicts(entries.filter((each) => each.state !== "waits"));
  }

  function timeOf(entry) { return clock(Date.parse(entry.made_at) + entry.behind_ms, zone); }

  function list(waiting) {
    const log = main.querySelector("[data-part=log]");
    if (!log) return;
    let place = main.querySelector("[data-queue]");
    if (!place) {
      place = element("ol", { className: "log waits" });
      place.dataset.queue = "";
      log.before(place);
    }
    place.replaceChildren(...[...waiting].reverse().map((entry) => element("li", {},
      element("time", { textContent: timeOf(entry) }), element("span", { className: "queued", textContent: entry.said }), element("small", { textContent: "waiting" }))));
  }

  /** One place for each; those that stand already are left as they are, with what is being typed in them. */
  function conflicts(entries) {
    const place = document.getElementById("conflicts");
    if (!place) return;
    for (const shown of [...place.children]) if (!entries.some((each) => String(each.seq) === shown.dataset.seq)) shown.remove();
    for (const entry of entries) if (!place.querySelector(`[data-seq="${entry.seq}"]`)) place.append(conflict(entry));
    place.hidden = !entries.length;
  }

  function conflict(entry) {
    const card = element("div", { className: "conflict" });
    card.dataset.seq = entry.seq;
    const trouble = element("p", { role: "alert" });
    if (entry.state === "alike") {
      const seen = element("button", { className: "btn small", type: "button", textContent: "Both are right" });
      seen.addEventListener("click", () => queue.drop(entry).then(show));
      card.append(element("p", { textContent: `${entry.said} at ${timeOf(entry)} is charted. ${entry.reason} Look whether it was one measurement; correct one if so.` }), element("div", { className: "acts" }, seen));
      return card;
    }
    const why = element("input", { type: "text", maxLength: 300, id: `why-${entry.seq}`, autocomplete: "off" });
    const decide = async (isLeftOut) => {
      trouble.textContent = await queue.decide(entry, { isLeftOut, why: why.value });
      if (!trouble.textContent) { await show(); changed(); }
    };
    const keep = element("button", { className: "btn small primary", type: "button", textContent: "Keep as a note" });
    const leave = element("button", { className: "btn small", type: "button", textContent: "Discard" });
    keep.addEventListener("click", () => decide(false));
    leave.addEventListener("click", () => decide(true));
    card.append(
      element("p", { textContent: `${entry.said} at ${timeOf(entry)} could not be charted: ${entry.reason}` }), trouble,
      element("div", { className: "acts" }, keep, element("div", { className: "field" }, element("label", { htmlFor: why.id, textContent: "Why it is discarded" }), why), leave),
    );
    return card;
  }

  // ── for when the line goes ──

  /** One form of each kind that has a page of its own, so that it can be filled in without the server. */
  async function hold() {
    if (!line?.isLive()) return;
    for (const kind of HELD) {
      const link = [...main.querySelectorAll("a[href]")].find((each) => each.pathname.match(MAY_WAIT)?.[2] === kind);
      const old = main.querySelector(`dialog[data-held="${kind}"]`);
      if (old?.open) continue;
      if (!link) { old?.remove(); continue; }
      try {
        const answer = await fetch(link.href + (AT_HAND[kind] ?? ""), { cache: "no-store", redirect: "error" });
        const form = answer.ok && new DOMParser().parseFromString(await answer.text(), "text/html").querySelector("main form[method=post]");
        if (!form || old?.open) continue;
        old?.remove();
        main.append(sheet(kind, form));
      } catch { return; }
    }
  }

  function sheet(kind, form) {
    ownNames(form, `held-${kind}`);
    form.querySelectorAll("a").forEach((each) => each.remove());
    if (form.matches("[data-at-hand]")) choosesTerm(form);
    const close = element("button", { className: "btn small", type: "button", textContent: "Close" });
    close.dataset.closes = "";
    const held = element("dialog", { className: "sheet" }, element("div", { className: "spread" }, element("h2", { className: "display" }), close), document.adoptNode(form));
    held.dataset.held = kind;
    held.setAttribute("aria-label", kind);
    return held;
  }

  /** A picture of the room as it is now, sealed, for a tablet that is opened again without a server. */
  function takePictures() {
    if (!line) return;
    let last = "";
    const take = () => {
      if (!line.isLive() || !main.isConnected) return;
      const now = pictureOf(main);
      if (now === last) return;
      last = now;
      queue.keepPicture({ at: line.heardAt(), html: now }).catch(() => {});
    };
    take();
    setTimeout(take, 1500); // with what came by the line since
    setInterval(take, PICTURE_EVERY_MS);
    document.addEventListener("visibilitychange", take);
  }
}

/** The fields of a form of another page, under names that no other on this page has. */
function ownNames(form, before) {
  for (const label of form.querySelectorAll("[for]")) label.htmlFor = `${before}-${label.htmlFor}`;
  for (const each of form.querySelectorAll("[id]")) each.id = `${before}-${each.id}`;
  for (const each of form.querySelectorAll("[aria-describedby]")) each.setAttribute("aria-describedby", `${before}-${each.getAttribute("aria-describedby")}`);
}

/** Why something cannot be done now. */
function why(path) { return /\/alarms(\/|$)/.test(path) ? NO_PAUSE : NEEDS_SERVER; }

async function isServerThere() {
  try {
    return (await fetch("/health", { cache: "no-store", credentials: "omit", signal: AbortSignal.timeout(HEALTH_PATIENCE_MS) })).ok;
  } catch {
    return false;
  }
}

/** On a page that was blanked: how many entries wait, and nothing of them. */
async function sayWhatWaits(session) {
  const words = await waitingInWords(session);
  if (words) document.querySelector("[data-vanished] h1")?.after(element("p", { className: "said", textContent: words }));
}

/** A moment as a field for a day and a time takes it, by the clinic's clock. */
function dayAndTime(at, zone) {
  const parts = new Intl.DateTimeFormat("sv-SE", { timeZone: zone, dateStyle: "short", timeStyle: "short" }).format(at);
  return parts.replace(" ", "T");
}

/** Of what is asked only for some terms, that of the chosen one. */
function choosesTerm(form) {
  const code = form.elements.code;
  const follow = () => {
    for (const part of form.querySelectorAll("[data-of]")) part.hidden = part.disabled = part.dataset.of !== code.value;
  };
  code.addEventListener("change", follow);
  form.addEventListener("reset", () => setTimeout(follow));
}

/** The page's own markup without what scripts add to it. */
function pictureOf(main) {
  const copy = main.cloneNode(true);
  copy.querySelectorAll("[data-queue], [data-told], .sheet > .alarms, input[name=csrfmiddlewaretoken]").forEach((each) => each.remove());
  copy.querySelectorAll("[data-chart], #conflicts").forEach((each) => each.replaceChildren());
  copy.querySelectorAll("dialog[open], details[open]").forEach((each) => each.removeAttribute("open"));
  copy.querySelectorAll("[data-sent]").forEach((each) => each.removeAttribute("data-sent"));
  return copy.outerHTML;
}
