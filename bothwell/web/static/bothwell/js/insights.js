// The share sheet says what its button will do; words that others gave leave an open page when they are taken back.
// Without it the forms work as they stand.
const form = document.querySelector("form[data-share]");

function show() {
  const on = [...form.querySelectorAll("input[name=to]:checked")];
  const all = [...form.querySelectorAll("input[name=to]")];
  const partner = all.find((one) => one.value === "partner");
  const mayWait = Boolean(partner?.checked) && !("reads" in partner.dataset);
  const sleep = form.querySelector("[data-sleep]");
  const button = form.querySelector("[data-share-button]");
  const isNew = on.some((one) => !("has" in one.dataset));
  if (sleep) sleep.hidden = !mayWait;
  if (!button) return;
  const { nobody, now, later, mixed, same } = button.dataset;
  const sleeps = mayWait && form.elements.sleep.checked;
  if (!on.length) button.textContent = nobody;
  else if (sleeps) button.textContent = on.length === 1 ? later : mixed;
  else button.textContent = isNew || mayWait ? now : same;
}

if (form) {
  form.addEventListener("change", show);
  show();
}

for (const place of document.querySelectorAll("[data-received]")) {
  const stream = new EventSource(place.dataset.received);
  stream.addEventListener("changed", async () => {
    const find = document.querySelector("#find");
    const answer = await fetch(find.action, { method: "POST", body: new FormData(find), credentials: "same-origin" });
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const now = page.querySelector("[data-received]");
    if (now) place.replaceChildren(...now.childNodes);
    else place.remove();
  });
  stream.addEventListener("gone", () => location.reload());
  addEventListener("pagehide", () => stream.close());
}
