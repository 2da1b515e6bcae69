// A page that stays open follows what happens to it: on `changed` it asks for its own fragment again, on `gone` for the
// whole page. It holds nothing of what it shows, never replaces what somebody types or has typed, and leaves open what
// they opened. That it looks again is no sign that somebody is there: the login locks all the same.
for (const place of document.querySelectorAll("[data-live]")) follow(place);

function follow(place) {
  const stream = new EventSource(place.dataset.live);
  let waits = false;

  const isTyping = () => place.contains(document.activeElement) && document.activeElement.matches("input, textarea, select");

  async function refresh() {
    waits = isTyping() || hasTyped(place);
    if (waits) return;
    const wereOpen = openOnes(place);
    const headers = { "X-By-Itself": "1" };
    await window.htmx.ajax("GET", place.dataset.fragment, { target: place, swap: "innerHTML", headers });
    for (const each of place.querySelectorAll("details")) each.open ||= wereOpen.has(nameOf(each));
  }

  stream.addEventListener("changed", refresh);
  stream.addEventListener("gone", () => {
    stream.close();
    location.reload();
  });
  place.addEventListener("focusout", () => {
    if (waits) setTimeout(refresh, 0);
  });
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
