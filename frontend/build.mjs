// Copies the few files our pages take from npm into bothwell/web/static/vendor, where Django serves them.
// It changes nothing in them and fetches nothing: `npm ci` has done that.

import { cp, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const modules = join(root, "node_modules");
const vendor = join(root, "bothwell", "web", "static", "vendor");

const FILES = [
  ["modern-normalize/modern-normalize.css", "modern-normalize.css"],
  ["modern-normalize/license", "modern-normalize.LICENSE"],
  ["uplot/dist/uPlot.iife.min.js", "uplot/uPlot.iife.min.js"],
  ["uplot/dist/uPlot.min.css", "uplot/uPlot.min.css"],
  ["uplot/LICENSE", "uplot/LICENSE"],
];

// Each font is one variable file a script; the browser takes only the scripts a page needs.
const FONTS = [
  { from: "@fontsource-variable/inter", to: "inter", styles: ["index.css"] },
  { from: "@fontsource-variable/source-serif-4", to: "source-serif-4", styles: ["index.css", "wght-italic.css"] },
];

async function copyFile(from, to) {
  await mkdir(dirname(join(vendor, to)), { recursive: true });
  await cp(join(modules, from), join(vendor, to));
}

/** Copies one font: its licence, the style sheets asked for, and exactly the files these name. */
async function copyFont({ from, to, styles }) {
  await copyFile(`${from}/LICENSE`, `${to}/LICENSE`);
  let css = "";
  for (const style of styles) css += await readFile(join(modules, from, style), "utf8");
  const named = new Set([...css.matchAll(/url\(\.\/(files\/[\w.-]+)\)/g)].map((match) => match[1]));
  for (const file of named) await copyFile(`${from}/${file}`, `${to}/${file}`);
  await writeFile(join(vendor, to, "font.css"), css);
}

await rm(vendor, { recursive: true, force: true });
for (const [from, to] of FILES) await copyFile(from, to);
for (const font of FONTS) await copyFont(font);
