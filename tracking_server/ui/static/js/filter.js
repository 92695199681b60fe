// The box for a filter: completes it, marks the word that is wrong, and says why.
import { make, settled } from "./elements.js";
import { expected } from "./filter_words.js";
import { optionsAt } from "./filter_options.js";
import { addHelp } from "./filter_help.js";
import { getJSON } from "./server.js";

const PAUSE = 450;
let boxes = 0;

/**
 * Make an input a box for filters.
 *
 * @param input a text field; what surrounds it stays.
 * @param options {experiments: ids or a function that tells them, submit: called with a filter that
 *   parses, errorPlace: an element for messages}
 * @returns {set(text)} to show another filter.
 */
export function attach(input, { experiments, submit, errorPlace }) {
  const ids = typeof experiments === "function" ? experiments : () => experiments;
  const id = `filter-options-${++boxes}`;
  const box = make("div", { class: "filter-box" });
  const mirror = make("div", { class: "filter-mirror", "aria-hidden": "true" });
  const list = make("ul", { role: "listbox", id, "aria-label": "How the filter can go on" });
  const note = make("p", { class: "hint" });
  const popup = make("div", { class: "filter-popup", hidden: true }, list, note);
  const had = document.activeElement === input;
  input.before(box);
  box.append(input, mirror, popup, addHelp());
  if (had) input.focus();
  const attributes = { role: "combobox", "aria-autocomplete": "list", "aria-expanded": "false", "aria-controls": id,
    "aria-haspopup": "listbox", autocomplete: "off", spellcheck: "false", autocapitalize: "none" };
  for (const [name, value] of Object.entries(attributes)) input.setAttribute(name, value);
  errorPlace.id ||= `${id}-message`;
  errorPlace.setAttribute("aria-live", "polite");
  input.setAttribute("aria-describedby", errorPlace.id);

  let options = [];
  let place = null;
  let chosen = -1;
  let asking = null;
  let checking = null;
  let awake = false;

  const isOpen = () => !popup.hidden;
  const close = () => {
    awake = false;
    asking?.abort();
    popup.hidden = true;
    choose(-1);
    input.setAttribute("aria-expanded", "false");
  };
  const choose = (index) => {
    chosen = index;
    [...list.children].forEach((option, i) => option.setAttribute("aria-selected", String(i === chosen)));
    if (chosen < 0) {
      input.removeAttribute("aria-activedescendant");
      return;
    }
    input.setAttribute("aria-activedescendant", list.children[chosen].id);
    list.children[chosen].scrollIntoView({ block: "nearest" });
  };
  const show = (found, message) => {
    options = found;
    list.replaceChildren(...found.map(({ label, note: about }, i) => make(
      "li", { role: "option", id: `${id}-${i}`, "aria-selected": "false", onclick: () => take(i) },
      make("code", {}, label), make("small", {}, about),
    )));
    list.hidden = !found.length;
    note.textContent = message;
    popup.hidden = !(found.length || message);
    input.setAttribute("aria-expanded", String(found.length > 0));
    choose(-1);
  };
  const complete = async () => {
    asking?.abort();
    const mine = new AbortController();
    asking = mine;
    if (document.activeElement !== input || input.selectionStart !== input.selectionEnd) return close();
    const text = input.value;
    place = expected(text, input.selectionStart);
    try {
      const found = await optionsAt(place, text, ids(), mine.signal);
      if (mine.signal.aborted) return;
      const same = found.length === 1 && found[0].insert.trim() === place.typed;
      show(same ? [] : found, found.length && !same ? "↑ ↓ choose, Enter takes, Esc closes." : "");
    } catch (error) {
      if (error.name !== "AbortError") show([], `Nothing to choose from now. ${error.message}`);
    }
  };
  const soon = settled(() => awake && complete(), 100);
  const completeSoon = () => {
    awake = true; // until it closes
    soon();
  };
  const take = (index) => {
    const option = options[index];
    const after = input.value.slice(place.stop);
    const insert = option.insert.endsWith(" ") && /^\s/.test(after) ? option.insert.trimEnd() : option.insert;
    input.focus();
    input.setRangeText(insert, place.start, place.stop, "end");
    changed();
    close();
    if (option.more) complete();
  };

  const paint = (start = 0, stop = 0) => {
    const text = input.value;
    const marked = stop > start ? [text.slice(0, start), make("mark", {}, text.slice(start, stop)), text.slice(stop)] : [];
    mirror.replaceChildren(...marked);
    mirror.scrollLeft = input.scrollLeft;
  };
  const clear = () => {
    paint();
    input.removeAttribute("aria-invalid");
    errorPlace.replaceChildren();
  };
  const isTouched = ({ start, stop }) =>
    document.activeElement === input && input.selectionStart >= start && input.selectionStart <= stop;
  const fail = (wrong, loudly) => {
    paint(wrong.start, wrong.stop);
    input.setAttribute("aria-invalid", "true");
    errorPlace.replaceChildren(make("p", { class: "error", role: loudly ? "alert" : null }, wrong.short));
    if (!loudly) return;
    input.focus();
    input.setSelectionRange(wrong.start, wrong.stop);
  };
  const hint = (hints) => {
    clear();
    errorPlace.replaceChildren(...hints.map((each) => make("p", { class: "notice" }, each)));
  };
  const check = async () => {
    checking?.abort();
    const mine = new AbortController();
    checking = mine;
    const text = input.value;
    if (!text.trim()) return clear();
    try {
      const found = await getJSON("/ui/filter", { text, experiments: ids().join(","), hints: 1 }, { signal: mine.signal });
      if (mine.signal.aborted || input.value !== text) return;
      if (found.ok) hint(found.hints);
      else if (!isTouched(found)) fail(found, false); // its end is not wrong while it is being typed
    } catch { /* the next pause asks again, and a submit says what is wrong */ }
  };
  const checkSoon = settled(check, PAUSE);
  const changed = () => {
    clear();
    checkSoon();
  };
  const go = async () => {
    close();
    checking?.abort();
    const text = input.value.trim();
    try {
      const found = text ? await getJSON("/ui/filter", { text: input.value }) : { ok: true };
      if (!found.ok) return fail(found, true);
    } catch { /* who is called now says it in place */ }
    submit(text);
    checkSoon();
  };

  input.addEventListener("input", () => { changed(); completeSoon(); });
  input.addEventListener("click", completeSoon);
  input.addEventListener("focus", completeSoon);
  input.addEventListener("blur", close);
  input.addEventListener("scroll", () => { mirror.scrollLeft = input.scrollLeft; });
  popup.addEventListener("pointerdown", (event) => event.preventDefault()); // the input keeps the focus
  input.form?.addEventListener("submit", (event) => {
    if (event.target !== input.form) return;
    event.preventDefault();
    event.stopImmediatePropagation(); // whoever listens there, too, is called when the filter parses
    go();
  }, { capture: true });
  input.addEventListener("keydown", (event) => {
    const down = event.key === "ArrowDown";
    if (event.isComposing) return;
    if (event.key === " " && event.ctrlKey) complete();
    else if (down && !isOpen()) complete();
    else if ((down || event.key === "ArrowUp") && options.length && isOpen()) {
      const count = options.length;
      choose(down ? (chosen + 1) % count : (chosen <= 0 ? count : chosen) - 1);
    } else if ((event.key === "Enter" || event.key === "Tab" && !event.shiftKey) && isOpen() && chosen >= 0) take(chosen);
    else if (event.key === "Enter") go();
    else if (event.key === "Escape") {
      close();
      event.stopPropagation(); // neither the filter nor the selection of runs goes with it
    } else {
      if (/^(Arrow(Left|Right)|Home|End)$/.test(event.key)) completeSoon();
      return;
    }
    event.preventDefault();
  });
  if (input.value.trim()) checkSoon();
  return { set(text) { input.value = text; close(); changed(); } };
}
