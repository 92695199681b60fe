// Values beside a chart: at the cursor, or as bars where there is one value only.
import { swatch } from "./charts_legend.js";
import { make } from "./elements.js";
import { figure, placeText } from "./curve_series.js";

const ROWS = 14;

/** A box beside the cursor with the values of all runs there. */
export function makeTip(place) {
  const element = make("div", { class: "chart-tip", hidden: true });
  place.append(element);
  return {
    element,
    hide: () => {
      element.hidden = true;
    },
    show(rows, looks, plot, x, y) {
      const some = rows.length > ROWS && y !== null ? nearestTo(rows, y) : rows.slice(0, ROWS);
      const closest =
        y === null
          ? null
          : some.reduce((best, row) => (best === null || Math.abs(row.y - y) < Math.abs(best.y - y) ? row : best), null);
      element.replaceChildren(
        ...some.map((row) =>
          make(
            "div",
            { class: row === closest ? "closest" : "" },
            swatch(looks(row.run.id)),
            make("span", { class: "tip-name" }, row.run.name),
            make("span", { class: "number" }, row.text),
          ),
        ),
      );
      if (rows.length > some.length) element.append(make("div", { class: "quiet" }, `and ${rows.length - some.length} more`));
      element.hidden = !rows.length;
      const left = plot.valToPos(x, "x") + plot.over.offsetLeft;
      const right = left > place.clientWidth / 2;
      element.style.left = right ? "" : `${left + 14}px`;
      element.style.right = right ? `${place.clientWidth - left + 14}px` : "";
    },
  };
}

/** Those around a height, in their order. */
function nearestTo(rows, y) {
  const close = new Set([...rows].sort((a, b) => Math.abs(a.y - y) - Math.abs(b.y - y)).slice(0, ROWS));
  return rows.filter((row) => close.has(row));
}

/** One value of each run, as bars from zero; the greatest first. */
export function bars(series, looks) {
  const rows = [...series].sort((a, b) => (b.raw[0] ?? -Infinity) - (a.raw[0] ?? -Infinity));
  const most = Math.max(...rows.map((row) => Math.abs(row.raw[0] ?? 0)), Number.MIN_VALUE);
  const many = series.length > 1;
  return make(
    "ul",
    { class: many ? "chart-bars" : "chart-bars alone" },
    rows.map((row) => {
      const value = row.raw[0];
      const bar = make("span", { class: value < 0 ? "bar-fill negative" : "bar-fill" });
      bar.style.width = `${Math.max(0.5, (Math.abs(value ?? 0) / most) * 100)}%`;
      bar.style.background = looks(row.run.id).colour;
      return make(
        "li",
        {},
        many
          ? make(
              "a",
              { href: `/runs/${encodeURIComponent(row.run.id)}`, class: "tip-name", title: row.run.name },
              row.run.name,
            )
          : null,
        make("span", { class: "number" }, figure(value, 6)),
        many
          ? make("span", { class: "bar-rail", "aria-hidden": "true" }, bar)
          : make("span", { class: "quiet" }, `at ${placeText("step", row.curve.steps[0])}`),
      );
    }),
  );
}
