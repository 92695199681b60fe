// All values of one row in full: cells of a table cut what is long.
import { make } from "./elements.js";

/**
 * Let a click on a value that is cut show it, with the row's others.
 *
 * @returns {(row) => void} shows them for a row.
 */
export function wholeValues(box) {
  const show = (row) => {
    const heads = [...box.querySelectorAll("thead th[data-column]")];
    const link = row.querySelector("th a");
    const parts = heads.slice(1).flatMap((head) => {
      const cell = row.cells[head.cellIndex];
      const text = cell.title || cell.querySelector("time")?.title || cell.textContent.trim();
      return text ? [make("dt", {}, head.querySelector("a, span").textContent), make("dd", {}, text)] : [];
    });
    const close = make("button", { type: "button", class: "plain", "data-closes": true }, "Close");
    const dialog = make(
      "dialog", { class: "row-values", "aria-labelledby": "row-name" },
      make("h2", { id: "row-name" }, link.title || link.textContent),
      make("dl", { tabindex: "0", "aria-label": "Values" }, parts),
      make("p", { class: "buttons" }, close, make("a", { class: "button", href: link.href }, "Open the run")),
    );
    dialog.addEventListener("close", () => dialog.remove());
    document.body.append(dialog);
    dialog.showModal();
  };
  box.addEventListener("click", (event) => {
    const cell = event.target.closest("tr[data-run] > td");
    if (!cell || event.target.closest("a, button, input") || !getSelection().isCollapsed) return;
    if (cell.scrollWidth > cell.clientWidth) show(cell.parentElement);
  });
  return show;
}
