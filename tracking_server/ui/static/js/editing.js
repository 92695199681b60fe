// Changing texts where they stand; the elements are those of templates/editing.html.
import { make } from "./elements.js";
import { notice, tried } from "./notices.js";

/**
 * A heading that is changed in place: Enter saves, Esc calls it off.
 *
 * @param heading its element
 * @param button starts it; may be missing
 * @param label what the field is called; `save(text)`: a promise, whose failure keeps the field
 */
export function lineInPlace(heading, button, { label, save }) {
  if (!button) return;
  button.addEventListener("click", () => {
    const before = heading.textContent;
    const input = make("input", { "aria-label": label, value: before, maxlength: 250, autocomplete: "off" });
    const stop = (text) => {
      heading.textContent = text;
      form.replaceWith(heading);
      button.hidden = false;
      button.focus();
    };
    const cancel = () => input.readOnly || stop(before);
    const form = make("form", { class: "line-in-place" }, input,
      make("button", {}, "Save"), make("button", { type: "button", class: "plain", onclick: cancel }, "Cancel"));
    form.addEventListener("keydown", (event) => event.key === "Escape" && cancel());
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      if (input.readOnly) return; // it is on its way
      const text = input.value.trim();
      if (!text || text === before) return stop(before);
      input.readOnly = true;
      try {
        await save(text);
        stop(text);
      } catch (error) {
        notice(error.message, { bad: true });
        input.readOnly = false;
        input.focus();
      }
    });
    button.hidden = true;
    heading.replaceWith(form);
    input.select();
  });
}

/** Tags: `set(key, value)` and `remove(key)` are promises. Editing fills the form of new ones. */
export function tagsInPlace(place, { set, remove }) {
  const form = place.querySelector(".new-tag");
  if (!form) return;
  const table = place.querySelector("table");
  const { key, value } = form.elements;
  const leaving = new Set(); // a second click removes nothing more
  const row = (name) => [...table.tBodies[0].rows].find((each) => each.dataset.key === name);

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const [name, text] = [key.value.trim(), value.value];
    tried(async () => {
      await set(name, text);
      show(name, text);
      if (key.value.trim() !== name || value.value !== text) return; // the next one is being typed
      form.reset();
      key.focus();
    });
  });
  value.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey) return; // with Shift: a line break
    event.preventDefault();
    form.requestSubmit();
  });
  table.addEventListener("click", (event) => {
    const name = event.target.closest("tr")?.dataset.key;
    if (event.target.closest("[data-change]")) {
      key.value = name;
      value.value = row(name).cells[1].textContent;
      value.select();
    } else if (event.target.closest("[data-remove]") && !leaving.has(name)) {
      const gone = row(name).cells[1].textContent;
      leaving.add(name);
      tried(async () => {
        await remove(name).finally(() => leaving.delete(name));
        row(name).remove();
        table.hidden = !table.tBodies[0].rows.length;
        const back = () => tried(async () => {
          await set(name, gone);
          show(name, gone);
        });
        notice(`The tag “${name}” is removed.`, { again: back, label: "Undo" });
        key.focus();
      });
    }
  });

  function show(name, text) {
    let line = row(name);
    if (!line) {
      line = place.querySelector("template").content.querySelector("tr").cloneNode(true);
      line.dataset.key = name;
      line.cells[0].textContent = name;
      for (const button of line.querySelectorAll("button")) {
        button.setAttribute("aria-label", `${button.getAttribute("aria-label").trim()} ${name}`);
      }
      table.tBodies[0].append(line);
    }
    line.cells[1].textContent = text;
    table.hidden = false;
  }
}
