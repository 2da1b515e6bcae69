// Being called though the page is shut, for whoever asks for it in this browser, where the clinic offers it. The call goes
// through the service of the browser's maker and is empty: it names nobody and nothing.

export async function offerPush(box, says) {
  if (!("serviceWorker" in navigator) || !("PushManager" in window)) return;
  let offer;
  try {
    const answer = await fetch("/push", { credentials: "same-origin", cache: "no-store" });
    if (!answer.ok) return;
    offer = await answer.json();
  } catch {
    return;
  }
  const button = document.createElement("button");
  button.type = "button";
  button.className = "btn small";
  const keeper = await navigator.serviceWorker.getRegistration("/");
  let subscription = (await keeper?.pushManager.getSubscription()) ?? null;
  const show = () => {
    button.setAttribute("aria-pressed", String(Boolean(subscription)));
    button.textContent = `Calls with this page shut: ${subscription ? "on" : "off"}`;
  };
  show();
  button.addEventListener("click", async () => {
    button.disabled = true;
    try {
      subscription = subscription ? await stop(subscription, offer) : await begin(offer);
      says(subscription ? "The call goes through your browser maker's service, and is empty." : "");
    } catch (trouble) {
      says(trouble.reason ?? "This browser does not allow calls from here.");
    }
    button.disabled = false;
    show();
  });
  box.querySelector("[role=status]").before(button);
}

async function begin({ key, token }) {
  await navigator.serviceWorker.register("/sw.js", { scope: "/" });
  const { pushManager } = await navigator.serviceWorker.ready;
  const made = await pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: key });
  const { endpoint, keys } = made.toJSON();
  try {
    await post("/push/on", token, { endpoint, public_key: keys.p256dh, secret: keys.auth });
  } catch (trouble) {
    await made.unsubscribe();
    throw trouble;
  }
  return made;
}

async function stop(subscription, { token }) {
  await post("/push/off", token, { endpoint: subscription.endpoint });
  await subscription.unsubscribe();
  return null;
}

async function post(address, token, given) {
  const answer = await fetch(address, {
    method: "POST",
    credentials: "same-origin",
    headers: { "X-CSRFToken": token },
    body: new URLSearchParams(given),
  });
  if (answer.ok) return;
  const said = await answer.json().catch(() => ({}));
  throw Object.assign(new Error("refused"), { reason: said.reason });
}
