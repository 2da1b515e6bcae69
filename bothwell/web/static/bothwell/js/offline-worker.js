// Keeps the check-in pages that were opened on this device, and of a room the empty frame, with what they are drawn
// with, so that they can be opened again without a network. It keeps nothing else, shows a check-in only as long as a
// session would stay open, and forgets check-ins when somebody signs out or has to sign in; a frame names nobody.
"use strict";
const KEPT = "checkin";
const PAGE = /^\/checkin\/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const ROOMS = "room";
const ROOM = /^\/room\/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}(\/|$)/;
const FRAME = "/room/shell";
const PATIENCE_MS = 6000;
const KEEP_FOR = "X-Keep-Seconds";
const KEPT_AT = "X-Kept-At";
const NOTHING_HERE = `<!doctype html><html lang="en"><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1"><title>Today</title>
<body><main><h1>No connection just now</h1><p>Open this page again when you are online.</p>
<p>If you need somebody now, call your local emergency number.</p></main></body></html>`;

self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));

self.addEventListener("message", (event) => {
  if (event.data.keep) event.waitUntil(keepAll(event.data.keep));
  if (event.data.drop) event.waitUntil(drop(event.data.drop));
  if (event.data.forget) event.waitUntil(forget());
  if (event.data.keepRoom) event.waitUntil(keepRoom(event.data.keepRoom));
});

self.addEventListener("fetch", (event) => {
  const { request } = event;
  const url = new URL(request.url);
  if (url.origin !== self.location.origin) return;
  const isLeaving = request.method === "POST" && url.pathname.startsWith("/account/logout");
  if (isLeaving || (request.mode === "navigate" && url.pathname.startsWith("/account/login"))) {
    event.waitUntil(forget());
  } else if (request.method !== "GET") {
    return;
  } else if (request.mode === "navigate" && PAGE.test(url.pathname) && !url.search) {
    event.respondWith(page(event, url.pathname));
  } else if (request.mode === "navigate" && ROOM.test(url.pathname)) {
    event.respondWith(room(request, url.pathname));
  } else if (url.pathname.startsWith("/static/") && request.mode !== "navigate") {
    event.respondWith(part(request));
  }
});

/** The page as the server has it; without a network as it was kept, while it is young. */
async function page(event, path) {
  let answer;
  try {
    answer = await fetch(event.request);
  } catch {
    return (await kept(path)) ?? nothingHere();
  }
  event.waitUntil(answer.ok && !answer.redirected ? keepCopy(path) : drop(path));
  return answer;
}

function nothingHere() {
  const headers = { "Content-Type": "text/html; charset=utf-8", "Content-Security-Policy": "default-src 'none'", "Cache-Control": "no-store" };
  return new Response(NOTHING_HERE, { status: 503, headers });
}

/** What a page is drawn with: of the server, else as kept. */
async function part(request) {
  try {
    return await fetch(request);
  } catch (trouble) {
    for (const cacheName of [KEPT, ROOMS]) {
      const found = await caches.match(request, { cacheName, ignoreVary: true });
      if (found) return found;
    }
    throw trouble;
  }
}

/** A room as the server has it; while the server is away its empty frame, which names nobody. */
async function room(request, path) {
  const frame = await caches.match(FRAME, { cacheName: ROOMS, ignoreVary: true });
  if (!frame) return fetch(request);
  try {
    const answer = await Promise.race([fetch(request), late()]);
    if (answer.status < 502 || answer.status > 504) return answer;
  } catch { /* away */ }
  // A page of its own has no frame: the room it belongs to has.
  const bed = path.split("/").slice(0, 3).join("/");
  return path === bed ? frame : Response.redirect(bed, 303);
}

function late() {
  return new Promise((_, reject) => { setTimeout(() => reject(new Error("late")), PATIENCE_MS); });
}

/** The frame of a room and its parts; of any room only this, and nobody is in it. */
async function keepRoom(parts) {
  const cache = await caches.open(ROOMS);
  const wanted = parts.filter((each) => new URL(each, self.location.origin).pathname.startsWith("/static/"));
  const answer = await fetch(FRAME, { credentials: "same-origin", redirect: "manual", cache: "no-store" });
  if (!answer.ok) return;
  await Promise.all(wanted.map((each) => cache.add(each).catch(() => {})));
  await cache.put(FRAME, answer);
  for (const client of await self.clients.matchAll()) client.postMessage({ keptRoom: true });
}

/** The questions without anything of the person's: what they answered never lies here in words. */
async function keepCopy(path) {
  const answer = await fetch(`${path}?copy`, { credentials: "same-origin", redirect: "manual", cache: "no-store" });
  if (answer.ok) await keepPage(path, answer);
}

async function keepPage(path, answer) {
  const seconds = Number(answer.headers.get(KEEP_FOR));
  if (!seconds || answer.redirected) return;
  const headers = new Headers(answer.headers);
  headers.set(KEPT_AT, String(Date.now()));
  const cache = await caches.open(KEPT);
  await cache.put(path, new Response(await answer.blob(), { status: 200, headers }));
}

async function kept(path) {
  const found = await caches.match(path, { cacheName: KEPT, ignoreVary: true });
  if (!found) return null;
  const age = Date.now() - Number(found.headers.get(KEPT_AT));
  if (age >= 0 && age < Number(found.headers.get(KEEP_FOR)) * 1000) return found;
  await drop(path);
  return null;
}

async function drop(path) {
  if (await caches.has(KEPT)) await (await caches.open(KEPT)).delete(path, { ignoreVary: true });
}

/** The page that asks for it, and its parts: fetched anew, for it was opened before this keeper was there. */
async function keepAll({ page: path, parts }) {
  if (!PAGE.test(path)) return;
  const cache = await caches.open(KEPT);
  const wanted = parts.filter((each) => new URL(each, self.location.origin).pathname.startsWith("/static/"));
  await Promise.all(wanted.map((each) => cache.add(each).catch(() => {})));
  await keepCopy(path);
  for (const client of await self.clients.matchAll()) client.postMessage({ kept: path });
}

/** All pages, and of the answers those the server has. What still waits is sealed, and its key was in the page. */
async function forget() {
  await caches.delete(KEPT);
  const rooms = indexedDB.open("room");
  rooms.onupgradeneeded = () => rooms.transaction.abort();
  rooms.onsuccess = () => { rooms.result.transaction("pictures", "readwrite").objectStore("pictures").clear(); rooms.result.close(); };
  const known = await indexedDB.databases?.();
  if (known && !known.some((each) => each.name === "checkin")) return;
  const opening = indexedDB.open("checkin");
  opening.onupgradeneeded = () => opening.transaction.abort();
  opening.onsuccess = () => {
    const changes = opening.result.transaction(["entries", "devices"], "readwrite");
    changes.objectStore("devices").clear();
    const walk = changes.objectStore("entries").openCursor();
    walk.onsuccess = () => {
      if (!walk.result) { opening.result.close(); return; }
      if (walk.result.value.acked !== null) walk.result.delete();
      walk.result.continue();
    };
  };
}
