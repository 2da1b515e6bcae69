// Answers on their way to the server. Each is kept on this device first, unreadable without the key that only the
// opened page holds; then handed in, in order, one batch at a time; and is done only when the server says it is kept.
// It loses nothing and decides nothing: of two answers in two places the person chooses, on the page.
import { asPromise, keyOf, seal, unseal } from "./sealed.js";

const DATABASE = "checkin";
const MOST_AT_ONCE = 50;
const MOST_CHARACTERS = 200_000;
const MOST_ON_LEAVING = 60_000; // what a browser lets go with a page that closes
const LONGEST_WAIT_MS = 60_000;

// ── on this device ────────────────────────────────────────────────────────────────────────────────────────

function openDatabase() {
  const opening = indexedDB.open(DATABASE, 1);
  opening.onupgradeneeded = () => {
    const entries = opening.result.createObjectStore("entries", { keyPath: "seq", autoIncrement: true });
    entries.createIndex("request", "request");
    entries.createIndex("open", ["request", "waits"]);
    opening.result.createObjectStore("devices", { keyPath: "request" });
  };
  return asPromise(opening);
}

/** The check-ins of which answers still wait on this device. */
export async function waiting() {
  try {
    const database = await openDatabase();
    const entries = await asPromise(database.transaction("entries").objectStore("entries").getAll());
    database.close();
    return [...new Set(entries.filter((entry) => entry.acked === null).map((entry) => entry.request))];
  } catch {
    return [];
  }
}

