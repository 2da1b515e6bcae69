// Keeps on the server what is being written, as a draft that only its writer sees: every second or so, and when the page
// goes. Nothing is kept in the browser. Another window's words are never written over: both stay, until the person puts
// one of them away.
import { ask as askWho, carry, lookAgain, maySend, say as sayWho } from "./signed-in.js";

const PAUSE_MS = 800;
const LONGEST_WAIT_MS = 4_000;
const AGAIN_MS = 5_000;

const same = (one, other) => JSON.stringify(one) === JSON.stringify(other);
const isChoice = (field) => field.type === "checkbox" || field.type === "radio";

function newId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}

function watch(form) {
  const said = form.querySelector("[data-draft-said]");
  const two = form.querySelector("[data-draft-two]");
  const field = (name) => form.elements.namedItem(name);
  const asked = () => [...form.elements].filter((one) => one.name && one.matches("input:not([type=hidden]), textarea, select"));

  /** What stands in each field, by its name. */
  function words() {
    const held = {};
    for (const one of asked()) {
      held[one.name] ??= [];
      if (!isChoice(one) || one.checked) held[one.name].push(one.value);
    }
    return held;
  }

  let draft = form.dataset.draft;
  let kept = "unkept" in form.dataset ? null : words();
  let unsure = null; // sent, and never answered: asked again as it was, so that an answer that got lost changes nothing
  let asking = null;
  let theirs = null;
  let mine = null;
  let since = 0;
  let timer = 0;
  let isOver = false;
  let isAsked = false;
  let passes = false;

  const revision = () => Number(field("revision").value) || 0;
  const say = (line) => (said.textContent = line);

  function stand(id, number) {
    draft = id;
    field("revision").value = number;
    for (const name of ["draft_id", "request_id"]) if (field(name)) field(name).value = id;
  }

  function body(held, number) {
    const data = new FormData();
    for (const one of form.querySelectorAll("input[type=hidden]")) if (one.name !== "csrfmiddlewaretoken") data.set(one.name, one.value);
    for (const [name, texts] of Object.entries(held)) for (const text of texts) data.append(name, text);
    data.set("revision", number);
    return data;
  }

  const ask = (held, number, keepalive) =>
    fetch(`${form.dataset.draftAt}/${draft}/keep`, {
      method: "POST",
      body: body(held, number),
      headers: { "X-CSRFToken": field("csrfmiddlewaretoken").value, "HX-Request": "true" },
      credentials: "same-origin",
      redirect: "manual",
      keepalive,
    });

  function flush() {
    clearTimeout(timer);
    if (isOver) return Promise.resolve();
    if (asking) return asking.then(flush);
    const held = unsure ?? words();
    if (unsure === null && same(held, kept)) return Promise.resolve();
    since = 0;
    asking = send(held).finally(() => (asking = null));
    return asking.then((isDone) => (isDone && !same(words(), kept) ? later(PAUSE_MS) : undefined));
  }

  async function send(held) {
    let answer;
    try {
      answer = await ask(held, revision(), false);
    } catch {
      unsure = held;
      say("No connection just now: the last words are only on this page. It tries again by itself.");
      later(AGAIN_MS);
      return false;
    }
    unsure = null;
    if (answer.status === 200 || answer.status === 409) {
      kept = held;
      sayWho(form, "");
      heard(await answer.json());
      return true;
    }
    if (answer.status === 422) say((await answer.json()).reason);
    else if (answer.status >= 500) {
      say("That could not be kept just now: the last words are only on this page. It tries again by itself.");
      later(AGAIN_MS);
    } else await signedOut();
    return false;
  }

  /** A refusal of who asks. Somebody who signed in anew since is there, with another token: then it is sent again. */
  async function signedOut() {
    const who = await askWho();
    if (who.state === "here" && field("csrfmiddlewaretoken").value !== who.token) {
      carry(form, who.token);
      later(0);
      return;
    }
    if (who.state === "here") say("This can no longer be kept here. Your words are only on this page: copy what you want to keep.");
    else sayWho(form, who.state);
  }

  function heard(answer) {
    if (answer.other) {
      theirs = answer.other;
      mine = answer;
      two.querySelector("[data-draft-theirs]").textContent = theirs.shown || "…";
      two.hidden = false;
      say("Both are kept.");
      return;
    }
    if (!answer.draft) return;
    if (answer.draft !== draft) field("beside_id").value = newId(); // saved meanwhile in another window: these go on by themselves
    stand(answer.draft, answer.revision);
    say(`Kept as a draft, ${answer.at}. Only you see it.`);
    if (answer.address && location.pathname !== answer.address && !field("insight_id")) history.replaceState(null, "", answer.address);
  }

  function later(pause) {
    clearTimeout(timer);
    since ||= Date.now();
    timer = setTimeout(flush, Date.now() - since > LONGEST_WAIT_MS ? 0 : pause);
  }

  const isKept = () => same(words(), kept);

  form.addEventListener("input", () => later(PAUSE_MS));
  addEventListener("online", flush);
  document.addEventListener("visibilitychange", async () => {
    if (document.visibilityState === "visible") await lookAgain(form);
    flush();
  });
  addEventListener("focus", () => lookAgain(form));
  addEventListener("pageshow", (event) => {
    if (event.persisted) isOver = false;
  });
  addEventListener("pagehide", () => {
    if (isOver || isKept()) return;
    ask(words(), revision() + (asking ? 1 : 0), true).catch(() => {});
  });
  // Only where the words could not be kept: else they are there again, whatever becomes of the page.
  addEventListener("beforeunload", (event) => {
    const isStuck = unsure !== null || form.querySelector("[data-signed-in]") !== null;
    if (!document.documentElement.hidden && !isOver && isStuck && !isKept()) event.preventDefault();
  });

  // Each window goes on with one of the two; the other's words stay where they were kept.
  const chosen = (line) => {
    field("beside_id").value = newId();
    two.hidden = true;
    say(line);
    asked()[0].focus();
  };
  two.querySelector("[data-draft-mine]").addEventListener("click", () => {
    stand(mine.draft, mine.revision);
    chosen("Yours go on as a draft of their own; the others stay kept.");
    flush();
  });
  two.querySelector("[data-draft-take]").addEventListener("click", async () => {
    await flush(); // what was typed since the two met is kept beside, too
    if (!isKept()) return; // it is not, and it says why
    fill(theirs.fields);
    stand(theirs.draft, theirs.revision);
    kept = words();
    for (const more of form.querySelectorAll("details.more")) more.open ||= [...more.querySelectorAll("input, textarea")].some((one) => one.value);
    chosen("You go on with those; what you typed here stays kept.");
  });

  function fill(fields) {
    for (const one of asked()) {
      const texts = fields[one.name] ?? [];
      if (isChoice(one)) one.checked = texts.includes(one.value);
      else one.value = texts[0] ?? "";
    }
  }

  form.addEventListener("submit", async (event) => {
    const { submitter } = event;
    if (submitter?.name === "another" || event.defaultPrevented) return; // shown below, without the server
    if (passes) {
      isOver = true;
      return;
    }
    event.preventDefault();
    if (isOver || isAsked) return; // pressed twice
    isAsked = true;
    clearTimeout(timer);
    await asking;
    const may = await maySend(form);
    isAsked = false;
    if (!may) return;
    passes = true;
    form.requestSubmit(submitter);
    passes = false;
  });
}

// One question at a time, another, or none: without asking the server, so that nothing typed moves.
function ask(place) {
  const all = [...place.querySelectorAll("[data-code]")].map((one) => one.textContent);
  const next = place.querySelector("[data-prompt-next]");
  const none = place.querySelector("[data-prompt-none]");
  let at = 0;
  next.addEventListener("click", (event) => {
    event.preventDefault();
    const line = place.querySelector("[data-prompt]");
    if (!line) return location.assign(`${location.pathname}?prompt=${next.value}`);
    if (!line.hidden) at = (Math.max(all.indexOf(line.textContent), 0) + 1) % all.length;
    line.textContent = all[at];
    line.hidden = false;
    none.hidden = false;
    next.textContent = "Another question";
  });
  none?.addEventListener("click", (event) => {
    event.preventDefault();
    place.querySelector("[data-prompt]").hidden = true;
    none.hidden = true;
    next.textContent = "A question to begin with";
    next.focus();
  });
}

for (const form of document.querySelectorAll("form[data-draft]")) watch(form);
for (const place of document.querySelectorAll("[data-prompts]")) ask(place);
