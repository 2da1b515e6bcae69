// A part of the keeper: shows a call that came though no page was open. It comes empty and says nothing but where to look.
self.addEventListener("push", (event) => {
  event.waitUntil(self.registration.showNotification("Look at the board", { tag: "board", renotify: true }));
});

self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  event.waitUntil((async () => {
    const pages = await self.clients.matchAll({ type: "window", includeUncontrolled: true });
    const board = pages.find((each) => new URL(each.url).pathname.startsWith("/board"));
    await (board ? board.focus() : self.clients.openWindow("/board"));
  })());
});
