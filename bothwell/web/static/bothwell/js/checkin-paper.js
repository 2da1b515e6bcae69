// Copying a paper form with the digits: each chooses the answer it is printed beside and goes on to the next question.
// It keeps nothing and sends nothing.
const lines = [...document.querySelectorAll("[data-paper] [data-line]")];

function enter(line) {
  const field = line?.querySelector("input:checked, input, textarea") ?? document.querySelector("[data-paper] button[type=submit]");
  field.focus();
  (line ?? field).scrollIntoView({ block: "center" });
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const line = event.target.closest?.("[data-line]");
  if (!line || !event.target.matches("input[type=radio]")) return;
  const index = lines.indexOf(line);
  if (event.key === "Backspace" || event.key === "Delete") {
    event.preventDefault();
    for (const input of line.querySelectorAll("input[type=radio]")) input.checked = false;
    if (event.key === "Backspace" && index > 0) enter(lines[index - 1]);
    return;
  }
  if (event.key === "Enter") { // as far as the last question, Enter goes on and does not send
    event.preventDefault();
    enter(lines[index + 1]);
    return;
  }
  const chosen = line.querySelector(`input[data-digit="${CSS.escape(event.key)}"]`);
  if (!chosen) return;
  event.preventDefault();
  chosen.checked = true;
  enter(lines[index + 1]);
});