/** Where entries live when a browser keeps nothing: in this page, as long as it is open. */
class Memory {
  #entries = [];
  #last = 0;
  async add(entry) { this.#entries.push({ ...entry, seq: ++this.#last }); return this.#last; }
  async all() { return this.#entries.map((entry) => ({ ...entry })); }
  async open() { return (await this.all()).filter((entry) => entry.acked === null); }
  async put(entry) { this.#entries = this.#entries.map((each) => (each.seq === entry.seq ? entry : each)); }
  async remove(seqs) { this.#entries = this.#entries.filter((each) => !seqs.includes(each.seq)); }
  async device() { return crypto.randomUUID?.() ?? "00000000-0000-4000-8000-000000000000"; }
}

/** The same in the browser's database, each entry sealed with AES-GCM. */
class Sealed {
  constructor(database, key, request) {
    this.database = database;
    this.key = key;
    this.request = request;
  }

  static async open(request, secret) {
    return new Sealed(await openDatabase(), await keyOf(secret), request);
  }

  #store(mode, name = "entries") { return this.database.transaction(name, mode).objectStore(name); }

  async #seal({ seq, acked, tried, ...words }) {
    const kept = await seal(this.key, this.request, words);
    return { ...(seq ? { seq } : {}), request: this.request, waits: acked === null ? 1 : 0, acked, tried, ...kept };
  }

  async #unseal({ seq, acked, tried, iv, sealed }) {
    return { seq, acked, tried, ...(await unseal(this.key, this.request, { iv, sealed })) };
  }

  async add(entry) {
    const sealed = await this.#seal(entry);
    return asPromise(this.#store("readwrite").add(sealed));
  }

  all() { return this.#found("request", this.request); }

  /** Those the server has not confirmed, without looking at the others. */
  open() { return this.#found("open", [this.request, 1]); }

  async #found(index, wanted) {
    const found = await asPromise(this.#store("readonly").index(index).getAll(wanted));
    const opened = await Promise.all(found.map((entry) => this.#unseal(entry).catch(() => null)));
    return opened.filter(Boolean).sort((one, other) => one.seq - other.seq);
  }

  async put(entry) {
    const sealed = await this.#seal(entry);
    await asPromise(this.#store("readwrite").put(sealed));
  }

  async remove(seqs) {
    const store = this.#store("readwrite");
    await Promise.all(seqs.map((seq) => asPromise(store.delete(seq))));
  }

  async device() {
    const found = await asPromise(this.#store("readonly", "devices").get(this.request));
    if (found) return found.device;
    const device = crypto.randomUUID();
    await asPromise(this.#store("readwrite", "devices").put({ request: this.request, device }));
    return device;
  }
}

// ── to the server ─────────────────────────────────────────────────────────────────────────────────────────

class NeedsSignIn extends Error {}
class Unreachable extends Error {}
class Gone extends Error {}

/** An answer of the server, or why there is none. */
async function ask(address, token, body) {
  let answer;
  const headers = { "Content-Type": "application/json", "X-CSRFToken": token, Accept: "application/json" };
  const how = body === undefined ? { headers } : { method: "POST", headers, body: JSON.stringify(body) };
  try {
    answer = await fetch(address, { ...how, credentials: "same-origin", redirect: "manual", cache: "no-store" });
  } catch {
    throw new Unreachable();
  }
  if (answer.type === "opaqueredirect" || answer.status === 401) throw new NeedsSignIn();
  if (answer.status >= 500 || answer.status === 429) throw new Unreachable();
  if (answer.status === 404) throw new Gone();
  const said = answer.headers.get("Content-Type")?.includes("json") ? await answer.json() : {};
  return { status: answer.status, said };
}

export class Queue {
  #store;
  #state;
  #tell;
  #chain = Promise.resolve();
  #isSending = false;
  #again = false;
  #fails = 0;
  #timer = 0;
  #mine = new Map(); // events of this page the server has not confirmed: what goes with a page that closes

  /** `state`: request, root, key, token, revision. `tell(what, more)` hears how it goes. */
  static async open(state, tell) {
    const queue = new Queue();
    queue.#state = state;
    queue.#tell = tell;
    try {
      queue.#store = await Sealed.open(state.request, state.key);
      queue.device = await queue.#store.device();
    } catch {
      queue.#store = new Memory();
      queue.device = await queue.#store.device();
    }
    const again = () => { queue.#fails = 0; queue.flush(); };
    addEventListener("online", again);
    document.addEventListener("visibilitychange", () => { if (!document.hidden) again(); });
    return queue;
  }

  /** What this page had not heard of when it was made: entries newer than `revision`, in order. */
  async replay(revision) {
    const entries = await this.#store.all();
    const old = entries.filter((entry) => entry.acked !== null && entry.acked <= revision);
    await this.#store.remove(old.map((entry) => entry.seq));
    return entries.filter((entry) => !old.includes(entry));
  }

  /** Keep one answer here ({event, item, answer, after, isTyped}); then hand it in. */
  add(event) {
    const entry = { kind: "answer", ...event, device: this.device, madeAt: new Date().toISOString(), acked: null, tried: false };
    this.#mine.set(event.event, entry);
    return this.#keep(entry);
  }

  /** Send it as soon as everything before is in. */
  send() {
    return this.#keep({ kind: "send", acked: null, tried: false });
  }

  async takeBackSending() {
    const entries = await this.#store.open();
    await this.#store.remove(entries.filter((entry) => entry.kind === "send").map((entry) => entry.seq));
  }

  async #keep(entry) {
    await this.#inTurn(() => this.#place(entry)).catch(() => {
      this.#store = new Memory(); // a full or forbidden storage: this page still holds it
      return this.#store.add(entry);
    });
    // While it waits to try again, what is new waits with it.
    if (!this.#timer) await this.flush();
    else this.#tell("waiting");
  }

  /** One change of what is kept at a time. */
  #inTurn(change) {
    this.#chain = this.#chain.catch(() => {}).then(change);
    return this.#chain;
  }

  /** Words typed on and on, none of them tried yet, are one answer: the newest. */
  async #place(entry) {
    const last = entry.isTyped ? (await this.#store.open()).filter((each) => each.item === entry.item).at(-1) : undefined;
    if (!last || last.tried || last.device !== entry.device) return this.#store.add(entry);
    this.#mine.delete(last.event);
    const merged = { ...entry, seq: last.seq, after: last.after };
    this.#mine.set(entry.event, merged);
    return this.#store.put(merged);
  }

  /** With a page that closes goes what the server has not confirmed; it comes twice, and is kept once. */
  leave() {
    if (!this.#mine.size) return;
    const events = [...this.#mine.values()].map(asSent);
    const body = JSON.stringify({ revision: this.#state.revision, events });
    if (body.length > MOST_ON_LEAVING) return;
    const headers = { "Content-Type": "application/json", "X-CSRFToken": this.#state.token };
    fetch(`${this.#state.root}/answers`, { method: "POST", keepalive: true, credentials: "same-origin", redirect: "manual", headers, body }).catch(() => {});
  }

  /** Hand in what waits, in order, from one tab at a time. */
  async flush() {
    if (this.#isSending) {
      this.#again = true;
      return;
    }
    if (!navigator.onLine) {
      this.#tell("waiting");
      return;
    }
    this.#isSending = true;
    clearTimeout(this.#timer);
    this.#timer = 0;
    try {
      do {
        this.#again = false;
        await this.#alone(() => this.#handIn());
      } while (this.#again);
      this.#fails = 0;
    } catch (trouble) {
      this.#stumbled(trouble);
    } finally {
      this.#isSending = false;
    }
  }

  #alone(work) {
    return navigator.locks ? navigator.locks.request(`checkin-${this.#state.request}`, work) : work();
  }

  async #handIn() {
    for (;;) {
      const { open, batch } = await this.#inTurn(() => this.#next());
      if (!open.length) {
        this.#tell("saved");
        return;
      }
      if (batch.length) await this.#answers(batch);
      else if (!(await this.#send(open[0]))) return;
    }
  }

  /** What goes next; from now on it is sent as it stands. */
  async #next() {
    const open = await this.#store.open();
    const batch = first(open);
    for (const entry of batch.filter((each) => !each.tried)) await this.#store.put({ ...entry, tried: true });
    return { open, batch };
  }

  async #answers(batch) {
    this.#tell("sending");
    const { status, said } = await this.#ask("answers", { events: batch.map(asSent) });
    if (status !== 200) {
      // Nothing a page of ours sends is refused as a whole, but a page of an older version may be.
      await this.#store.remove(batch.map((entry) => entry.seq));
      for (const entry of batch) this.#mine.delete(entry.event);
      this.#tell("refused", { reason: said.reason ?? "An answer could not be kept. Open this page again." });
      return;
    }
    this.#state.revision = said.revision;
    const kept = batch.filter((entry) => said.outcomes[entry.event] === "kept");
    for (const entry of kept) await this.#store.put({ ...entry, tried: true, acked: said.revision });
    await this.#store.remove(batch.filter((entry) => !kept.includes(entry)).map((entry) => entry.seq));
    for (const entry of batch) this.#mine.delete(entry.event);
    const open = (await this.#store.open()).filter((entry) => entry.kind === "answer");
    this.#tell("acknowledged", { said, open: new Set(open.map((entry) => entry.item)) });
    const reason = Object.values(said.reasons)[0];
    if (reason) this.#tell("refused", { reason });
    // What came from elsewhere has not been seen: it is looked at before it is sent.
    if (said.standing) await this.takeBackSending();
  }

  async #send(entry) {
    const { status, said } = await this.#ask("send", {});
    await this.#store.remove([entry.seq]);
    if (status === 200) {
      const all = await this.#store.all();
      await this.#store.remove(all.map((each) => each.seq));
      this.#tell("sent", said);
      return false;
    }
    this.#tell("not-sent", said);
    return true;
  }

  async #ask(end, body) {
    const whole = () => ({ ...body, revision: this.#state.revision });
    const answer = await ask(`${this.#state.root}/${end}`, this.#state.token, whole());
    if (answer.status !== 403) return answer;
    // Signed in anew since this page was made: its token is another one now.
    const { said } = await ask(`${this.#state.root}/key`, "");
    this.#state.token = said.token;
    return ask(`${this.#state.root}/${end}`, this.#state.token, whole());
  }

  #stumbled(trouble) {
    if (trouble instanceof NeedsSignIn) {
      this.#tell("sign-in");
    } else if (trouble instanceof Gone) {
      this.#tell("gone");
      return;
    } else {
      this.#tell("waiting");
    }
    this.#fails += 1;
    const wait = Math.min(LONGEST_WAIT_MS, 1000 * 2 ** (this.#fails - 1)) * (0.8 + Math.random() * 0.4);
    this.#timer = setTimeout(() => this.flush(), wait);
  }
}

/** The answers at the head of the queue that go together; none when what comes first is the sending itself. */
function first(open) {
  const batch = [];
  let characters = 0;
  for (const entry of open) {
    characters += (entry.answer?.length ?? 0) + 300;
    if (entry.kind !== "answer" || batch.length === MOST_AT_ONCE || (batch.length && characters > MOST_CHARACTERS)) break;
    batch.push(entry);
  }
  return batch;
}

function asSent({ event, item, answer, device, after, madeAt }) {
  return { event, item, answer, device, after, madeAt };
}
