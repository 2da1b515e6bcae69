// Sound and notices for alarms nobody has acknowledged, for whoever asks for them in this browser. Both say only that
// something waits: no name, no value. Neither is an alarm system of its own: the bedside monitor is primary.
import { offerPush } from "./push.js";

const SOUND = "bothwell-alarm-sound";
const NOTICE = "bothwell-alarm-notice";
const WORDS = "Bothwell: look at the board";

// Pulses by priority: the higher, the more, the faster, the sooner again. Pitches in Hz, times in seconds. Ours, to be
// told apart by ear; not those of a bedside monitor, so that nobody takes one for the other.
const PATTERNS = {
  high: { pulses: [0, 0.15, 0.3, 0.55, 0.7], pitch: 880, length: 0.1, every: 5 },
  medium: { pulses: [0, 0.25, 0.5], pitch: 660, length: 0.15, every: 12 },
  low: { pulses: [0], pitch: 523, length: 0.25, every: 30 },
};
const ORDER = ["high", "medium", "low"];

const main = document.querySelector("main[data-stream]");
if (main) begin();

/** The alarms on the page that nobody has acknowledged and nobody has paused. */
function waiting() {
  return [...main.querySelectorAll(".alarm:not(.acknowledged):not([data-quiet])")];
}

function priority(alarms) {
  return ORDER.find((name) => alarms.some((each) => each.classList.contains(name))) ?? null;
}

/** What tells one alarm from another: its row, else the room it stands in and its words. */
function key(alarm) {
  const place = alarm.closest("[data-tile]")?.dataset.tile ?? "";
  return alarm.dataset.alarm?.split(" ")[0] ?? `${place} ${alarm.textContent.replace(/\s+/g, " ")}`;
}

function begin() {
  const box = document.createElement("div");
  box.className = "acts calling";
  box.setAttribute("role", "group");
  box.setAttribute("aria-label", "How this browser calls you");
  const said = document.createElement("p");
  said.className = "muted";
  said.setAttribute("role", "status");
  const says = (words) => { said.textContent = words; };
  const sound = sounds(says);
  const notice = notices(says);
  box.append(sound.button, ...(notice ? [notice.button] : []), said);
  const place = main.querySelector("[data-calling]");
  place?.append(box);
  if (place && "push" in place.dataset) offerPush(box, says); // where the clinic can call at all; the board says so, once is enough

  let known = new Set(waiting().map(key));
  const look = () => {
    const now = waiting();
    const fresh = now.filter((each) => !known.has(key(each)));
    known = new Set(now.map(key));
    sound.follow(priority(now));
    if (fresh.length) notice?.show();
  };
  new MutationObserver(look).observe(main, { subtree: true, childList: true });
  document.addEventListener("vanished", () => sound.follow(null)); // bedside.js: this page is nobody's any more
  look();
}

function toggle(words, isOn) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "btn small";
  const show = (on) => {
    button.setAttribute("aria-pressed", String(on));
    button.textContent = `${words}: ${on ? "on" : "off"}`;
  };
  show(isOn);
  return { button, show };
}

function remembered(name) {
  try { return localStorage.getItem(name) === "on"; } catch { return false; }
}

function remember(name, isOn) {
  try { localStorage.setItem(name, isOn ? "on" : "off"); } catch { /* then it lasts as long as this page */ }
}

// ── sound ──

function sounds(says) {
  let isOn = remembered(SOUND);
  let context = null;
  let playing = null;
  let timer = 0;
  const { button, show } = toggle("Sound", isOn);

  function open() {
    if (!window.AudioContext) return says("This browser makes no sound for alarms.");
    context ??= new AudioContext();
    // A browser lets a page sound only after somebody has touched it.
    const check = () => says(context.state === "running" ? "" : "The browser blocks sound here until you touch the page once.");
    context.onstatechange = check;
    context.resume().then(check, check);
    setTimeout(check, 400);
  }

  function play({ pulses, pitch, length }) {
    for (const after of pulses) {
      const at = context.currentTime + 0.05 + after;
      const tone = context.createOscillator();
      const gain = context.createGain();
      tone.frequency.value = pitch;
      gain.gain.setValueAtTime(0, at);
      gain.gain.linearRampToValueAtTime(0.4, at + 0.02);
      gain.gain.setValueAtTime(0.4, at + length - 0.02);
      gain.gain.linearRampToValueAtTime(0, at + length);
      tone.connect(gain).connect(context.destination);
      tone.start(at);
      tone.stop(at + length);
    }
  }

  function round() {
    clearTimeout(timer);
    if (!isOn || !playing) return;
    if (context?.state === "running") play(PATTERNS[playing]);
    timer = setTimeout(round, PATTERNS[playing].every * 1000);
  }

  button.addEventListener("click", () => {
    isOn = !isOn;
    remember(SOUND, isOn);
    show(isOn);
    if (!isOn) { clearTimeout(timer); return says(""); }
    open();
    if (playing) round(); else if (context) play(PATTERNS.low); // so that it is heard now that it can be
  });
  addEventListener("pointerdown", () => { if (isOn) context?.resume(); });
  if (isOn) open();

  return {
    button,
    follow(level) {
      if (level === playing) return;
      playing = level;
      round();
    },
  };
}

// ── notices of the browser ──

function notices(says) {
  if (!("Notification" in window)) return null;
  let isOn = remembered(NOTICE) && Notification.permission === "granted";
  const { button, show } = toggle("Notices", isOn);
  button.addEventListener("click", async () => {
    const wants = !isOn;
    const allowed = wants ? await Notification.requestPermission() : "granted";
    isOn = wants && allowed === "granted";
    remember(NOTICE, isOn);
    show(isOn);
    says(wants && !isOn ? "This browser does not allow notices from here." : "");
  });
  return {
    button,
    show() {
      if (isOn) new Notification(WORDS, { tag: "bothwell-alarm", renotify: true });
    },
  };
}
