// Marks in the contents where the reader is. It remembers nothing.
(() => {
  "use strict";
  const links = new Map([...document.querySelectorAll(".toc a")].map((link) => [link.hash.slice(1), link]));
  if (!links.size || !("IntersectionObserver" in window)) return;

  function mark(id) {
    for (const [key, link] of links) {
      if (key === id) link.setAttribute("aria-current", "true");
      else link.removeAttribute("aria-current");
    }
  }

  const seen = new IntersectionObserver((entries) => {
    const first = entries.find((entry) => entry.isIntersecting);
    if (first) mark(first.target.id);
  }, { rootMargin: "-15% 0px -70% 0px" });
  for (const id of links.keys()) {
    const section = document.getElementById(id);
    if (section) seen.observe(section);
  }
  mark(links.keys().next().value);
})();
