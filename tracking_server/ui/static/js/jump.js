// The jump box: experiments, runs and models by a part of their name or id.
import { make, settled } from "./elements.js";
import { getJSON } from "./server.js";

export function listen() {
  const words = document.getElementById("jump-words");
  const list = document.getElementById("jump-found");
  const hint = document.getElementById("jump-hint");
  let asking = null;
  let chosen = -1;

  const options = () => [...list.children];
  const choose = (index) => {
    const all = options();
    chosen = all.length ? (index + all.length) % all.length : -1;
    all.forEach((option, i) => option.setAttribute("aria-selected", String(i === chosen)));
    if (chosen >= 0) {
      words.setAttribute("aria-activedescendant", all[chosen].id);
      all[chosen].scrollIntoView({ block: "nearest" });
    } else words.removeAttribute("aria-activedescendant");
  };
  const show = (found) => {
    list.replaceChildren(...found.map((each, i) => make(
      "li", { role: "option", id: `jump-${i}`, "data-path": each.path, onclick: () => location.assign(each.path) },
      each.name, make("small", {}, each.kind),
    )));
    words.setAttribute("aria-expanded", String(found.length > 0));
    choose(found.length ? 0 : -1);
  };
  const look = settled(async () => {
    asking?.abort();
    const text = words.value.trim();
    if (!text) {
      show([]);
      return;
    }
    asking = new AbortController();
    try {
      const { found } = await getJSON("/ui/jump", { words: text }, { signal: asking.signal });
      show(found);
      hint.textContent = found.length ? "Enter opens it." : `Nothing has ${text} in its name.`;
    } catch (error) {
      if (error.name !== "AbortError") hint.textContent = error.message;
    }
  }, 120);

  words.addEventListener("input", look);
  words.addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown") choose(chosen + 1);
    else if (event.key === "ArrowUp") choose(chosen - 1);
    else if (event.key === "Enter") {
      if (chosen >= 0) location.assign(options()[chosen].dataset.path);
    } else return;
    event.preventDefault();
  });
}
