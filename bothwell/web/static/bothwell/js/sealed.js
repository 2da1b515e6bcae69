// Words kept on a device so that nobody reads them there: each sealed on its own, all of much the same length.
// It holds no key: whoever opened the page brings it, and what lies here is unreadable without.
const PADDED_TO = 512;

/** What a request to the browser's database brings. */
export function asPromise(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

/** A key of the server's (base64, 32 bytes), usable here and not to be read out again. */
export function keyOf(secret) {
  const raw = Uint8Array.from(atob(secret), (character) => character.charCodeAt(0));
  return crypto.subtle.importKey("raw", raw, "AES-GCM", false, ["encrypt", "decrypt"]);
}

/** Seals anything JSON can say; `about` is where it belongs, and it opens nowhere else. */
export async function seal(key, about, words) {
  const iv = crypto.getRandomValues(new Uint8Array(12));
  const plain = padded(new TextEncoder().encode(JSON.stringify(words))); // nothing tells by its length
  return { iv, sealed: await crypto.subtle.encrypt({ name: "AES-GCM", iv, additionalData: bytes(about) }, key, plain) };
}

/** What was sealed. Throws for another key or another place. */
export async function unseal(key, about, { iv, sealed }) {
  const plain = await crypto.subtle.decrypt({ name: "AES-GCM", iv, additionalData: bytes(about) }, key, sealed);
  return JSON.parse(new TextDecoder().decode(plain));
}

function bytes(text) { return new TextEncoder().encode(text); }

/** The same with blanks behind, up to a whole block. */
function padded(words) {
  const whole = new Uint8Array(Math.ceil(words.length / PADDED_TO) * PADDED_TO).fill(32);
  whole.set(words);
  return whole;
}
