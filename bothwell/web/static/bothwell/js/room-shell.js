// The room opened again while the server is away: drawn from the sealed picture this tablet kept, if this tab may.
// Without the key there is nothing of anybody here but how many entries wait.
import { RoomQueue, waitingInWords } from "./room-queue.js";

const ROOM = /^\/room\/([0-9a-f-]{36})/;
const ASK_AGAIN_MS = 3000;

/** Puts the picture in the place of the empty frame. Gives its <main> and when it was taken, or null. */
export async function restored(shell) {
  const session = location.pathname.match(ROOM)?.[1];
  if (!session) return null;
  const queue = await RoomQueue.open(session, () => {});
  const picture = await queue?.picture().catch(() => null);
  if (!picture) {
    const words = await waitingInWords(session);
    if (words) shell.querySelector("[data-waits]").textContent = words;
    return null;
  }
  const main = new DOMParser().parseFromString(picture.html, "text/html").querySelector("main");
  shell.replaceWith(document.adoptNode(main));
  return { main, at: picture.at };
}

/** Opens the page itself as soon as the server answers and nobody is in a form. */
export function reopen() {
  const timer = setInterval(async () => {
    if (document.querySelector("dialog[open], details.answer[open]") || document.activeElement?.matches("input, textarea, select")) return;
    try {
      const answer = await fetch("/health", { cache: "no-store", credentials: "omit", signal: AbortSignal.timeout(2500) });
      if (!answer.ok) return;
    } catch { return; }
    clearInterval(timer);
    location.reload();
  }, ASK_AGAIN_MS);
}

/** Asks the keeper to keep the frame and what it is drawn with: nothing of anybody's. */
export async function keepFrame() {
  if (!navigator.serviceWorker) return;
  try {
    await navigator.serviceWorker.register("/sw.js", { scope: "/" });
    const { active } = await navigator.serviceWorker.ready;
    navigator.serviceWorker.addEventListener("message", (event) => { if (event.data.keptRoom) document.documentElement.dataset.frame = "kept"; });
    const parts = performance.getEntriesByType("resource").map((entry) => entry.name)
      .filter((name) => new URL(name).origin === location.origin && new URL(name).pathname.startsWith("/static/"));
    active.postMessage({ keepRoom: [...new Set(parts)] });
  } catch { /* no keeper here: the open page goes on by itself all the same */ }
}
