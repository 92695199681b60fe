// The language of filters on one screen.
import { make } from "./elements.js";

const LINES = [
  ["metrics.accuracy > 0.9", "the last value of a metric: > >= < <= = !="],
  ["params.C = '1.0'", "a param, always a text in quotes: = != LIKE ILIKE IN, NOT IN"],
  ["tags.team IN ('blue', 'green')", "one of several"],
  ["params.note LIKE 'a%'", "% stands for anything, _ for one character; ILIKE ignores case"],
  ["tags.team IS NULL", "a param or tag that is not there; IS NOT NULL: one that is"],
  ["metrics.`val loss` < 1", "names with blanks or other signs stand in backticks"],
  ["attributes.status = 'FAILED'", "also run_id, run_name, user_id, start_time, end_time, artifact_uri"],
  ["datasets.name = 'iris'", "what a run read: name, digest, context"],
  ["… AND …", "all of them hold; there is no OR"],
];

/** A button that opens the help; the dialog is made once. */
export function addHelp() {
  if (!document.getElementById("filter-help")) {
    const rows = LINES.map(([text, about]) => [make("dt", {}, make("code", {}, text)), make("dd", {}, about)]);
    document.body.append(make(
      "dialog", { id: "filter-help", "aria-labelledby": "filter-help-title" },
      make("h2", { id: "filter-help-title" }, "Filters"),
      make("dl", { class: "filter-help" }, rows.flat()),
      make("form", { method: "dialog" }, make("p", { class: "buttons" }, make("button", {}, "Close"))),
    ));
  }
  return make("button", {
    type: "button", class: "quiet-button filter-ask", "data-opens": "filter-help",
    "aria-label": "How filters are written", title: "How filters are written",
  }, "?");
}
