// The box for a filter: completes it, marks the word that is wrong, and says why.
import { combobox } from "./combobox.js";
import { make, settled } from "./elements.js";
import { checked } from "./filter_check.js";
import { addHelp } from "./filter_help.js";
import { optionsAt } from "./filter_options.js";
import { expected } from "./filter_words.js";
import { getJSON } from "./server.js";

/**
 * Make an input a box for filters; what surrounds it stays.
 *
 * @param input a text field.
 * @param options {subject: of `filter_subjects.js`; query: of which of them, such as {experiments}; submit: called with a
 *   filter that parses; errorPlace: an element for messages}
 * @returns {set(text)} to show another filter.
 */
export function attach(input, { subject, query = {}, submit, errorPlace }) {
  const mirror = make("div", { class: "filter-mirror", "aria-hidden": "true" });
  const list = make("ul", { id: `${input.id}-options`, "aria-label": "How the filter can go on" });
  const note = make("p", { class: "hint" });
  const popup = make("div", { class: "filter-popup unseen" }, list, note);
  const had = document.activeElement === input;
  const box = make("div", { class: "filter-box" });
  input.before(box);
  box.append(input, mirror, popup, addHelp(subject.help));
  if (had) input.focus();
  errorPlace.setAttribute("aria-live", "polite");
  input.setAttribute("aria-describedby", errorPlace.id);

  const ask = (given, options) => getJSON(`${subject.asks}/filter`, { ...query, ...given }, options);
  const check = checked(input, { mirror, place: errorPlace, ask });
  let asking = null;
  let awake = false;

  const rest = () => {
    awake = false;
    asking?.abort();
  };
  const close = () => {
    rest();
    show([]);
  };
  const complete = async () => {
    asking?.abort();
    asking = new AbortController();
    const { signal } = asking;
    if (document.activeElement !== input || input.selectionStart !== input.selectionEnd) return close();
    const text = input.value;
    const place = expected(text, input.selectionStart, subject);
    try {
      const found = await optionsAt(place, text, { subject, query, signal });
      if (signal.aborted) return;
      const same = found.length === 1 && found[0].insert.trim() === place.typed;
      if (same || !found.length) show([]);
      else show(found, { told: [`${found.length} to choose from: ↑ ↓ choose, Enter takes, Esc closes.`] });
    } catch (error) {
      if (error.name !== "AbortError") show([], { told: [`Nothing to choose from now. ${error.message}`] });
    }
  };
  const soon = settled(() => awake && complete(), 100);
  const completeSoon = () => {
    awake = true; // until it closes
    asking?.abort(); // what comes of it is of another text
    soon();
  };
  const changed = () => {
    check.clear();
    check.soon();
  };
  const take = ({ insert, more }) => {
    // of what stands there now, which may be more than what the options are of
    const place = expected(input.value, input.selectionStart, subject);
    if (!place) return close();
    const { start, stop } = place;
    const after = input.value.slice(stop);
    input.focus();
    input.setRangeText(insert.endsWith(" ") && /^\s/.test(after) ? insert.trimEnd() : insert, start, stop, "end");
    changed();
    close();
    if (more) complete();
  };
  const go = async () => {
    close();
    const text = input.value.trim();
    if (!(await check.now())) return;
    submit(text);
    check.soon();
  };

  const show = combobox(input, {
    list,
    note,
    popup,
    draw: ({ label, note: about }) => [make("code", {}, label), make("small", {}, about)],
    take,
    ask: complete,
    closed: rest,
  });
  input.addEventListener("input", () => { changed(); completeSoon(); });
  input.addEventListener("click", completeSoon);
  input.addEventListener("focus", completeSoon);
  input.addEventListener("keydown", (event) => {
    if (/^(Arrow(Left|Right)|Home|End)$/.test(event.key)) completeSoon();
    if (event.key !== "Enter" || event.isComposing) return;
    event.preventDefault();
    go();
  });
  input.form?.addEventListener("submit", (event) => {
    if (event.target !== input.form) return;
    event.preventDefault();
    event.stopImmediatePropagation(); // whoever listens there, too, is called when the filter parses
    go();
  }, { capture: true });
  if (input.value.trim()) check.soon();
  return {
    set(text) {
      input.value = text;
      close();
      changed();
    },
  };
}
