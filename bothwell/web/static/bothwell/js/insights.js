// The share sheet: says who will see the words, and what the button will do. Without it the form works as it stands.
const form = document.querySelector("form[data-share]");

function chosen() {
  return [...form.querySelectorAll("[data-sees]:checked")].map((input) => input.dataset.sees).filter(Boolean);
}

function listed(names) {
  return names.length < 2 ? names.join("") : `${names.slice(0, -1).join(", ")} and ${names.at(-1)}`;
}

function show() {
  const names = listed(chosen());
  const sleeps = form.elements.sleep.checked;
  const button = form.querySelector("[data-share-button]");
  form.querySelector("[data-preview]").hidden = !names;
  form.querySelector("[data-sleep]").hidden = !names;
  form.querySelector("[data-preview-title]").textContent = `What ${names} will see`;
  button.textContent = !names ? button.dataset.nobody : sleeps ? button.dataset.later : button.dataset.now;
}

if (form) {
  form.addEventListener("change", show);
  show();
}
