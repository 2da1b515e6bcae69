// The board: tiles keep their place and change where they stand.
import { follow, left, tick } from "./bedside.js";

const EVERY_MS = 5000; // readings are not announced to the board one by one: it looks by itself

const main = document.querySelector("main.board");
const line = follow(main);
setInterval(() => { if (!document.hidden) line.refresh(); }, EVERY_MS);
tick(main, (now) => {
  for (const due of main.querySelectorAll("[data-due]")) {
    const said = left(new Date(due.dataset.due).getTime(), now);
    due.textContent = said.startsWith("+") ? `${said.slice(1)} min late:` : said;
  }
});
