// A page that stays open follows what happens to it: on `changed` it asks for its own fragment again, on `gone` for the
// whole page. It holds nothing of what it shows, never replaces what somebody types, has typed or is pressing, and leaves
// open what they opened; it looks once more when the answer is there, for a hand is faster than a network. That it looks
// again is no sign that somebody is there: the login locks all the same.
for (const place of document.querySelectorAll("[data-live]")) follow(place);

function follow(place) {
  const stream = new EventSource(place.dataset.live);
  let waits = false;
  let wereOpen = new Set();

  const isTyping = () => place.contains(document.activeElement) && document.activeElement.matches("input, textarea, select");
  const isInHand = () => isTyping() || hasTyped(place) || place.querySelector(":active") !== null;

  async function refresh() {
    waits = isInHand();
    if (waits) return;
    const headers = { "X-By-Itself": "1" };
    await window.htmx.ajax("GET", place.dataset.fragment, { target: place, swap: "innerHTML", headers });
  }

  function goOn() {
    if (waits) setTimeout(refresh, 0);
  }

  place.addEventListener("htmx:beforeSwap", (event) => {
    if (event.detail.target !== place) return;
    waits = isInHand();
    if (waits) event.detail.shouldSwap = false;
    wereOpen = openOnes(place);
  });
  place.addEventListener("htmx:afterSwap", (event) => {
    if (event.detail.target !== place) return;
    for (const each of place.querySelectorAll("details")) each.open ||= wereOpen.has(nameOf(each));
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
    if (field.type === "hidden") return false;
    if (field.type === "checkbox" || field.type === "radio") return field.checked !== field.defaultChecked;
    if (field.localName !== "select") return field.value !== field.defaultValue;
    const came = [...field.options].findIndex((option) => option.defaultSelected);
    return field.selectedIndex !== Math.max(came, 0);
  });
}

const nameOf = (details) => details.querySelector("summary")?.textContent.trim();
const openOnes = (place) => new Set([...place.querySelectorAll("details[open]:not(.badge)")].map(nameOf));
