// A field with options to choose from, by the pattern of WAI-ARIA: an editable combobox with a listbox.
import { make } from "./elements.js";

/**
 * Let a field offer options. The focus stays in it; ↑ and ↓ choose, Enter takes what is chosen.
 *
 * @param input the field.
 * @param list an element for the options, with an id.
 * @param options {note: an element that tells what there is, also those who see no list; draw(option): what stands in
 *   its line; take(option); ask(): options are wanted, by a key; popup: what holds list and note and is seen while there
 *   is something in it: Escape closes it, Tab takes, too; closed(): it was}
 * @returns show(options, {told: nodes or texts for the note, chosen}); nothing at all closes it.
 */
export function combobox(input, { list, note, draw, take, ask, popup = null, closed = () => {} }) {
  let options = [];
  let chosen = -1;

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
  function show(found, { told = [], chosen: first = -1 } = {}) {
    options = found;
    list.replaceChildren(...found.map((option, i) => make(
      "li", { role: "option", id: `${list.id}-${i}`, onclick: () => take(option) }, ...draw(option),
    )));
    list.hidden = !isOpen();
    note.replaceChildren(...told);
    popup?.classList.toggle("unseen", !isOpen() && !told.length); // not hidden: what comes into it is read out
    input.setAttribute("aria-expanded", String(isOpen()));
    choose(isOpen() ? first : -1);
  }
  const close = () => {
    show([]);
    closed();
  };
  const move = (by) => choose(chosen < 0 && by < 0 ? options.length - 1 : (chosen + by + options.length) % options.length);

  /** What a key does here; undefined for keys that are not ours. */
  function meaning({ key, altKey, ctrlKey, shiftKey }) {
    if (key === " " && ctrlKey || key === "ArrowDown" && !isOpen()) return ask;
    if (key === "ArrowUp" && altKey && popup || key === "Escape" && popup) return close;
    if (!isOpen()) return undefined;
    if (key === "ArrowDown") return () => move(1);
    if (key === "ArrowUp") return () => move(-1);
    const takes = key === "Enter" || key === "Tab" && popup && !shiftKey;
    return takes && chosen >= 0 ? () => take(options[chosen]) : undefined;
  }
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
