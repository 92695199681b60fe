// The language of filters on one screen.
import { make } from "./elements.js";

/** A button that opens the help, which is [[filter, what it finds]]. */
export function addHelp(lines) {
  const rows = lines.map(([text, about]) => [make("dt", {}, make("code", {}, text)), make("dd", {}, about)]);
  document.body.append(make(
    "dialog", { id: "filter-help", "aria-labelledby": "filter-help-title" },
    make("h2", { id: "filter-help-title" }, "Filters"),
    make("dl", { class: "filter-help" }, rows.flat()),
    make("form", { method: "dialog" }, make("p", { class: "buttons" }, make("button", {}, "Close"))),
  ));
  return make("button", {
    type: "button", class: "quiet-button filter-ask", "data-opens": "filter-help",
    "aria-label": "How filters are written", title: "How filters are written",
  }, "?");
}
