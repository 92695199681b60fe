// The jump box: experiments, runs and models by a part of their name or id.
import { combobox } from "./combobox.js";
import { make, settled } from "./elements.js";
import { getJSON } from "./server.js";

export function listen() {
  const words = document.getElementById("jump-words");
  const hint = document.getElementById("jump-hint");
  const usual = [...hint.childNodes];
  let asking = null;

  const tell = (found, ...told) => show(found, { told });
  const look = async () => {
    asking?.abort();
    const text = words.value.trim();
    if (!text) return tell([], ...usual);
    asking = new AbortController();
    const { signal } = asking;
    try {
      const { found } = await getJSON("/ui/jump", { words: text }, { signal });
      if (!signal.aborted) tell(found, found.length ? `${found.length} found. Enter opens the chosen one.` : `Nothing has ${text} in its name.`);
    } catch (error) {
      if (error.name !== "AbortError") tell([], error.message);
    }
  };
  const show = combobox(words, {
    list: document.getElementById("jump-found"),
    note: hint,
    draw: ({ name, kind }) => [name, make("small", {}, kind)],
    take: ({ path }) => location.assign(path),
    ask: look,
    first: true,
  });
  const soon = settled(look, 120);
  words.addEventListener("input", () => {
    asking?.abort(); // what comes of it is of other words
    soon();
  });
  words.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && !event.isComposing) event.preventDefault(); // it would close the dialog
  });
}
