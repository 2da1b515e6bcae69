// What is entered at a bed while the server is away: kept on this tablet, sealed, and handed in once and in order.
// It charts nothing, begins no dose and clears no alarm; of what the server refuses a person says what becomes of it.
import { asPromise, keyOf, seal, unseal } from "./sealed.js";

const DATABASE = "room";
const MOST_AT_ONCE = 25;
const PATIENCE_MS = 6000;
const LONGEST_WAIT_MS = 15_000;
const KEPT_KEY = "room-key:"; // bedside.js (vanish) and app.js know it too
const IDLE_MS = 20 * 60_000; // as the server's own lock: a tablet left alone for so long opens no more by itself
/** The forms that may wait, as in web/room_sync.py. */
export const MAY_WAIT = /^\/room\/([0-9a-f-]{36})\/(check|enter|medicine|effect|infusion|correct|acknowledge|events(?!\/))(\/|$)/;

let isOver = false; // this page is nobody's any more (bedside.js): no key is kept again, nothing is sealed or read
document.addEventListener("vanished", () => { isOver = true; });

function openDatabase() {
  const opening = indexedDB.open(DATABASE, 1);
  opening.onupgradeneeded = () => {
    const entries = opening.result.createObjectStore("entries", { keyPath: "seq", autoIncrement: true });
    entries.createIndex("session", "session");
    opening.result.createObjectStore("pictures", { keyPath: "session" });
  };
  return asPromise(opening);
}

/** How many entries wait on this tablet for a session, whoever made them. */
export async function waitingFor(session) {
  try {
    const database = await openDatabase();
    const count = await asPromise(database.transaction("entries").objectStore("entries").index("session").count(session));
    database.close();
    return count;
  } catch {
    return 0;
  }
}

/** The same in words, for a page that shows nobody; empty when nothing waits. */
export async function waitingInWords(session) {
  const count = await waitingFor(session);
  return count ? `${count} ${count === 1 ? "entry waits" : "entries wait"} on this tablet, unreadable until whoever entered ${count === 1 ? "it" : "them"} signs in again.` : "";
}

// ── the keys, while this tab is somebody's ────────────────────────────────────────────────────────────────
// Two: one of the person, under which entries wait and which the same person is given again; one of this login, under which
// the picture of the room lies, and which nobody is given again once that login is over (docs/privacy.md).

/** The keys this tab was given for a session; none once nobody touched it for long. */
export function rememberedKey(session) {
  try {
    const found = JSON.parse(sessionStorage.getItem(KEPT_KEY + session));
    if (found && Date.now() < found.until) return found;
    sessionStorage.removeItem(KEPT_KEY + session);
  } catch { /* a tab without a memory */ }
  return null;
}

let kept = null; // what this tab holds: {key, picture_key, owner, behind}
let until = 0;

function hold(session) {
  if (isOver || !kept) return;
  until = Date.now() + IDLE_MS;
  try { sessionStorage.setItem(KEPT_KEY + session, JSON.stringify({ ...kept, until })); } catch { /* this page alone */ }
}

function remember(session, { key, picture_key, owner, behind }) {
  const isFirst = !kept;
  kept = { key, picture_key, owner, behind };
  hold(session);
  if (isFirst) holdWhileTouched(session);
}

/** Left alone for too long with no server to ask, a tab opens no more by itself: the first touch leads to the frame. */
function holdWhileTouched(session) {
  let held = Date.now();
  document.addEventListener("pointerdown", (event) => {
    if (isOver) return;
    if (Date.now() > until && document.querySelector("[data-state=offline]")) {
      event.preventDefault();
      event.stopPropagation();
      location.reload();
    } else if (Date.now() - held > 5000) {
      held = Date.now();
      hold(session);
    }
  }, true);
}

function forget(session) {
  try { sessionStorage.removeItem(KEPT_KEY + session); } catch { /* nothing was kept */ }
}

// ── on this tablet ────────────────────────────────────────────────────────────────────────────────────────

