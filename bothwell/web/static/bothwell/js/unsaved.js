// Asks before a page with unsaved words is left. It keeps nothing and sends nothing: the words stay in the page alone.
const isOpen = (form) => form.dataset.unsaved === "typed";

for (const form of document.querySelectorAll("form[data-unsaved]")) {
  // A form that came back with its words typed has not been kept yet.
  if (form.querySelector(".errors, .error-summary")) form.dataset.unsaved = "typed";
  form.addEventListener("input", () => {
    form.dataset.unsaved = "typed";
  });
  form.addEventListener("submit", () => {
    form.dataset.unsaved = "sent";
  });
}

addEventListener("beforeunload", (event) => {
  if ([...document.querySelectorAll("form[data-unsaved]")].some(isOpen)) event.preventDefault();
});

// Back from the next page, or a request that failed: what was sent may not have been kept.
addEventListener("pageshow", (event) => {
  if (!event.persisted) return;
  for (const form of document.querySelectorAll('form[data-unsaved="sent"]')) form.dataset.unsaved = "typed";
});
