// Looks after words typed into a form until they are sent: while somebody types, the login stays; if it is gone all the
// same, the words stay on the page and it says so; and it asks before a page with unsent words is left.
// It keeps nothing outside the page. A form that keeps drafts, or a queue of its own, looks after itself.
import { ask, lookAgain, maySend, say } from "./signed-in.js";

const OWN_WAY = "[data-draft], [data-checkin], [data-paper], [data-one-by-one], [hx-post], [data-at-hand], .entry";
const hasQueue = location.pathname.startsWith("/room/"); // room-offline.js
const holdsWords = (form) => "unsaved" in form.dataset || form.querySelector("textarea") !== null;
const isMine = (form) => form instanceof HTMLFormElement && form.method === "post" && !hasQueue && !form.matches(OWN_WAY) && holdsWords(form);
const all = () => [...document.forms].filter(isMine);

const TWICE_WITHIN_MS = 1_000; // a second press of the same button

let asks = false;
let notBefore = 0; // of this page's clock
const sending = new Set();
const passing = new Set();

// A form that came back with its words typed has not been kept yet.
for (const form of all()) if (form.querySelector(".errors, .error-summary")) form.dataset.unsaved = "typed";

document.addEventListener("input", ({ target, isTrusted }) => {
  const form = target.form;
  if (!isMine(form)) return;
  form.dataset.unsaved = "typed";
  if (isTrusted) beThere(form);
});

/** Typing is being there: told to the server now and then, and only by a hand at the keys. */
async function beThere(form) {
  if (asks || performance.now() < notBefore) return;
  asks = true;
  const answer = await ask();
  asks = false;
  if (answer.state === "here") {
    notBefore = performance.now() + answer.againMs;
    if (form.querySelector("[data-signed-in]")) await lookAgain(form);
    return;
  }
  notBefore = performance.now() + 10_000;
  if (answer.state !== "away") say(form, answer.state);
}

// On the window, after every other hand: whoever sends a form their own way has said so by then.
addEventListener("submit", async (event) => {
  const form = event.target;
  if (event.defaultPrevented || !isMine(form)) return;
  if (passing.delete(form)) {
    form.dataset.unsaved = "sent";
    return;
  }
  event.preventDefault();
  if (sending.has(form)) return; // pressed twice
  sending.add(form);
  const { submitter } = event;
  const may = await maySend(form);
  if (may) {
    passing.add(form);
    form.requestSubmit(submitter);
    passing.delete(form); // should the browser itself have found something missing
  }
  setTimeout(() => sending.delete(form), may ? TWICE_WITHIN_MS : 0);
});

for (const event of ["visibilitychange", "focus"]) {
  (event === "focus" ? window : document).addEventListener(event, () => {
    if (document.visibilityState === "visible") all().forEach(lookAgain);
  });
}

addEventListener("beforeunload", (event) => {
  if (document.documentElement.hidden) return; // somebody leaves at once: nothing may hold them
  if (all().some((form) => form.dataset.unsaved === "typed")) event.preventDefault();
});

// Back from the next page, or a request that failed: what was sent may not have been kept.
addEventListener("pageshow", (event) => {
  if (!event.persisted) return;
  for (const form of all()) if (form.dataset.unsaved === "sent") form.dataset.unsaved = "typed";
});
