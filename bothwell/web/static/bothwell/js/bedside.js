// What the room and the board have in common: the line to the server, the parts that change, the clock, the rings.
// It clears no alarm by itself: what stands on the page stands until the server says otherwise.

const QUIET_MS = 40_000; // the stream says something at least every 15 s; twice that, and a bit, is a broken line

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

function isInUse(part) {
  return part.contains(document.activeElement) || part.querySelector("details.answer[open], dialog[open]");
}

/** Puts the fetched parts in the place of the old ones, each only when it has changed and nobody is in it. */
export function place(fetched) {
  const changed = [];
  for (const fresh of fetched.querySelectorAll("[data-part]")) {
    const old = document.querySelector(`main [data-part="${fresh.dataset.part}"]`);
    if (!old || comparable(old) === comparable(fresh) || isInUse(old)) continue;
    old.replaceChildren(...fresh.childNodes);
    changed.push(fresh.dataset.part);
  }
  return changed;
}

/** Markup without what differs each time it is made. */
function comparable(part) {
  const copy = part.cloneNode(true);
  for (const input of copy.querySelectorAll("input[type=hidden]")) input.removeAttribute("value");
  return copy.innerHTML.replace(/\s+/g, " ");
}

/** Follows a stream and fetches the parts again when told to. Returns {refresh, isLive}. */
export function follow(main, { onReadings = () => {}, onParts = () => {} } = {}) {
  const { stream, live, zone } = main.dataset;
  const banner = document.getElementById("not-live");
  let heard = Date.now();
  let isLive = true;
  let isAsking = false;
  let askAgain = false;
  let source;

  function setLive(now) {
    if (now === isLive) return;
    isLive = now;
    banner.hidden = now;
    main.querySelector("[data-state]")?.setAttribute("data-state", now ? "online" : "offline");
    if (!now) banner.querySelector("[data-since]").textContent = clock(heard, zone);
  }

  async function refresh() {
    if (isAsking) {
      askAgain = true;
      return;
    }
    isAsking = true;
    try {
      const answer = await fetch(live, { headers: { Accept: "text/html" }, cache: "no-store", redirect: "manual" });
      if (!answer.ok) throw new Error("no answer");
      const fetched = new DOMParser().parseFromString(await answer.text(), "text/html");
      onParts(place(fetched), fetched);
    } catch {
      setLive(false);
    }
    isAsking = false;
    if (askAgain) {
      askAgain = false;
      refresh();
    }
  }

  function hear() {
    heard = Date.now();
    setLive(true);
  }

  function open() {
    source?.close();
    source = new EventSource(stream);
    source.addEventListener("open", hear);
    source.addEventListener("changed", () => { hear(); refresh(); });
    source.addEventListener("readings", (event) => { hear(); onReadings(JSON.parse(event.data)); });
    source.addEventListener("gone", () => { source.close(); setLive(false); });
    source.addEventListener("error", () => {
      setLive(false);
      // A browser gives up for good when it is refused; the line may come back all the same.
      if (source.readyState === EventSource.CLOSED) setTimeout(open, 5000);
    });
  }

  open();
  document.addEventListener("visibilitychange", () => { if (!document.hidden) refresh(); });
  window.addEventListener("offline", () => setLive(false));
  window.addEventListener("online", open);
  return { refresh, isQuiet: () => Date.now() - heard > QUIET_MS, isLive: () => isLive };
}

/** Clock and countdowns, once a second. */
export function tick(main, each = () => {}) {
  const zone = main.dataset.zone;
  function beat() {
    const now = Date.now();
    for (const shown of main.querySelectorAll("[data-clock]")) shown.textContent = clock(now, zone);
    each(now);
  }
  beat();
  setInterval(beat, 1000);
}
