// The score under a pointer, a finger and the keys: a small card says what stands at a mark, arrows walk from mark to
// mark, and a part of the story comes without leaving the page. All it knows stands in the picture; without it the
// links, the words at each mark and the table say the same.
const KEYS = "Arrow keys walk from mark to mark, Home and End to the first and the last. Plus and minus change how much time is shown, Page Up and Page Down go earlier and later.";
const ORDER = ["all", "year", "quarter", "month"];
const GAP = 10;

let heldAt = null; // the words of the mark that had the focus when the page brought itself up to date
let isTableOpen = false;

prepareAll();
document.addEventListener("htmx:beforeSwap", () => {
  heldAt = document.activeElement?.closest(".hit")?.words ?? null;
  isTableOpen = Boolean(document.querySelector(".score-table[open]"));
});
document.addEventListener("htmx:load", () => {
  prepareAll();
  if (isTableOpen) for (const table of document.querySelectorAll(".score-table")) table.open = true;
  if (heldAt === null || document.activeElement !== document.body) return;
  const mark = marksInSight().find((hit) => hit.words === heldAt);
  heldAt = null;
  mark?.focus({ preventScroll: true }); // gone, if what stood there is no longer to be seen
});

function prepareAll() {
  for (const figure of document.querySelectorAll("[data-score]")) prepare(figure);
}

function marksInSight() {
  return [...document.querySelectorAll("[data-score] .hit")].filter((hit) => hit.getClientRects().length);
}

function prepare(figure) {
  const hits = [...figure.querySelectorAll(".hit")];
  if (!hits.length || figure.dataset.ready) return;
  figure.dataset.ready = "yes";
  for (const hit of hits) {
    const title = hit.querySelector("title");
    hit.setAttribute("aria-label", title.textContent.replaceAll("\n", ". "));
    hit.setAttribute("tabindex", "-1");
    hit.words = title.textContent;
    title.remove(); // the browser's own small print would lie over the card
  }
  const nearToday = hits[hits.length - 1];
  nearToday.setAttribute("tabindex", "0");

  const card = document.createElement("div");
  card.className = "score-card";
  card.hidden = true;
  figure.append(card);
  const hint = document.createElement("p");
  hint.className = "score-keys visually-hidden";
  hint.id = `${figure.querySelector("svg title").id}-keys`;
  hint.textContent = KEYS;
  figure.append(hint);
  figure.querySelector("svg").setAttribute("aria-describedby", hint.id);

  let shown = null;
  let isPinned = false;

  function show(hit) {
    if (shown === hit) return;
    shown?.classList.remove("is-open");
    shown = hit;
    hit.classList.add("is-open");
    card.className = `score-card ${["a", "b"].find((side) => hit.classList.contains(side)) || "us"}`;
    card.replaceChildren(...hit.words.split("\n").slice(0, 7).map(line), ...more(hit), ...way(hit));
    card.hidden = false;
    place(hit);
  }

  function hide() {
    shown?.classList.remove("is-open");
    shown = null;
    isPinned = false;
    card.hidden = true;
  }

  function place(hit) {
    const at = hit.getBoundingClientRect();
    const within = figure.getBoundingClientRect();
    const top = at.top - within.top - card.offsetHeight - GAP;
    const middle = at.left - within.left + at.width / 2 - card.offsetWidth / 2;
    const isRoomAbove = at.top - card.offsetHeight - GAP > 0 && top > -60;
    card.style.left = `${Math.max(4, Math.min(middle, within.width - card.offsetWidth - 4))}px`;
    card.style.top = `${isRoomAbove ? top : at.bottom - within.top + GAP}px`;
  }

  function move(from, to) {
    const next = hits[Math.max(0, Math.min(to, hits.length - 1))];
    hits[from].setAttribute("tabindex", "-1");
    next.setAttribute("tabindex", "0");
    next.focus();
    next.scrollIntoView({ block: "nearest", inline: "nearest" });
  }

  const hitOf = (event) => (event.target instanceof Element ? event.target.closest(".hit") : null);

  figure.addEventListener("pointerover", (event) => {
    if (event.pointerType !== "mouse" || isPinned) return;
    const hit = hitOf(event);
    if (hit) show(hit);
    else if (!card.contains(event.target)) hide();
  });
  figure.addEventListener("pointerleave", () => {
    if (!isPinned && !figure.contains(document.activeElement)) hide();
  });
  figure.addEventListener("click", (event) => {
    const hit = hitOf(event);
    if (hit) {
      show(hit);
      isPinned = true;
    } else if (!card.contains(event.target)) hide();
  });
  figure.addEventListener("focusin", (event) => {
    const hit = hitOf(event);
    if (hit) show(hit);
  });
  figure.addEventListener("focusout", (event) => {
    if (!figure.contains(event.relatedTarget)) hide();
  });
  figure.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    const at = hits.indexOf(hitOf(event));
    if (event.key === "Escape" && shown) {
      hide(); // and on to quick exit: Escape twice leaves, whatever was open
      return;
    }
    if (at < 0) return;
    const isUpright = figure.classList.contains("upright"); // there the newest stands on top
    const steps = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: isUpright ? -1 : 1, ArrowUp: isUpright ? 1 : -1 };
    if (event.key in steps) move(at, at + steps[event.key]);
    else if (event.key === "Home") move(at, 0);
    else if (event.key === "End") move(at, hits.length - 1);
    else if (event.key === "Enter" || event.key === " ") {
      isPinned = true;
      card.querySelector("a")?.focus();
    } else if (!zoomed(event.key, figure)) return;
    event.preventDefault();
  });
}

