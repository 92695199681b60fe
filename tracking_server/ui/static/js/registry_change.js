// Changing what is registered: a question with a note, asked again with what was typed if it fails.
import { ask } from "./dialogs.js";
import { make } from "./elements.js";
import { keep, kept } from "./kept.js";
import { notice } from "./notices.js";
import { addPreview } from "./registry_preview.js";

const WHO = "mlpack-who"; // nobody logs in; what a person calls themselves stays in the browser
const TOLD = "mlpack-told";
let isSending = false; // one change at a time: its answer loads the page anew, or asks in the dialog that all have

/**
 * Ask, send, and show the page anew.
 *
 * @param question () => {title, text, yes, danger, fields}; called before each attempt, so that it
 *   can tell what has changed meanwhile.
 * @param send (values, by) => promise; `by` is {user_id, note} for the history.
 * @param conflict () => promise; learns what is there now, after the server said 409.
 * @param done (values) => {message, href}; where to go; without href the page is loaded again.
 */
export async function change({ question, send, conflict = async () => {}, done }, typed = {}) {
  const later = () => change({ question, send, conflict, done }, typed);
  if (isSending) return notice("The change before is still on its way.", { again: later });
  let failed = null;
  for (;;) {
    const { fields = [], ...asked } = question();
    const all = [...fields, ...about()].map((field) => ({ ...field, value: typed[field.name] ?? field.value }));
    const answer = ask({ ...asked, fields: all });
    if (failed) document.getElementById("ask-fields").prepend(make("p", { class: "error", role: "alert" }, failed));
    for (const { name } of all.filter((field) => field.preview)) addPreview(document.getElementById(`ask-${name}`));
    const values = await answer;
    if (!values) {
      const left = longTexts(fields);
      const goOn = () => change({ question, send, conflict, done }, { ...typed, ...left });
      if (Object.keys(left).length) notice("What you wrote is not saved.", { again: goOn, label: "Go on writing" });
      return;
    }
    typed = values;
    keep(WHO, values.who.trim());
    isSending = true;
    try {
      await send(values, { user_id: values.who.trim(), note: values.note });
    } catch (error) {
      failed = error.message;
      if (error.status === 409) await conflict().catch(() => {});
      continue;
    } finally {
      isSending = false;
    }
    const { message, href } = done(values);
    keep(TOLD, message, "sessionStorage");
    if (href) location.assign(href);
    else location.reload();
    return;
  }
}

/** Long texts that were changed when a question was called off: a click beside it is no reason to lose them. */
function longTexts(fields) {
  const texts = fields.filter((field) => field.preview);
  const now = texts.map(({ name, value }) => [name, document.getElementById(`ask-${name}`).value, value ?? ""]);
  return Object.fromEntries(now.filter(([, text, before]) => text !== before));
}

/** What was done before this page was loaded, told once. */
export function toldBefore() {
  const message = kept(TOLD, "sessionStorage");
  keep(TOLD, null, "sessionStorage");
  return message;
}

function about() {
  return [
    { name: "note", label: "Why", hint: "A note for the history; it may stay empty." },
    { name: "who", label: "Your name", value: kept(WHO) || "", hint: "As the history is to tell it: no login, nobody checks it. This browser remembers it." },
  ];
}
