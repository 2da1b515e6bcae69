// Keeps on the server what is being written, as a draft that only its writer sees: every second or so, and when the page
// goes. Nothing is kept in the browser. Another window's words are never written over: both are kept, the person chooses.
const NAMES = ["text", "feeling", "to_say", "to_ask", "tags"];
const PAUSE_MS = 800;
const LONGEST_WAIT_MS = 4_000;
const AGAIN_MS = 5_000;

const same = (one, other) => other !== null && NAMES.every((name) => one[name] === other[name]);

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
  const words = () => Object.fromEntries(NAMES.map((name) => [name, field(name).value]));

  let draft = form.dataset.draft;
  let kept = "unkept" in form.dataset ? null : words();
  let unsure = null; // sent, and never answered: asked again as it was, so that an answer that got lost changes nothing
  let asking = null;
  let theirs = null;
  let since = 0;
  let timer = 0;
  let isOver = false;

  const revision = () => Number(field("revision").value) || 0;
  const say = (line) => (said.textContent = line);

  function stand(id, number) {
    draft = id;
    field("revision").value = number;
    for (const name of ["draft_id", "request_id"]) if (field(name)) field(name).value = id;
  }

  function body(held, number) {
    const data = new FormData();
    for (const name of NAMES) data.set(name, held[name]);
    for (const name of ["kind", "insight_id", "beside_id"]) if (field(name)) data.set(name, field(name).value);
    data.set("revision", number);
    return data;
  }

  const ask = (held, number, keepalive) =>
    fetch(`/insights/drafts/${draft}/keep`, {
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
      heard(await answer.json());
      return true;
    }
    if (answer.status === 422) say((await answer.json()).reason);
    else say("You were signed out. Sign in in another tab, then come back to this one: what you typed is still here.");
    return false;
  }

  function heard(answer) {
    if (answer.other) {
      theirs = answer.other;
      two.querySelector("[data-draft-theirs]").textContent = theirs.text || theirs.to_say || theirs.to_ask || theirs.feeling;
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

  // A tab that signed in anew made the page's token stale: the fresh one is on any page of ours.
  async function renewToken() {
    try {
      const page = new DOMParser().parseFromString(await (await fetch("/insights/new", { credentials: "same-origin" })).text(), "text/html");
      const token = page.querySelector("form[data-draft] [name=csrfmiddlewaretoken]")?.value;
      if (token) field("csrfmiddlewaretoken").value = token;
    } catch { /* it is tried again when somebody types */ }
  }

  form.addEventListener("input", () => later(PAUSE_MS));
  addEventListener("online", flush);
  document.addEventListener("visibilitychange", async () => {
    if (document.visibilityState === "visible" && !same(words(), kept)) await renewToken();
    flush();
  });
  addEventListener("pagehide", () => {
    if (isOver || same(words(), kept)) return;
    ask(words(), revision() + (asking ? 1 : 0), true).catch(() => {});
  });

  two.querySelector("[data-draft-mine]").addEventListener("click", () => {
    stand(theirs.draft, theirs.revision);
    kept = null;
    two.hidden = true;
    field("text").focus();
    flush();
  });
  two.querySelector("[data-draft-take]").addEventListener("click", () => {
    for (const name of NAMES) field(name).value = theirs[name];
    stand(theirs.draft, theirs.revision);
    field("beside_id").value = newId();
    kept = words();
    two.hidden = true;
    for (const more of form.querySelectorAll("details.more")) more.open ||= [...more.querySelectorAll("input, textarea")].some((one) => one.value);
    field("text").focus();
  });

  form.addEventListener("submit", (event) => {
    if (event.submitter?.name === "another") return; // shown below, without the server
    if (asking) {
      event.preventDefault();
      const { submitter } = event;
      asking.finally(() => form.requestSubmit(submitter));
      return;
    }
    isOver = true;
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
