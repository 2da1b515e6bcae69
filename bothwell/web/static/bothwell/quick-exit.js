// Leaves a page at once: the Leave button, or Escape twice within a second. What was on the screen is blanked first,
// this entry of the history is replaced, and the session is closed behind, so that Back finds a login and no words.
// It never asks, never waits for an answer, and leaves nothing stored.
(() => {
  "use strict";
  const button = document.querySelector("[data-leave]");
  if (!button) return;
  const TWICE_WITHIN_MS = 1000;
  let pressedAt = -Infinity;

  const others = "BroadcastChannel" in window ? new BroadcastChannel("leave") : null;

  // The next request closes the session too, should this one be lost with the network.
  function closeSession() {
    const secure = location.protocol === "https:" ? "; Secure" : "";
    document.cookie = `left=1; Path=/; SameSite=Lax${secure}`;
    const url = button.dataset.leaveCloses;
    if (!url) return;
    const headers = { "X-CSRFToken": button.dataset.leaveToken };
    fetch(url, { method: "POST", keepalive: true, credentials: "same-origin", redirect: "manual", headers }).catch(() => {});
  }

  // Check-ins kept for reading without a network go too; answers still to be handed in are unreadable without them.
  function forgetCopies() {
    try {
      navigator.serviceWorker?.controller?.postMessage({ forget: true });
      caches.delete("checkin");
    } catch { /* nothing was kept */ }
  }

  function vanish() {
    document.documentElement.hidden = true;
    document.title = "";
    try { sessionStorage.clear(); } catch { /* nothing was kept */ }  // unsaved words go too: somebody is in the room
    location.replace(button.href);
  }

  function leave() {
    document.documentElement.hidden = true;
    others?.postMessage("leave");
    forgetCopies();
    closeSession();
    vanish();
  }

  // Every open page goes, not only the one that was left; after signing out in one they all ask for a login.
  const SIGNED_OUT_AFTER_MS = 1500;
  if (others) others.onmessage = ({ data }) => (data === "leave" ? vanish() : setTimeout(reopen, SIGNED_OUT_AFTER_MS));

  function reopen() {
    document.documentElement.hidden = true; // and nothing asks whether to stay
    location.reload();
  }

  button.addEventListener("click", (event) => {
    event.preventDefault();
    leave();
  });
  // On the window and in the capturing phase: no dialog or field can keep the key to itself.
  window.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || event.repeat) return;
    if (event.timeStamp - pressedAt < TWICE_WITHIN_MS) leave();
    pressedAt = event.timeStamp;
  }, true);
  // Pages are sent no-store; a browser that kept one all the same asks for it anew.
  window.addEventListener("pageshow", (event) => {
    if (event.persisted) location.reload();
  });
})();
