// Runs below the run that they belong to.
import { make } from "./elements.js";
import { sendJSON } from "./server.js";

/**
 * Let `.fold` buttons show and hide the children of their row.
 *
 * @param message what the table shows, for the server.
 * @param drawn called with a place in which rows were drawn.
 * @returns {(row, open) => Promise | boolean} does it for a row; false when there is nothing to do.
 */
export function foldable(box, { message, drawn }) {
  const depthOf = (row) => Number(row.dataset.depth || 0);
  const below = (row) => {
    const found = [];
    let next = row.nextElementSibling;
    while (next && depthOf(next) > depthOf(row)) {
      found.push(next);
      next = next.nextElementSibling;
    }
    return found;
  };
  const note = (row, ...parts) => {
    const cell = make("td", { colspan: row.cells.length }, ...parts);
    return make("tr", { class: "note", "data-depth": depthOf(row) + 1 }, cell);
  };

  async function load(row, token, place) {
    const waiting = note(row, make("span", { class: "loading" }, "Runs below…"));
    place.replaceWith(waiting);
    const again = (label) => make(
      "button", { type: "button", class: "plain", onclick: (event) => load(row, token, event.target.closest("tr")) }, label,
    );
    try {
      const { html, next } = await sendJSON("/ui/runs/children", { ...message(), parent: row.dataset.run, page_token: token });
      const body = make("tbody");
      body.innerHTML = html; // rows that our server drew
      for (const child of body.rows) child.dataset.depth = Math.min(depthOf(row) + 1, 5);
      drawn(body);
      const rows = [...body.rows];
      if (next) {
        const more = note(row);
        const ask = () => load(row, next, more);
        more.cells[0].append(make("button", { type: "button", class: "plain", onclick: ask }, "More runs below"));
        rows.push(more);
      }
      if (waiting.isConnected) waiting.replaceWith(...rows);
    } catch (error) {
      waiting.replaceWith(note(row, make("span", { role: "alert" }, `${error.message} `), again("Try again")));
    }
  }
  const fold = (row, open) => {
    const button = row.querySelector(".fold");
    if (!button || (button.getAttribute("aria-expanded") === "true") === open) return false;
    button.setAttribute("aria-expanded", String(open));
    if (open) {
      const place = make("tr");
      row.after(place);
      return load(row, "", place);
    }
    below(row).forEach((each) => each.remove());
    return true;
  };
  box.addEventListener("click", (event) => {
    const button = event.target.closest(".fold");
    if (button) fold(button.closest("tr"), button.getAttribute("aria-expanded") !== "true");
  });
  return fold;
}
