// Runs that go on are asked for again and again; what changed is written where it stands.
import { again } from "./again.js";
import { make } from "./elements.js";
import { sendJSON } from "./server.js";
import { localTimes } from "./times.js";

const EVERY = 4000;
const LONGEST = 30_000;
const MOST = 300; // as the server has it
const TOP = 400; // pixels from the top in which new runs are told of

/**
 * Keep a table up to date while it is looked at.
 *
 * @param message what the table shows, for the server.
 * @param usual tells whether nobody chose its columns.
 * @param show draws the table anew.
 */
export function live(box, { message, usual, show }) {
  const sign = document.getElementById("live");
  const place = document.getElementById("new-runs");
  let isLost = false;

  const tell = () => {
    const rows = rowsGoingOn().length;
    sign.hidden = !rows && !isLost;
    sign.className = `live ${isLost ? "off" : "on"}`;
    if (isLost && sign.querySelector("button")) return; // it says so
    if (isLost) sign.replaceChildren("not connected ", make("button", { type: "button", class: "plain", onclick: asking.now }, "Try again"));
    else if (sign.textContent !== `${rows} running`) sign.textContent = `${rows} running`;
  };
  const tellNew = (count, columns) => {
    const runs = count ? `${count >= 100 ? "100+" : count} new run${count > 1 ? "s" : ""}` : "";
    const found = [runs, columns ? "new columns" : ""].filter(Boolean);
    if (!found.length) {
      place.replaceChildren();
      return;
    }
    const text = `${found.join(", ")} – show`;
    // one button, whatever it says: it may have the focus, or be pressed right now
    const button = place.querySelector("button") ?? place.appendChild(make("button", { type: "button", onclick: () => show() }));
    if (button.textContent !== text) button.textContent = text;
  };
  const since = () => Number(box.querySelector("[data-since]")?.dataset.since || 0);
  const rowsGoingOn = () => [...box.querySelectorAll("tr[data-live]")].slice(0, MOST);

  async function look(signal) {
    const rows = rowsGoingOn();
    const asked = message();
    if (!rows.length && !isLost && box.scrollTop >= TOP) return true; // nobody would see it
    const run_ids = rows.map((row) => row.dataset.run);
    const question = { ...asked, run_ids, since: since(), usual: rows.length > 0 && usual() };
    const { html, new: count, more_columns: columns } = await sendJSON("/ui/runs/live", question, { signal });
    isLost = false;
    if (JSON.stringify(asked) === JSON.stringify(message())) {
      patch(box, html);
      tellNew(count, columns);
    }
    tell();
    return true;
  }
  const failed = () => {
    isLost = true;
    tell();
  };
  const asking = again(look, { every: EVERY, longest: LONGEST, failed });
  tell();
  return {
    /** A table was drawn, so the server is there. */
    drawn() {
      tellNew(0, false);
      if (isLost) asking.now();
      else tell();
    },
  };
}

function patch(box, html) {
  const template = document.createElement("template");
  template.innerHTML = `<table><tbody>${html}</tbody></table>`; // rows that our server drew
  localTimes(template.content);
  for (const fresh of template.content.querySelectorAll("tr[data-run]")) {
    const row = box.querySelector(`tr[data-run="${CSS.escape(fresh.dataset.run)}"]`);
    if (row && row.cells.length === fresh.cells.length) patchRow(row, fresh);
  }
}

/** Cells change by their content; the row, its checkbox and its link stay, and so does the focus. */
function patchRow(row, fresh) {
  row.toggleAttribute("data-live", fresh.hasAttribute("data-live"));
  const [link, name] = [row.cells[1].querySelector("a"), fresh.cells[1].querySelector("a").textContent];
  if (link.textContent !== name) link.textContent = name;
  for (let i = 2; i < row.cells.length; i++) {
    const [cell, now] = [row.cells[i], fresh.cells[i]];
    if (cell.innerHTML === now.innerHTML) continue;
    cell.replaceChildren(...now.childNodes);
    cell.title = now.title;
    if (now.className === "n") {
      cell.classList.add("changed");
      setTimeout(() => cell.classList.remove("changed"), 1600);
    }
  }
}
