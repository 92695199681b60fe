// How a text in Markdown will read, below the field in which it is typed.
import { make } from "./elements.js";
import { failedHere } from "./notices.js";
import { drawnByServer, sendJSON } from "./server.js";

/** Add a button to a field of a question that shows its text as the page will. */
export function addPreview(textarea) {
  const place = make("div", { class: "markdown card preview", hidden: true });
  const button = make("button", { type: "button", class: "plain", "aria-pressed": "false", onclick: turn }, "Preview");
  textarea.after(make("p", { class: "bar" }, button), place);

  async function turn() {
    const looks = button.getAttribute("aria-pressed") === "false";
    button.setAttribute("aria-pressed", String(looks));
    textarea.hidden = looks;
    place.hidden = !looks;
    if (looks) await show();
  }

  async function show() {
    const text = textarea.value;
    try {
      const { html } = await sendJSON("/ui/markdown", { text });
      if (textarea.value === text) place.replaceChildren(drawnByServer(html)); // else it was changed meanwhile
    } catch (error) {
      if (textarea.value === text) failedHere(place, error, show);
    }
  }
}
