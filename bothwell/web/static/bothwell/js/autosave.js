// Keeps what is being typed until the server has it: long texts stay in this tab's own session storage, under the
// writer's key, until they were sent. It sends nothing by itself.
const PREFIX = "draft:";

function fieldsOf(form) {
  return [...form.elements].filter((field) => field.matches("textarea, input:not([type=hidden])") && field.name);
}

function read(key) {
  try {
    return JSON.parse(sessionStorage.getItem(key) || "null");
  } catch {
    return null;
  }
}

function watch(form) {
  const key = PREFIX + form.dataset.draft;
  const found = form.querySelector("[data-draft-found]");
  const printed = Object.fromEntries(fieldsOf(form).map((field) => [field.name, field.value]));

  const kept = read(key);
  if (kept && Object.entries(kept).some(([name, value]) => value && value !== printed[name])) {
    for (const field of fieldsOf(form)) if (kept[field.name]) field.value = kept[field.name];
    if (found) found.hidden = false;
    const more = form.querySelector("details");
    if (more && fieldsOf(form).some((field) => field.closest("details") && field.value)) more.open = true;
  }

  form.addEventListener("input", () => {
    const now = Object.fromEntries(fieldsOf(form).map((field) => [field.name, field.value]));
    try {
      sessionStorage.setItem(key, JSON.stringify(now));
    } catch {
      // A full or forbidden storage: the form itself still holds the words.
    }
  });
  form.querySelector("[data-draft-drop]")?.addEventListener("click", () => {
    sessionStorage.removeItem(key);
    for (const field of fieldsOf(form)) field.value = printed[field.name];
    found.hidden = true;
  });
  form.querySelector("[data-draft-leave]")?.addEventListener("click", () => sessionStorage.removeItem(key));
}

for (const form of document.querySelectorAll("form[data-draft]")) watch(form);

// The page of what was kept names the drafts it came from. One is dropped only if these very words were kept: another
// text begun meanwhile in this tab stays.
for (const kept of document.querySelectorAll("[data-draft-kept]")) {
  const words = kept.querySelector(".said")?.textContent.trim();
  for (const name of kept.dataset.draftKept.split(" ")) {
    const draft = read(PREFIX + name);
    if (draft && draft.text?.trim() === words) sessionStorage.removeItem(PREFIX + name);
  }
}
