// Opening dialogs, and asking before something is changed.
import { make } from "./elements.js";

export function open(id) {
  const dialog = document.getElementById(id);
  if (dialog && !dialog.open) dialog.showModal();
  return dialog;
}

/**
 * Ask before something is changed.
 *
 * @param question {title, text, yes, danger, fields: [{name, label, value, type, options, hint, required}]}
 *   A field's type is "text" (default), "textarea", "select" or "checkbox".
 * @returns the fields' values by name, or null when it was called off.
 */
export function ask({ title, text = "", yes = "OK", danger = false, fields = [] }) {
  const dialog = document.getElementById("ask");
  dialog.querySelector("#ask-title").textContent = title;
  dialog.querySelector("#ask-text").textContent = text;
  const button = dialog.querySelector("#ask-yes");
  button.textContent = yes;
  button.classList.toggle("danger", danger);
  dialog.querySelector("#ask-fields").replaceChildren(...fields.map(fieldOf));
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((answer) => {
    dialog.addEventListener("close", () => {
      if (dialog.returnValue !== "yes") return answer(null);
      const controls = fields.map(({ name }) => [name, dialog.querySelector(`#ask-${name}`)]);
      answer(Object.fromEntries(controls.map(([name, it]) => [name, it.type === "checkbox" ? it.checked : it.value])));
    }, { once: true });
  });
}

function fieldOf({ name, label, value = "", type = "text", options = [], hint = "", required = false }) {
  const id = `ask-${name}`;
  const shared = { id, name, required, "aria-describedby": hint ? `${id}-hint` : null };
  if (type === "checkbox") {
    return make("label", { class: "line field" }, make("input", { ...shared, type, checked: Boolean(value) }), label);
  }
  let control = make("input", { ...shared, type, value, autocomplete: "off" });
  if (type === "textarea") control = make("textarea", shared, value);
  if (type === "select") {
    control = make("select", shared, options.map((each) => make("option", { selected: each === value }, each)));
  }
  const parts = [make("label", { for: id }, label), control];
  if (hint) parts.push(make("small", { class: "hint", id: `${id}-hint` }, hint));
  return make("div", { class: "field" }, parts);
}

/** Buttons with `data-opens="id"` open dialogs; a click beside a dialog closes it. */
export function listen() {
  document.addEventListener("click", (event) => {
    const opener = event.target.closest("[data-opens]");
    // not by a button of the form: Enter in a field would press it, and a field that must be filled hold it up
    if (event.target.closest("[data-closes]")) event.target.closest("dialog").close();
    else if (opener) open(opener.dataset.opens);
    else if (event.target instanceof HTMLDialogElement && event.target.open) event.target.close();
  });
}