/** Where entries live when a browser keeps nothing: in this page, as long as it is open. */
class Memory {
  #entries = [];
  #last = 0;
  async add(entry) { this.#entries.push({ ...entry, seq: ++this.#last }); return this.#last; }
  async all() { return this.#entries.map((entry) => ({ ...entry })); }
  async put(entry) { this.#entries = this.#entries.map((each) => (each.seq === entry.seq ? entry : each)); }
  async remove(seq) { this.#entries = this.#entries.filter((each) => each.seq !== seq); }
  async rekey() {}
  async keepPicture() {}
  async picture() { return null; }
}

/** The same in the browser's database: of an entry only its session and whose it is lie there in the open. */
class Tablet {
  constructor(database, keys, session, owner) {
    Object.assign(this, { database, ...keys, session, owner, about: `${session} ${owner}` });
  }

  #store(mode, name = "entries") { return this.database.transaction(name, mode).objectStore(name); }

  async #sealed({ seq, ...words }, key = this.key) {
    return { ...(seq ? { seq } : {}), session: this.session, owner: this.owner, ...(await seal(key, this.about, words)) };
  }

  async add(entry) {
    const sealed = await this.#sealed(entry);
    return asPromise(this.#store("readwrite").add(sealed));
  }

  async put(entry) {
    const sealed = await this.#sealed(entry);
    await asPromise(this.#store("readwrite").put(sealed));
  }

  async all() {
    const found = await asPromise(this.#store("readonly").index("session").getAll(this.session));
    const mine = found.filter((entry) => entry.owner === this.owner).sort((one, other) => one.seq - other.seq);
    const opened = await Promise.all(mine.map((entry) => unseal(this.key, this.about, entry).then((words) => ({ ...words, seq: entry.seq })).catch(() => null)));
    return opened.filter(Boolean);
  }

  async remove(seq) { await asPromise(this.#store("readwrite").delete(seq)); }

  async rekey(pictureKey) { this.pictureKey = await keyOf(pictureKey); }

  async keepPicture(words) {
    const sealed = await this.#sealed(words, this.pictureKey);
    await asPromise(this.#store("readwrite", "pictures").put(sealed));
  }

  /** The picture this login took. One of an earlier login opens to nobody: it goes. */
  async picture() {
    const found = await asPromise(this.#store("readonly", "pictures").get(this.session));
    if (!found) return null;
    try {
      return await unseal(this.pictureKey, this.about, found);
    } catch {
      await asPromise(this.#store("readwrite", "pictures").delete(this.session));
      return null;
    }
  }
}

async function storeFor(session, given) {
  try {
    const keys = { key: await keyOf(given.key), pictureKey: await keyOf(given.picture_key) };
    return new Tablet(await openDatabase(), keys, session, given.owner);
  } catch {
    return new Memory();
  }
}

// ── to the server ─────────────────────────────────────────────────────────────────────────────────────────

class Away extends Error {}
class NeedsSignIn extends Error {}
class Gone extends Error {}

async function ask(address, token, body) {
  const headers = { Accept: "application/json", ...(body ? { "Content-Type": "application/json", "X-CSRFToken": token } : {}) };
  let answer;
  try {
    answer = await fetch(address, {
      method: body ? "POST" : "GET", headers, body: body && JSON.stringify(body),
      credentials: "same-origin", redirect: "manual", cache: "no-store", signal: AbortSignal.timeout(PATIENCE_MS),
    });
  } catch {
    throw new Away();
  }
  if (answer.type === "opaqueredirect" || answer.status === 401) throw new NeedsSignIn();
  if (answer.status >= 500 || answer.status === 429) throw new Away();
  if (answer.status === 404) throw new Gone();
  try {
    const said = answer.headers.get("Content-Type")?.includes("json") ? await answer.json() : {};
    return { status: answer.status, said };
  } catch {
    throw new Away(); // it broke off in the middle
  }
}

function uuid() {
  if (crypto.randomUUID) return crypto.randomUUID();
  const random = [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return `${random.slice(0, 8)}-${random.slice(8, 12)}-4${random.slice(13, 16)}-a${random.slice(17, 20)}-${random.slice(20)}`;
}

export class RoomQueue {
  #store;
  #given;
  #tell;
  #root;
  #sending = null;
  #again = false;
  #fails = 0;
  #timer = 0;

  /** Opens what waits of whoever is signed in; without a server, of whom this tab remembers. Null if of nobody. */
  static async open(session, tell) {
    const queue = new RoomQueue();
    queue.session = session;
    queue.#root = `/room/${session}/sync`;
    queue.#tell = tell;
    try {
      await queue.#greet();
    } catch (trouble) {
      if (!(trouble instanceof Away)) forget(session);
      queue.#given = trouble instanceof Away ? rememberedKey(session) : null;
    }
    if (!queue.#given) return null;
    remember(session, queue.#given);
    queue.#store = await storeFor(session, queue.#given);
    return queue;
  }

  /** The key and the token, and how far this device's clock is behind the server's. */
  async #greet() {
    const before = Date.now();
    const { said } = await ask(this.#root);
    if (!said.key) throw new Gone();
    const behind = Date.parse(said.now) - (before + Date.now()) / 2;
    if (this.#given && this.#given.owner !== said.owner) throw new NeedsSignIn();
    this.#given = { ...said, behind };
    if (!this.#store) return;
    remember(this.session, this.#given); // signed in anew since: what is pictured from here on is of this login
    await this.#store.rekey(said.picture_key);
  }

  /** The server's time of a moment of this device. */
  get behind() { return this.#given.behind ?? 0; }

  /** Keep one post here ({path, fields, said}); gives it back as kept. */
  async add(post) {
    const entry = { ...post, request_id: uuid(), made_at: new Date().toISOString(), behind_ms: Math.round(this.behind), state: "waits" };
    const seq = await this.#keep(entry);
    return { ...entry, seq };
  }

  async #keep(entry) {
    try {
      return await this.#store.add(entry);
    } catch {
      // A full or forbidden storage: this page still holds it, and what could be read of the rest.
      const earlier = await this.#store.all().catch(() => []);
      this.#store = new Memory();
      for (const each of earlier) await this.#store.add(each);
      return this.#store.add(entry);
    }
  }

  async all() { return isOver ? [] : this.#store.all(); }
  async keepPicture(words) { if (!isOver) await this.#store.keepPicture(words); }
  picture() { return this.#store.picture(); }

  /** Hand in what waits, in order; true when nothing waits any more. */
  flush() {
    this.#again = true;
    this.#sending ??= this.#handIn().finally(() => { this.#sending = null; });
    return this.#sending;
  }

  async #handIn() {
    clearTimeout(this.#timer);
    if (isOver) return false;
    try {
      while (this.#again) {
        this.#again = false;
        await this.#alone(() => this.#all());
      }
      this.#fails = 0;
      return true;
    } catch (trouble) {
      if (trouble instanceof NeedsSignIn) {
        forget(this.session);
        this.#tell("sign-in");
        return false;
      }
      this.#fails += 1;
      const wait = Math.min(LONGEST_WAIT_MS, 1000 * 2 ** (this.#fails - 1)) * (0.8 + Math.random() * 0.4);
      this.#timer = setTimeout(() => this.flush(), wait);
      return false;
    }
  }

  #alone(work) {
    return navigator.locks ? navigator.locks.request(`room-${this.session}`, work) : work();
  }

  async #all() {
    for (;;) {
      const batch = (await this.all()).filter((entry) => entry.state === "waits").slice(0, MOST_AT_ONCE);
      if (!batch.length) return;
      const entries = batch.map(({ request_id, path, fields, made_at, behind_ms }) => ({ request_id, path, fields, made_at, behind_ms }));
      const { status, said } = await this.#ask(this.#root, { entries });
      if (status !== 200) throw new Away();
      const outcomes = new Map(said.entries.map((each) => [each.request_id, each]));
      const changed = [];
      for (const entry of batch) changed.push(await this.#settle(entry, outcomes.get(entry.request_id)));
      this.#tell("answered", changed);
    }
  }

  /** Gone from here once it is on the chart; otherwise kept until somebody has looked. */
  async #settle(entry, answer) {
    if (answer.outcome === "refused") {
      const refused = { ...entry, state: "refused", reason: answer.reason };
      await this.#store.put(refused);
      return refused;
    }
    if (answer.alike?.length) {
      const seen = { ...entry, state: "alike", reason: answer.alike.join(" ") };
      await this.#store.put(seen);
      return { ...seen, next: answer.next };
    }
    await this.#store.remove(entry.seq);
    return { ...entry, state: "kept", next: answer.next };
  }

  async #ask(address, body) {
    if (!this.#given.token) await this.#greet();
    const answer = await ask(address, this.#given.token, body);
    if (answer.status !== 403) return answer;
    await this.#greet(); // signed in anew since: the token is another one now
    return ask(address, this.#given.token, body);
  }

  /** What a person decided about one that was refused: a note in any case. Gives the reason if it is not kept. */
  async decide(entry, { isLeftOut, why }) {
    const { request_id, made_at, behind_ms, said, reason } = entry;
    try {
      const answer = await this.#ask(`${this.#root}/conflict`, { request_id, made_at, behind_ms, said, reason, why, is_left_out: isLeftOut });
      if (answer.status !== 200) return answer.said.reason ?? "That did not work. It still stands here.";
    } catch {
      return "The server is away. It still stands here.";
    }
    await this.#store.remove(entry.seq);
    return "";
  }

  /** Done with: seen, or shown again in its own form. */
  drop(entry) { return this.#store.remove(entry.seq); }
}
