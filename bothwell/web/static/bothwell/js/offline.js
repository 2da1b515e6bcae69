// On a partner's pages: answers that waited on this device while nobody was signed in are handed in now. What belongs
// to somebody else stays as it is, unreadable.
import { Queue, waiting } from "./checkin-queue.js";

function tell(words) {
  const place = document.getElementById("messages");
  if (!place) return;
  const line = document.createElement("p");
  line.className = "message";
  line.textContent = words;
  place.replaceChildren(line);
}

async function handIn(request) {
  const root = `/checkin/${request}`;
  if (location.pathname === root) return; // that page does it itself
  let answer;
  try {
    answer = await fetch(`${root}/key`, { credentials: "same-origin", redirect: "manual", cache: "no-store" });
  } catch {
    return;
  }
  if (!answer.ok) return;
  const state = { request, root, ...(await answer.json()) };
  const queue = await Queue.open(state, (what, more) => {
    if (what === "acknowledged") tell("What you had answered without a network is saved. You find it under Today, not sent yet.");
    if (what === "refused") tell(more.reason);
  });
  // What was to be sent from a page that is gone is looked at once more by whoever signed in since.
  await queue.takeBackSending();
  await queue.flush();
}

for (const request of await waiting()) await handIn(request);
