// A text in Markdown that is edited where it stands: templates/editing.html, ui/editing.py.
import { make } from "./elements.js";
import { keep, kept } from "./kept.js";
import { failedHere, notice } from "./notices.js";
import { drawnByServer, sendJSON } from "./server.js";

/** Make a section of the macro `text_in_place` work. What was typed outlives failures and reloads. */
export function textInPlace(section) {
  const form = section?.querySelector("form");
  if (!form) return;
  const { address } = section.dataset;
  const draft = `draft ${address}`;
  const area = form.elements.text;
  const part = (name) => section.querySelector(`[data-${name}]`);
  const [shown, hint, trouble, preview, edit, look] = ["shown", "hint", "trouble", "preview", "edit", "look"].map(part);
  let before = area.value;

  edit.addEventListener("click", start);
  part("cancel").addEventListener("click", cancel);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    save();
  });
  form.addEventListener("keydown", (event) => {
    if (event.key === "Escape") cancel();
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) save();
  });
  area.addEventListener("input", () => keep(draft, area.value === before ? null : area.value, "sessionStorage"));
  look.addEventListener("click", () => show(preview.hidden));
  const typed = kept(draft, "sessionStorage");
  if (typed !== null && typed !== before) {
    start();
    area.value = typed;
    trouble.replaceChildren(make("p", { class: "notice" }, "This text was not saved yet; it is as you left it."));
  }

  function start() {
    form.hidden = false;
    shown.hidden = hint.hidden = edit.hidden = true;
    area.focus();
  }

  function cancel() {
    if (area.readOnly) return;
    const typed = area.value;
    const again = () => {
      start();
      area.value = typed;
    };
    if (typed !== before) notice("What you wrote was dropped.", { again, label: "Take it back" });
    stop(before);
  }

  function stop(text) {
    keep(draft, null, "sessionStorage");
    area.value = before = text;
    trouble.replaceChildren();
    show(false);
    form.hidden = true;
    shown.hidden = edit.hidden = false;
    hint.hidden = text !== "";
    edit.focus();
  }

  /** What is on its way can be neither changed nor called off: the answer ends the writing. */
  async function save() {
    if (area.readOnly) return;
    area.readOnly = true;
    await tried(async () => {
      const answer = await sendJSON(address, { text: area.value, before });
      if (answer.conflict) return choose(answer);
      shown.replaceChildren(drawnByServer(answer.html));
      stop(answer.text);
    }, save);
    area.readOnly = false;
  }

  /** Somebody else changed it: theirs and one's own side by side, and both may win. */
  function choose(theirs) {
    const other = make("div", { class: "markdown card" });
    other.replaceChildren(drawnByServer(theirs.html));
    const mine = () => {
      before = theirs.text; // now it is known, and may be overwritten
      save();
    };
    const take = () => {
      shown.replaceChildren(drawnByServer(theirs.html));
      stop(theirs.text);
    };
    trouble.replaceChildren(
      make("p", { class: "error", role: "alert" }, "Somebody changed this text while you were writing. It now says:"),
      other,
      make("p", { class: "buttons" },
        make("button", { type: "button", class: "danger", onclick: mine }, "Overwrite with mine"),
        make("button", { type: "button", class: "plain", onclick: take }, "Take theirs")),
    );
  }

  async function show(on) {
    look.setAttribute("aria-pressed", String(on));
    preview.hidden = !on;
    area.hidden = on;
    if (!on) return;
    await tried(async () => {
      const text = area.value;
      const { html } = await sendJSON("/ui/markdown", { text });
      if (area.value === text) preview.replaceChildren(drawnByServer(html)); // else it was changed meanwhile
    }, () => show(true));
  }

  async function tried(what, again) {
    trouble.replaceChildren();
    try {
      await what();
    } catch (error) {
      failedHere(trouble, error, again);
    }
  }
}
