// Asks whether the person whose page this is is still signed in, and fetches what a form must carry to be taken.
// To ask counts as being there. It keeps nothing and sends no word of anybody's.
const whose = document.body.dataset.viewer;

/** `here`, `gone`, `other` (somebody else is signed in now) or `away` (no answer), with the token and when to ask again. */
export async function ask() {
  try {
    const headers = { "HX-Request": "true" }; // a bare 401 instead of a login page
    const answer = await fetch("/here", { headers, credentials: "same-origin", redirect: "manual", cache: "no-store" });
    if (answer.status >= 500) return { state: "away" };
    if (answer.status !== 200) return { state: "gone" };
    const { who, token, again_s } = await answer.json();
    return { state: who === whose ? "here" : "other", token, againMs: again_s * 1000 };
  } catch {
    return { state: "away" };
  }
}

/** Puts the token of now into a form whose page was opened before somebody signed in anew. */
export function carry(form, token) {
  for (const field of form.querySelectorAll("[name=csrfmiddlewaretoken]")) field.value = token;
}

const WORDS = {
  gone: "You were signed out. What you typed is still here.",
  other: "Somebody else is signed in in this browser now. What you typed is still here, and is not sent in their name: copy it, or sign in yourself.",
  away: "No connection just now. What you typed is still here; please try again in a moment.",
  here: "You are signed in again, and what you typed is still here. Send it now.",
};

/** Says beside the form's buttons how it stands; without a state, what was said there goes. */
export function say(form, state) {
  let place = form.querySelector("[data-signed-in]");
  if (!state) return place?.remove();
  if (!place) {
    place = document.createElement("div");
    place.className = "notice strong";
    place.dataset.signedIn = "";
    place.setAttribute("role", "alert");
    const buttons = [...form.querySelectorAll(".actions, .keys-below")].pop();
    if (buttons) buttons.before(place);
    else form.append(place);
  }
  if (place.dataset.signedIn === state) return undefined;
  place.dataset.signedIn = state;
  const line = document.createElement("p");
  line.textContent = WORDS[state];
  if (state === "gone" || state === "other") {
    const link = document.createElement("a");
    link.href = "/account/login/";
    link.target = "_blank";
    link.rel = "noopener";
    link.textContent = "Sign in in another tab";
    line.append(" ", link, ", then come back and press the button again.");
  }
  place.replaceChildren(line);
  return undefined;
}

/** Looks again whether somebody signed in elsewhere, where a form says that nobody is. */
export async function lookAgain(form) {
  const said = form.querySelector("[data-signed-in]")?.dataset.signedIn;
  if (!said || said === "here") return;
  const answer = await ask();
  if (answer.state === "here") carry(form, answer.token);
  say(form, answer.state);
}

/** A form is sent only to somebody who is there: otherwise its words would be lost on the way. True if it may go. */
export async function maySend(form) {
  const answer = await ask();
  say(form, answer.state === "here" ? "" : answer.state);
  if (answer.state !== "here") return false;
  carry(form, answer.token);
  return true;
}
