// A page that stays open follows what happens to it: on `changed` it asks for its own fragment again, on `gone` for the
// whole page. It holds nothing of what it shows, and never replaces what is being typed in.
for (const place of document.querySelectorAll("[data-live]")) follow(place);

function follow(place) {
  const stream = new EventSource(place.dataset.live);
  let waits = false;

  const isTyping = () => place.contains(document.activeElement) && document.activeElement.matches("input, textarea, select");

  function refresh() {
    if (isTyping()) {
      waits = true;
      return;
    }
    waits = false;
    window.htmx.ajax("GET", place.dataset.fragment, { target: place, swap: "innerHTML" });
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
