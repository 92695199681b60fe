// Tables that scripts make.
import { make } from "./elements.js";

/**
 * A table.
 *
 * @param caption what it is of, for those who do not see it.
 * @param heads texts, or elements where there is more to say of a column.
 * @param rows lists of cells, likewise.
 */
export function madeTable(caption, heads, rows, look = "list") {
  const line = (cells, plain) => make("tr", {}, cells.map((cell) => (cell instanceof Element ? cell : plain(cell))));
  return make(
    "table", { class: look },
    make("caption", { class: "unseen" }, caption),
    make("thead", {}, line(heads, (text) => make("th", { scope: "col" }, text))),
    make("tbody", {}, rows.map((cells) => line(cells, (text) => make("td", {}, text)))),
  );
}

/** Its place, in which it scrolls, also by keys. */
export function scrolled(label, table, look = "scroll") {
  return make("div", { class: look, tabindex: "0", role: "region", "aria-label": label }, table);
}
