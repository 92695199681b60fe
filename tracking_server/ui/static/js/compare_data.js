// Beside a chart: its data as a table, and which of its runs are chosen.
import { make } from "./elements.js";
import { figure } from "./compare_scale.js";
import { madeTable, scrolled } from "./made_table.js";

/** The runs that are chosen in a chart or its table: a line that says so, with a way to compare them alone. */
export function chosenRuns(runs) {
  const chosen = new Set();
  const boxes = new Map();
  const words = make("span", { role: "status" });
  const link = make("a", { class: "button plain" }, "Compare these only");
  const names = make("span", { class: "hint" });
  const clear = make("button", { type: "button", class: "quiet-button", onclick: () => select([]) }, "Choose none");
  const bar = make("div", { class: "selected" }, words, names, make("span", { class: "spread" }), clear, link);
  bar.hidden = true;

  const tell = () => {
    const some = [...chosen].sort((a, b) => a - b);
    words.textContent = `${some.length} of ${runs.length} chosen`;
    names.textContent = some.slice(0, 4).map((i) => runs[i].name.slice(0, 40)).join(", ") + (some.length > 4 ? ", …" : "");
    const fields = new URLSearchParams(location.search);
    fields.set("runs", some.map((i) => runs[i].id).join(","));
    link.href = `/compare?${fields}`;
    bar.hidden = !some.length;
  };
  const select = (places) => {
    chosen.clear();
    for (const i of places) chosen.add(i);
    for (const [i, box] of boxes) box.checked = chosen.has(i);
    tell();
  };
  const boxOf = (i) => {
    const box = make("input", { type: "checkbox", "aria-label": `Choose ${runs[i].name}`, onchange: () => {
      if (box.checked) chosen.add(i);
      else chosen.delete(i);
      tell();
    } });
    boxes.set(i, box);
    return box;
  };
  return { bar, select, boxOf };
}

/** `{head, rows, places}` as a table to unfold; `places` are those of the rows' runs, if rows are runs. */
export function dataTable({ head, rows, places }, runs, picked) {
  const cell = (value) => (typeof value === "number" ? make("td", { class: "number" }, figure(value)) : value ?? "–");
  const first = (i) => [
    make("td", {}, picked.boxOf(places[i])),
    make("th", { scope: "row" }, make("a", { href: `/runs/${encodeURIComponent(runs[places[i]].id)}` }, runs[places[i]].name)),
  ];
  const lines = rows.map((row, i) => [...(places ? first(i) : []), ...row.map(cell)]);
  const table = madeTable("What the chart shows", places ? ["Choose", "Run", ...head] : head, lines);
  return make("details", {}, make("summary", {}, "The same as a table"), scrolled("Data", table));
}
