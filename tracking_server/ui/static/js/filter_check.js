// Says in place what is wrong with a filter, and marks the word.
import { make, settled } from "./elements.js";
import { getJSON } from "./server.js";

const PAUSE = 450;

/**
 * Check a box while it is typed in.
 *
 * @param input the box.
 * @param mirror lies over it with the same text.
 * @param place for messages.
 * @param ask({text, …}, {signal}) tells what `/ui/filter` does.
 * @returns {soon(): after a pause; now(): whether it parses, else it says so loudly}
 */
export function checked(input, { mirror, place, ask }) {
  let checking = null;
  let told = []; // what is in the place from here; what others say there is theirs

  const tell = (...lines) => {
    for (const each of told) each.remove();
    told = lines;
    place.append(...lines);
  };
  const paint = (start = 0, stop = 0) => {
    const text = input.value;
    const marked = stop > start ? [text.slice(0, start), make("mark", {}, text.slice(start, stop)), text.slice(stop)] : [];
    mirror.replaceChildren(...marked);
    mirror.scrollLeft = input.scrollLeft;
  };
  const pass = (hints = []) => {
    paint();
    input.removeAttribute("aria-invalid");
    tell(...hints.map((each) => make("p", { class: "notice" }, each)));
  };
  const clear = () => {
    pass();
    place.replaceChildren();
  };
  const fail = (wrong, loudly) => {
    paint(wrong.start, wrong.stop);
    input.setAttribute("aria-invalid", "true");
    place.replaceChildren();
    tell(make("p", { class: "error", role: loudly ? "alert" : null }, wrong.short));
    if (!loudly) return;
    input.focus();
    input.setSelectionRange(wrong.start, wrong.stop);
  };
  const isTouched = ({ start, stop }) =>
    document.activeElement === input && input.selectionStart >= start && input.selectionStart <= stop;
  const look = settled(async () => {
    checking?.abort();
    checking = new AbortController();
    const { signal } = checking;
    const text = input.value;
    if (!text.trim()) return pass();
    try {
      const found = await ask({ text, hints: 1 }, { signal });
      if (signal.aborted || input.value !== text) return;
      if (found.ok) pass(found.hints);
      else if (!isTouched(found)) fail(found, false); // its end is not wrong while it is being typed
    } catch { /* the next pause asks again, and a submit says what is wrong */ }
  }, PAUSE);

  input.addEventListener("scroll", () => { mirror.scrollLeft = input.scrollLeft; });
  return {
    soon: look,
    clear,
    async now() {
      checking?.abort();
      if (!input.value.trim()) return true;
      const text = input.value;
      try {
        const found = await ask({ text });
        if (!found.ok && input.value === text) fail(found, true); // else the next pause tells
        return found.ok;
      } catch {
        return true; // who is called now says it in place
      }
    },
  };
}
