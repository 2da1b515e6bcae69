// Redraws the picture of the cycle while its words are typed. Without it the form works, and the picture follows on saving.
const form = document.querySelector("form[data-cycle]");
const reading = document.querySelector(".cycle.live");

const words = (field) => field.value.replace(/\s+/g, " ").trim();

function redraw(field) {
  const place = reading?.querySelector(`[data-shows="${CSS.escape(field.name)}"]`);
  if (place) place.textContent = words(field);
  // Where the style sheet cannot let a field grow with its words, this does.
  if (!CSS.supports("field-sizing", "content") && field.matches("textarea")) field.rows = Math.min(6, Math.max(2, Math.ceil(field.value.length / 34)));
}

form?.addEventListener("input", (event) => redraw(event.target));
for (const field of form?.querySelectorAll("textarea") ?? []) redraw(field);
