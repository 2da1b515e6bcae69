// The little that pages do by themselves: theme, popovers, sheets, and a word when the network fails.
// It holds no one's data and decides nothing.
(() => {
  "use strict";
  const root = document.documentElement;
  const YEAR_S = 31536000;

  // ── theme: system, unless chosen; the choice is a cookie so that the next page is drawn right from the start ──
  function shownTheme() {
    return root.dataset.theme || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
  }

  function chooseTheme(theme) {
    root.dataset.theme = theme;
    const secure = location.protocol === "https:" ? "; Secure" : "";
    document.cookie = `theme=${theme}; Path=/; Max-Age=${YEAR_S}; SameSite=Lax${secure}`;
  }

  // ── popovers: one open at a time; Escape or a tap elsewhere closes, and focus returns to the badge ──
  const POPOVERS = "details.badge, details.me";

  function closeOthers(kept) {
    for (const details of document.querySelectorAll(`:is(${POPOVERS})[open]`)) {
      if (details !== kept) details.open = false;
    }
  }

  function keepInView(details) {
    const pop = details.querySelector(".pop");
    if (!pop) return;
    details.classList.remove("end");
    if (pop.getBoundingClientRect().right > root.clientWidth - 8) details.classList.add("end");
  }

  document.addEventListener("toggle", (event) => {
    if (!(event.target instanceof Element) || !event.target.matches(POPOVERS) || !event.target.open) return;
    closeOthers(event.target);
    keepInView(event.target);
  }, true);

  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    const open = document.activeElement?.closest?.(`:is(${POPOVERS})[open]`);
    closeOthers(null);
    open?.querySelector("summary").focus();
  });

  document.addEventListener("click", (event) => {
    const target = event.target instanceof Element ? event.target : null;
    if (!target) return;
    closeOthers(target.closest(POPOVERS));
    if (target.closest("[data-theme-toggle]")) chooseTheme(shownTheme() === "dark" ? "light" : "dark");
    if (target.closest("[data-print]")) window.print();
    const opener = target.closest("[data-opens]");
    if (opener) document.getElementById(opener.dataset.opens)?.showModal();
    if (target.closest("[data-closes]") || target.matches("dialog.sheet")) target.closest("dialog")?.close();
  });

  // A sheet that came as a fragment opens as soon as it is there.
  document.addEventListener("htmx:load", (event) => {
    const sheet = event.target.matches?.("dialog[data-open]") ? event.target : event.target.querySelector?.("dialog[data-open]");
    if (sheet && !sheet.open) sheet.showModal();
  });

  // ── paper cannot be opened: what is folded in a page's own text is opened for it, and closed again afterwards ──
  const unfolded = [];
  addEventListener("beforeprint", () => {
    for (const details of document.querySelectorAll("details[data-unfolds]:not([open])")) {
      details.open = true;
      unfolded.push(details);
    }
  });
  addEventListener("afterprint", () => {
    for (const details of unfolded.splice(0)) details.open = false;
  });

  // ── a score wider than its place begins at today, and says that it scrolls ──
  function sayWhatScrolls() {
    for (const place of document.querySelectorAll(".score-scroll")) {
      const hint = place.parentElement.querySelector(".score-hint");
      if (hint) hint.hidden = place.scrollWidth <= place.clientWidth;
    }
  }

  function beginAtToday() {
    for (const place of document.querySelectorAll(".score-scroll")) {
      const today = place.querySelector(".s-today");
      if (!today) continue;
      const middle = place.getBoundingClientRect().left + place.clientWidth / 2;
      place.scrollLeft += today.getBoundingClientRect().left - middle;
    }
  }

  addEventListener("resize", sayWhatScrolls);
  sayWhatScrolls();
  beginAtToday();

  // ── network: what was typed stays; say so ──
  function tell(words) {
    const place = document.getElementById("messages");
    if (!place) return;
    const line = document.createElement("p");
    line.className = "message";
    line.textContent = words;
    place.replaceChildren(line);
    place.scrollIntoView({ block: "nearest" });
  }

  // ── more than the server takes at once: said here, while the words still stand in their place ──
  const MOST_AT_ONCE = 900_000; // the server's own limit is a million characters (settings.py)
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.getAttribute("method") !== "post") return;
    if (new URLSearchParams(new FormData(form)).toString().length <= MOST_AT_ONCE) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    tell("This is too much to be sent at once. Nothing was changed, and what you typed is still here: please shorten it.");
  }, true);

  // A passkey that was stopped or refused: the page says so instead of staying silent.
  document.addEventListener("allauth.error", (event) => {
    const trouble = document.getElementById("passkey-trouble");
    if (!trouble) return;
    event.preventDefault();
    trouble.hidden = false;
  });

  // How check-ins stand is held by the tab that is signed in; a page nobody is signed in to lets go of it.
  try {
    const isSignedIn = document.body.classList.contains("has-viewer");
    for (const name of Object.keys(sessionStorage)) {
      if (name.startsWith("checkin-held:") && !isSignedIn && !document.querySelector("[data-checkin]")) sessionStorage.removeItem(name);
      if (name.startsWith("room-key:") && !isSignedIn && !document.querySelector("[data-room-shell]")) sessionStorage.removeItem(name);
    }
  } catch { /* a forbidden storage holds nothing */ }

  // Signing out takes unsaved words with it: whoever sits down here next finds none in this tab.
  document.addEventListener("submit", (event) => {
    if (!event.target.getAttribute("action")?.endsWith("/account/logout/")) return;
    try {
      sessionStorage.clear();
      caches.delete("checkin");
      new BroadcastChannel("leave").postMessage("signed out"); // the other open pages ask for a login
    } catch { /* nothing was kept */ }
  });

  document.addEventListener("htmx:sendError", () => tell("No connection just now. What you typed is still here; please try again."));
  document.addEventListener("htmx:responseError", (event) => {
    const status = event.detail.xhr.status;
    if (status === 401 || status === 403) tell("You were signed out, or this page is too old. Open it again; what you typed is still here.");
    else tell("That did not work, and nothing was changed. Please try again.");
  });
})();
