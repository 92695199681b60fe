// Rows that are selected, and the one that keys act on.
import { isTyping } from "./elements.js";

/**
 * Select rows of a box's tables by pointer and keys.
 *
 * @param box holds `tr[data-run]`, each with a checkbox.
 * @param ids all ids that are loaded, in their order.
 * @param changed called with the selected ids.
 * @param keys more keys: `{key: (row, onRow) => …}`; the row that has the focus, or holds what has it, or null.
 * @returns {{selected, select, clear, all, drawn}} `drawn(body)` is to be called for rows that were drawn.
 */
export function selectable(box, { ids, changed, keys }) {
  const chosen = new Set();
  let anchor = null;
  let current = null;

  const show = (row) => {
    const is = chosen.has(row.dataset.run);
    row.toggleAttribute("data-selected", is);
    row.querySelector("input").checked = is;
  };
  const showAll = () => {
    box.querySelectorAll("tr[data-run]").forEach(show);
    const every = box.querySelector("#all-runs");
    if (every) {
      const loaded = ids();
      const count = loaded.filter((id) => chosen.has(id)).length;
      every.checked = count > 0 && count === loaded.length;
      every.indeterminate = count > 0 && count < loaded.length;
    }
    changed([...chosen]);
  };
  const toggle = (row, upTo) => {
    const id = row.dataset.run;
    const on = !chosen.has(id);
    const loaded = ids();
    const [from, to] = [loaded.indexOf(anchor), loaded.indexOf(id)].sort((a, b) => a - b);
    const many = upTo && from >= 0 ? loaded.slice(from, to + 1) : [id];
    many.forEach((each) => on ? chosen.add(each) : chosen.delete(each));
    anchor = id;
    showAll();
  };
  const all = (on = true) => {
    ids().forEach((id) => on ? chosen.add(id) : chosen.delete(id));
    showAll();
  };
  const select = (wanted) => {
    wanted.forEach((id) => chosen.add(id));
    showAll();
  };
  const clear = () => {
    chosen.clear();
    showAll();
  };
  const focus = (row) => {
    if (!row) return;
    hold(row);
    row.focus({ preventScroll: true });
    row.scrollIntoView({ block: "nearest" });
  };
  /** One row alone can be reached by Tab, with what is in it. */
  const hold = (row) => {
    if (current === row) return;
    if (current) reach(current, -1);
    current = row;
    reach(row, 0);
  };
  const step = (by) => {
    const rows = [...box.querySelectorAll("tr[data-run]")];
    const at = rows.indexOf(document.activeElement?.closest?.("tr[data-run]"));
    if (at < 0) focus(current?.isConnected ? current : rows[0]);
    else focus(rows[at + by]);
  };

  box.addEventListener("click", (event) => {
    if (event.target.id === "all-runs") all(event.target.checked);
    else if (event.target.matches("tr[data-run] input")) toggle(event.target.closest("tr"), event.shiftKey);
  });
  box.addEventListener("mousedown", (event) => {
    if (event.shiftKey && event.target.matches("tr[data-run] input")) event.preventDefault(); // no text is marked
  });
  box.addEventListener("focusin", (event) => {
    const row = event.target.closest("tr[data-run]");
    if (row) hold(row);
  });
  document.addEventListener("keydown", (event) => {
    if (isTyping(event) || event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    if (document.querySelector("dialog[open], :popover-open")) return;
    const row = event.target.closest("tr[data-run]");
    const onRow = row === event.target; // what is in it has keys of its own
    const within = box.contains(event.target);
    const act = {
      j: () => step(1),
      k: () => step(-1),
      ArrowDown: within && (() => step(1)),
      ArrowUp: within && (() => step(-1)),
      x: row && (() => toggle(row, false)),
      X: row && (() => toggle(row, true)),
      " ": row && onRow && (() => toggle(row, event.shiftKey)),
      a: () => all(),
      Escape: chosen.size && clear,
      ...Object.fromEntries(Object.entries(keys).map(([key, what]) => [key, () => what(row, onRow)])),
    }[event.key];
    if (!act || act() === false) return;
    event.preventDefault();
  });
  const drawn = (body) => {
    for (const row of body.querySelectorAll("tr[data-run]")) {
      reach(row, -1);
      if (chosen.size) show(row);
    }
    if (!current?.isConnected) {
      current = null;
      const first = box.querySelector("tr[data-run]");
      if (first) hold(first);
    }
  };
  return { selected: () => [...chosen], select, clear, all, drawn, refresh: showAll };
}

function reach(row, tabIndex) {
  row.tabIndex = tabIndex;
  for (const control of row.querySelectorAll("a, button, input")) control.tabIndex = tabIndex;
}
