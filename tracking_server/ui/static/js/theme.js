// Light, dark, or as the system; and colours for scripts that draw.
import { keep } from "./kept.js";

const NAMES = { "": "as the system", light: "light", dark: "dark" };
const NEXT = { "": "dark", dark: "light", light: "" };

export function listen() {
  const button = document.getElementById("theme");
  const tell = () => {
    const text = `Colours: ${NAMES[document.documentElement.dataset.theme || ""]}`;
    button.title = text;
    button.setAttribute("aria-label", text);
  };
  button.addEventListener("click", () => {
    const next = NEXT[document.documentElement.dataset.theme || ""];
    if (next) document.documentElement.dataset.theme = next;
    else delete document.documentElement.dataset.theme;
    keep("theme", next); // first.js reads it
    tell();
    dispatchEvent(new Event("themechange"));
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => dispatchEvent(new Event("themechange")));
  tell();
}

const known = new Map(); // asking makes the browser look through the page's styles
addEventListener("themechange", () => known.clear()); // before those who draw again

/** What the tokens of style.css are now, as `rgb(…)`: `colours(["text", "series-1"])`. Draw again on "themechange". */
export function colours(names) {
  const missing = names.filter((name) => !known.has(name));
  const probes = missing.map((name) => {
    const probe = document.createElement("span");
    probe.style.color = `var(--${name})`;
    probe.style.forcedColorAdjust = "none"; // curves are told apart in high contrast, too
    return probe;
  });
  document.body.append(...probes);
  missing.forEach((name, i) => known.set(name, getComputedStyle(probes[i]).color));
  for (const probe of probes) probe.remove();
  return Object.fromEntries(names.map((name) => [name, known.get(name)]));
}

/** The ten colours of series. */
export function palette() {
  return Object.values(colours(Array.from({ length: 10 }, (_, i) => `series-${i + 1}`)));
}