function line(words) {
  const row = document.createElement("p");
  const head = document.createElement("b");
  const cut = words.indexOf(": ");
  head.textContent = words.slice(0, cut);
  row.append(head, words.slice(cut + 2));
  return row;
}

function more(hit) {
  if (hit.words.split("\n").length <= 7) return [];
  const row = document.createElement("p");
  row.textContent = "And more: look closer, or open the table.";
  return [row];
}

function way(hit) {
  if (!hit.dataset.href) return [];
  const link = document.createElement("a");
  link.href = hit.dataset.href;
  link.textContent = "Open it";
  return [link];
}

// ── how much time: the keys follow the links beside the picture ──
function zoomed(key, figure) {
  const view = figure.closest("[data-score-view]");
  if (!view) return false;
  const chosen = ORDER.indexOf(view.querySelector("[data-zoom][aria-current]")?.dataset.zoom);
  const wanted = {
    "+": `[data-zoom="${ORDER[chosen + 1]}"]`, "=": `[data-zoom="${ORDER[chosen + 1]}"]`,
    "-": `[data-zoom="${ORDER[chosen - 1]}"]`, "0": '[data-zoom="all"]',
    PageUp: '[data-step="earlier"]', PageDown: '[data-step="later"]',
  }[key];
  if (!wanted) return false;
  const link = view.querySelector(wanted);
  if (link) bring(link, true);
  return true;
}

document.addEventListener("click", (event) => {
  const link = event.target instanceof Element ? event.target.closest("[data-score-view] :is([data-zoom], [data-step])") : null;
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
  event.preventDefault();
  bring(link, false);
});

document.addEventListener("change", (event) => {
  const form = event.target instanceof HTMLSelectElement ? event.target.closest("[data-score-view] .pickers") : null;
  if (!form) return;
  bring({ href: `${location.pathname}?${new URLSearchParams(new FormData(form))}`, id: event.target.id }, false);
});

async function bring({ href, id }, toPicture) {
  // Said first: a page that brings itself up to date meanwhile must not put back the part that was left.
  const living = document.querySelector("#living[data-fragment]");
  if (living) living.dataset.fragment = fragment(href);
  // From an element of its own: behind a page that is just bringing itself up to date it would wait, and come to nothing.
  const place = "#score-view";
  await window.htmx.ajax("GET", href, { source: place, target: place, select: place, swap: "outerHTML" });
  history.replaceState(history.state, "", href);
  prepareAll();
  const view = document.getElementById("score-view");
  const mark = marksInSight().find((hit) => hit.getAttribute("tabindex") === "0");
  if (toPicture && mark) mark.focus();
  else (document.getElementById(id) || view.querySelector("[data-zoom][aria-current]"))?.focus();
}

function fragment(href) {
  const where = new URL(href, location.href);
  where.searchParams.set("living", "1");
  return where.pathname + where.search;
}
