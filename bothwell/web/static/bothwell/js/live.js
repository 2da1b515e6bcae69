// A page that stays open follows what happens to it: on `changed` it asks for its own fragment again, on `gone` for the
// whole page. It holds nothing of what it shows, never replaces what somebody types, has typed or is pressing, and leaves
// open what they opened; it looks once more when the answer is there, for a hand is faster than a network. That it looks
// again is no sign that somebody is there: the login locks all the same. Where it is refused, what it showed goes; it does
// not load itself anew, for a page whose fragment alone is refused would do so without end.
for (const place of document.querySelectorAll("[data-live]")) follow(place);

function follow(place) {
  const stream = new EventSource(place.dataset.live);
  let waits = false;
  let asked = "";
  let wereOpen = new Set();
  let ticks = new Map();

  const fields = `input${keepsTicks(place) ? ":not([type=checkbox])" : ""}, textarea, select`;
  const isTyping = () => place.contains(document.activeElement) && document.activeElement.matches(fields);
  const isInHand = () => isTyping() || hasTyped(place) || place.querySelector(":active") !== null;

  async function refresh() {
    waits = isInHand();
    if (waits) return;
    const headers = { "X-By-Itself": "1" };
    asked = place.dataset.fragment;
    await window.htmx.ajax("GET", asked, { target: place, swap: "innerHTML", headers });
  }

  function goOn() {
    if (waits) setTimeout(refresh, 0);
  }

  place.addEventListener("htmx:beforeSwap", (event) => {
    if (event.detail.target !== place) return;
    if ([403, 404].includes(event.detail.xhr.status)) {
      event.detail.isError = false; // it is told where it stood
      stream.close();
      clear(place);
      return;
    }
    waits = isInHand();
    const isOfBefore = asked !== place.dataset.fragment; // somebody has gone on to another part of it meanwhile
    if (waits || isOfBefore) event.detail.shouldSwap = false;
    if (isOfBefore) setTimeout(refresh, 0);
    wereOpen = openOnes(place);
    ticks = new Map(keepsTicks(place) ? ticksOf(place).map((box) => [tickOf(box), box.checked]) : []);
  });
  place.addEventListener("htmx:afterSwap", (event) => {
    if (event.detail.target !== place) return;
    for (const each of place.querySelectorAll("details")) each.open ||= wereOpen.has(nameOf(each));
    for (const each of ticksOf(place)) each.checked = ticks.get(tickOf(each)) ?? each.checked;
  });
  stream.addEventListener("changed", refresh);
  stream.addEventListener("gone", () => {
    stream.close();
    location.reload();
  });
  place.addEventListener("focusout", goOn);
  for (const end of ["pointerup", "pointercancel", "keyup"]) window.addEventListener(end, goOn);
  window.addEventListener("pagehide", () => stream.close());
}

/** Whether something stands in a field that did not come with the page, or came back in a form that was refused. */
function hasTyped(place) {
  if (place.querySelector("form[method=post] :is(.errors, .error-summary)")) return true;
  return [...place.querySelectorAll("form[method=post] :is(input, textarea, select)")].some((field) => {
    if (field.type === "hidden" || (field.type === "checkbox" && keepsTicks(place))) return false;
    if (field.type === "checkbox" || field.type === "radio") return field.checked !== field.defaultChecked;
    if (field.localName !== "select") return field.value !== field.defaultValue;
    const came = [...field.options].findIndex((option) => option.defaultSelected);
    return field.selectedIndex !== Math.max(came, 0);
  });
}

/** Take away what may not be seen any more, and leave whoever was writing the forms with their words. */
function clear(place) {
  const main = place.closest("main") ?? place;
  const isDraft = (form) => "draft" in form.dataset && [...form.querySelectorAll("textarea")].some((field) => field.value);
  const begun = [...main.querySelectorAll("form[method=post]")].filter((form) => hasTyped(form) || isDraft(form));
  const told = document.createElement("p");
  told.setAttribute("role", "status");
  told.textContent = "This is not open to you any more.";
  if (begun.length) told.append(" What you had begun to write is still here, to be copied.");
  place.replaceChildren();
  main.replaceChildren(told, ...begun);
}

// A list of which some are ticked follows all the same: each tick goes with its item, and with an item that went.
function keepsTicks(place) {
  return "keepsTicks" in place.dataset;
}
const ticksOf = (place) => [...place.querySelectorAll("input[type=checkbox]")];
const tickOf = (box) => `${box.name}=${box.value}`;

const nameOf = (details) => details.querySelector("summary")?.textContent.trim();
const openOnes = (place) => new Set([...place.querySelectorAll("details[open]:not(.badge)")].map(nameOf));
