// A button that copies what stands in a field, for instance a link to hand over. Without this script it does not show.
for (const button of document.querySelectorAll("button[data-copy]")) {
  const field = document.getElementById(button.dataset.copy);
  if (!field) continue;
  button.hidden = false;
  button.addEventListener("click", async () => {
    field.focus();
    field.select();
    try {
      await navigator.clipboard.writeText(field.value);
    } catch {
      if (!document.execCommand("copy")) return; // the field stays selected, to be copied by hand
    }
    button.textContent = "Copied";
  });
}
