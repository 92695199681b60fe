// A field with options to choose from, by the pattern of WAI-ARIA: an editable combobox with a listbox.
import { make } from "./elements.js";

/**
 * Let a field offer options. The focus stays in it; ↑ and ↓ choose, Enter takes what is chosen. Keys that are pressed
 * before the options of what was typed are there wait for them: whoever types fast gets what was meant.
 *
 * @param input the field.
 * @param list an element for the options, with an id.
 * @param options {note: an element that tells what there is, also those who see no list; draw(option): what stands in
 *   its line; take(option); ask(): options are wanted, by a key; popup: what holds list and note and is seen while there
 *   is something in it: Escape closes it, Tab takes, too; first: Enter takes the first option where none was chosen;
 *   closed(): it was}
 * @returns show(options, {told: nodes or texts for the note}); nothing at all closes it. It is called after each input.
 */
export function combobox(input, { list, note, draw, take, ask, popup = null, first = false, closed = () => {} }) {
  let options = [];
  let chosen = -1;
  let waiting = null; // what keys mean that were pressed since the last input, until its options are there

  for (const [name, value] of Object.entries({
    role: "combobox", "aria-autocomplete": "list", "aria-haspopup": "listbox", "aria-controls": list.id,
    "aria-expanded": "false", autocomplete: "off", spellcheck: "false", autocapitalize: "none",
  })) input.setAttribute(name, value);
  list.setAttribute("role", "listbox");
  note.setAttribute("role", "status");

  const isOpen = () => options.length > 0;
  function choose(index) {
    chosen = index;
    [...list.children].forEach((line, i) => line.setAttribute("aria-selected", String(i === chosen)));
    const line = list.children[chosen];
    if (line) input.setAttribute("aria-activedescendant", line.id);
    else input.removeAttribute("aria-activedescendant");
    line?.scrollIntoView({ block: "nearest" });
  }
  function show(found, { told = [] } = {}) {
    const keys = waiting ?? [];
    waiting = null;
    options = found;
    list.replaceChildren(...found.map((option, i) => make(
      "li", { role: "option", id: `${list.id}-${i}`, onclick: () => take(option) }, ...draw(option),
    )));
    list.hidden = !isOpen();
    note.replaceChildren(...told);
    popup?.classList.toggle("unseen", !isOpen() && !told.length); // not hidden: what comes into it is read out
    input.setAttribute("aria-expanded", String(isOpen()));
    choose(first && isOpen() ? 0 : -1);
    for (const act of keys) if (isOpen()) act();
  }
  const close = () => {
    show([]);
    closed();
  };
  const takeChosen = () => chosen >= 0 && take(options[chosen]);
  const move = (by) => choose(chosen < 0 && by < 0 ? options.length - 1 : (chosen + by + options.length) % options.length);

  /** What a key does here; undefined for keys that are not ours. */
  function meaning({ key, altKey, ctrlKey, shiftKey }) {
    if (key === " " && ctrlKey || key === "ArrowDown" && !isOpen() && !waiting) return ask;
    if (key === "ArrowUp" && altKey && popup || key === "Escape" && popup) return close;
    if (!isOpen() && !waiting) return undefined;
    if (key === "ArrowDown") return soon(() => move(1));
    if (key === "ArrowUp") return soon(() => move(-1));
    const takes = key === "Enter" || key === "Tab" && popup && !shiftKey;
    const willBeChosen = waiting ? first || waiting.length > 0 : chosen >= 0;
    return takes && willBeChosen ? soon(takeChosen) : undefined;
  }
  /** Now, or as soon as there are options. */
  const soon = (act) => () => waiting ? waiting.push(act) : act();

  input.addEventListener("input", () => { waiting = []; });
  input.addEventListener("keydown", (event) => {
    const act = event.isComposing ? undefined : meaning(event);
    if (!act) return;
    event.preventDefault();
    event.stopImmediatePropagation(); // nothing else happens: neither a search nor the end of a selection
    act();
  });
  (popup ?? list).addEventListener("pointerdown", (event) => event.preventDefault()); // the field keeps the focus
  if (popup) input.addEventListener("blur", close);
  return show;
}
