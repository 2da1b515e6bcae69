// Shows the questions of a form one at a time. Without it all stand under one another, and everything works the same.
// It keeps nothing: what is chosen lives in the form alone until it is sent.
const form = document.querySelector("[data-one-by-one]");
if (form) {
  const ones = [...form.querySelectorAll("[data-one]")];
  const [back, next, send] = ["back", "next", "send"].map((name) => form.querySelector(`[data-${name}]`));
  let at = Math.max(0, ones.findIndex((one) => one.querySelector(".errors")));

  const isAnswered = (one) => [...one.querySelectorAll("input")].some((input) => (input.type === "radio" ? input.checked : true));

  function show(focus) {
    ones.forEach((one, number) => { one.hidden = number !== at; });
    back.hidden = at === 0;
    next.hidden = at === ones.length - 1;
    send.hidden = !next.hidden;
    next.disabled = send.disabled = !isAnswered(ones[at]);
    if (focus) {
      const heading = ones[at].querySelector("h1");
      heading.tabIndex = -1;
      heading.focus();
    }
  }

  back.addEventListener("click", () => { at -= 1; show(true); });
  next.addEventListener("click", () => { at += 1; show(true); });
  form.addEventListener("change", () => show(false));
  show(false);
}
