// Changing texts where they stand.
import { make } from "./elements.js";
import { notice } from "./notices.js";

/**
 * A heading that is changed in place: Enter saves, Esc calls it off.
 *
 * @param heading its element
 * @param button starts it; may be missing
 * @param label what the field is called, and `save(text)`: a promise, whose failure keeps the field
 */
export function lineInPlace(heading, button, { label, save }) {
  if (!button) return;
  button.addEventListener("click", () => {
    const before = heading.textContent;
    const input = make("input", { class: "in-place", "aria-label": label, value: before, maxlength: 250, autocomplete: "off" });
    const stop = (text) => {
      heading.textContent = text;
      form.replaceWith(heading);
      button.hidden = false;
      button.focus();
    };
    const form = make("form", { class: "line-in-place" }, input,
      make("button", {}, "Save"), make("button", { type: "button", class: "plain", onclick: () => stop(before) }, "Cancel"));
    form.addEventListener("keydown", (event) => event.key === "Escape" && stop(before));
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      const text = input.value.trim();
      if (!text || text === before) return stop(before);
      try {
        await save(text);
        stop(text);
      } catch (error) {
        notice(error.message, { bad: true });
        input.focus();
      }
    });
    button.hidden = true;
    heading.replaceWith(form);
    input.select();
  });
}
