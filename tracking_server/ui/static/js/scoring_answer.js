// An endpoint's answer as elements: status, time, predictions in rows, and all of it as JSON.
import { make } from "./elements.js";
import { madeTable, scrolled } from "./made_table.js";

const MOST_ROWS = 50;
const MOST_COLUMNS = 20;

/** The elements for what `POST /ui/score` told. */
export function answerParts(told) {
  const good = told.status >= 200 && told.status < 300;
  const head = make("p", { class: "score-head" },
    make("span", { class: `status ${good ? "ready" : "failed"}` }, `${told.status} ${told.reason}`.trim()),
    make("span", { class: "quiet" }, `${told.milliseconds} ms`),
    make("span", { class: "quiet" }, told.endpoint));
  const parts = [head];
  if (told.note) parts.push(make("p", { class: "notice" }, told.note));
  if (!told.content) return parts;
  const value = parsed(told.content);
  if (!good && typeof value?.message === "string") parts.push(make("p", { class: "error" }, value.message));
  const rows = good ? predictions(value) : null;
  if (rows) parts.push(table(rows));
  const text = make("pre", { tabindex: 0, "aria-label": "The answer as JSON" }, told.content);
  parts.push(rows ? make("details", {}, make("summary", {}, "As JSON"), text) : text);
  return parts;
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null; // NaN, which Python writes
  }
}

/** Rows of values by column, of predictions that are a list; null for others. */
function predictions(value) {
  const list = value?.predictions;
  if (!Array.isArray(list) || !list.length) return null;
  return list.map((each) => (each && typeof each === "object" ? { ...each } : { prediction: each }));
}

function table(rows) {
  const names = [...new Set(rows.slice(0, MOST_ROWS).flatMap((row) => Object.keys(row)))].slice(0, MOST_COLUMNS);
  const cell = (value) => make("td", { class: typeof value === "number" ? "number" : null }, shown(value));
  const lines = rows.slice(0, MOST_ROWS).map((row, i) => [
    make("th", { scope: "row", class: "number" }, String(i + 1)), ...names.map((name) => cell(row[name])),
  ]);
  const heads = [make("th", { scope: "col", class: "number" }, "Row"), ...names];
  const whole = scrolled("Predictions", madeTable("Predictions", heads, lines, "list grid"));
  if (rows.length <= MOST_ROWS) return whole;
  return make("div", {}, whole, make("p", { class: "hint" }, `${rows.length - MOST_ROWS} more rows are in the JSON.`));
}

function shown(value) {
  if (value === undefined) return "";
  return typeof value === "string" ? value : JSON.stringify(value);
}
