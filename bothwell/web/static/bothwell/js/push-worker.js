// A part of the keeper: shows a call that came though no page was open. It comes empty and says nothing but where to look.
/** Whether this device is in the hands of somebody who was asked to answer on it: then nobody is called here. */
async function isHandedOver() {
  const pages = await self.clients.matchAll({ type: "window", includeUncontrolled: true });
  return pages.some((each) => new URL(each.url).pathname === "/handed");
}

self.addEventListener("push", (event) => event.waitUntil((async () => {
  if (!(await isHandedOver())) await self.registration.showNotification("Look at the board", { tag: "board", renotify: true });
})()));

self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  event.waitUntil((async () => {
    if (await isHandedOver()) return;
    const pages = await self.clients.matchAll({ type: "window", includeUncontrolled: true });
    const board = pages.find((each) => new URL(each.url).pathname.startsWith("/board"));
    await (board ? board.focus() : self.clients.openWindow("/board"));
  })());
});
