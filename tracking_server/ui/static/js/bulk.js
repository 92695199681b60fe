// What is done with all selected runs: deleted, restored, tagged.
import { ask } from "./dialogs.js";
import { make } from "./elements.js";
import { notice } from "./notices.js";
import { sendJSON } from "./server.js";

const MOST = 1000; // of one call
const DONE = { delete: "deleted", restore: "restored", tag: "tagged", untag: "freed of the tag" };
const BUTTONS = [["tag", "Tag"], ["restore", "Restore"], ["delete", "Delete"]];

/**
 * Buttons for selected runs.
 *
 * @param options {bar: an element for the buttons, selected: tells the ids, done: called with the ids
 *   that changed and what was done, table: has the focus when the buttons are gone with the selection}
 * @returns {at(stage)} to offer what suits runs that are "active" (or ""), "deleted", or "all" of these.
 */
export function attach({ bar, selected, done, table }) {
  const buttons = BUTTONS.map(([what, text]) => make("button", { type: "button", class: "plain", "data-bulk": what }, text));
  bar.append(...buttons);
  bar.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-bulk]");
    if (!button || button.disabled) return;
    const ids = selected();
    if (!ids.length) return notice("Select runs first.");
    const answer = await QUESTIONS[button.dataset.bulk](ids);
    if (!answer) return;
    const { remove, ...more } = answer;
    button.disabled = true;
    await change(remove ? "untag" : button.dataset.bulk, ids, more, done);
    button.disabled = false;
    if (document.activeElement === document.body) (button.checkVisibility() ? button : table).focus();
  });
  const [, restore, remove] = buttons;
  return {
    at(stage) {
      restore.hidden = !stage || stage === "active";
      remove.hidden = stage === "deleted";
    },
  };
}

const QUESTIONS = {
  delete: (ids) => ask({
    title: `Delete ${runs(ids)}?`, yes: `Delete ${runs(ids)}`, danger: true,
    text: `${ids.length === 1 ? "It moves" : "They move"} to the deleted runs and can be restored from there, `
      + "with everything that was logged, until somebody runs “mlpack gc” where the server is.",
  }),
  restore: (ids) => ask({ title: `Restore ${runs(ids)}?`, yes: "Restore", text: "Those that are not deleted stay as they are." }),
  tag: (ids) => ask({
    title: `Tag ${runs(ids)}`, yes: "Tag", text: "A tag of the same key is overwritten.",
    fields: [
      { name: "key", label: "Key", required: true }, { name: "value", label: "Value" },
      { name: "remove", label: "Remove the tag of this key instead", type: "checkbox" },
    ],
  }),
};

async function change(what, ids, more, done) {
  const changed = [];
  const failed = {};
  try {
    for (let at = 0; at < ids.length; at += MOST) {
      const answer = await sendJSON(`/ui/runs/${what}`, { ...more, run_ids: ids.slice(at, at + MOST) });
      changed.push(...answer.done);
      Object.assign(failed, answer.failed);
    }
  } catch (error) {
    const before = changed.length ? `${runs(changed)} ${DONE[what]}; then: ` : "";
    const left = ids.filter((id) => !changed.includes(id) && !(id in failed));
    notice(before + error.message, { bad: true, again: () => change(what, left, more, done) });
  }
  const wrong = Object.entries(failed);
  if (wrong.length) notice(`${runs(wrong)} not ${DONE[what]}. ${reasons(wrong)}`, { bad: true, again: () => {}, label: "OK" });
  if (!changed.length) return;
  const undo = what === "delete" ? () => change("restore", changed, {}, done) : null;
  notice(`${runs(changed)} ${DONE[what]}.`, { again: undo, label: "Undo" });
  await done(changed, what);
}

/** Each reason once, with how many it concerns. */
function reasons(failed) {
  const counts = new Map();
  for (const [id, message] of failed) {
    const reason = message.replaceAll(id, "…");
    const known = counts.get(reason) || { text: message.replaceAll(id, id.slice(0, 8)), count: 0 };
    counts.set(reason, { ...known, count: known.count + 1 });
  }
  const told = [...counts.values()].slice(0, 3);
  return told.map(({ text, count }) => count > 1 ? `${text} (and ${count - 1} more)` : text).join(" ");
}

function runs(ids) {
  return `${ids.length.toLocaleString("en")} run${ids.length === 1 ? "" : "s"}`;
}
