// Which line is which run: chosen, searched and pointed out for all charts at once.
import { make } from "./elements.js";
import { DASHES } from "./curve_draw.js";
import { palette } from "./theme.js";

const SVG = "http://www.w3.org/2000/svg";
const SEARCHED = 12; // so many runs get a search box

/**
 * Colours and dashes of runs, by id: no two of seventy have both the same. A few differ in their dashes, too, for
 * those who see no colours; of many that would be a thicket, and pointing at one brings it out.
 */
export function makeLooks(runs, signal) {
  const index = new Map(runs.map((run, i) => [run.id, i]));
  let colours = palette();
  addEventListener(
    "themechange",
    () => {
      colours = palette();
    },
    { signal },
  );
  return (id) => {
    const i = index.get(id) ?? 0;
    return {
      colour: colours[i % colours.length],
      dash: DASHES[(runs.length > DASHES.length ? Math.floor(i / colours.length) : i) % DASHES.length],
    };
  };
}

/** A sample of a line, as it is drawn. */
export function swatch({ colour, dash }) {
  const sample = document.createElementNS(SVG, "svg");
  const line = document.createElementNS(SVG, "path");
  sample.setAttribute("class", "swatch");
  sample.setAttribute("aria-hidden", "true");
  line.setAttribute("d", "M0 4h22");
  line.setAttribute("stroke", colour);
  line.setAttribute("stroke-width", "2");
  line.setAttribute("stroke-dasharray", dash.map((length) => length * 0.8).join(" "));
  sample.append(line);
  return sample;
}

/** The list of runs. `onPoint(id | null)` when one is pointed at. */
export function makeLegend(runs, looks, state, onPoint, signal) {
  const list = make("ul", { class: "legend-runs" });
  const find = make("input", {
    type: "search",
    placeholder: `Find among ${runs.length} runs`,
    "aria-label": "Find runs",
    autocomplete: "off",
  });
  const set = (hidden) => state.change({ hidden });
  const toggle = (id, on) => {
    const hidden = new Set(state.hidden);
    if (on) hidden.delete(id);
    else hidden.add(id);
    set(hidden);
  };
  const boxes = new Map();
  const fill = () => {
    list.replaceChildren(
      ...runs.map((run) => {
        const box = make("input", {
          type: "checkbox",
          checked: !state.hidden.has(run.id),
          onchange: () => toggle(run.id, box.checked),
        });
        boxes.set(run.id, box);
        return make(
          "li",
          {
            "data-name": run.name.toLowerCase(),
            onmouseenter: () => onPoint(run.id),
            onmouseleave: () => onPoint(null),
            onfocusin: () => onPoint(run.id),
            onfocusout: () => onPoint(null),
          },
          make(
            "label",
            { class: "line" },
            box,
            swatch(looks(run.id)),
            make("span", { class: "legend-name", title: run.name }, run.name),
          ),
          make(
            "button",
            {
              type: "button",
              class: "quiet-button",
              "aria-label": `Only ${run.name}`,
              onclick: () => set(new Set(runs.map((each) => each.id).filter((id) => id !== run.id))),
            },
            "only",
          ),
          make(
            "a",
            { href: `/runs/${encodeURIComponent(run.id)}`, class: "quiet-button", "aria-label": `Open ${run.name}` },
            "open",
          ),
        );
      }),
    );
  };
  const narrow = () => {
    const words = find.value.trim().toLowerCase();
    for (const line of list.children) line.hidden = !line.dataset.name.includes(words);
  };
  find.addEventListener("input", narrow);
  addEventListener(
    "themechange",
    () => {
      fill();
      narrow();
    },
    { signal },
  );
  state.onChange(({ hidden }) => {
    if (hidden) for (const [id, box] of boxes) box.checked = !hidden.has(id);
  });
  fill();
  return make(
    "section",
    { class: "charts-legend", "aria-label": "Runs" },
    make(
      "div",
      { class: "legend-head" },
      make("h2", {}, "Runs"),
      make("button", { type: "button", class: "quiet-button", onclick: () => set(new Set()) }, "all"),
      make(
        "button",
        { type: "button", class: "quiet-button", onclick: () => set(new Set(runs.map((run) => run.id))) },
        "none",
      ),
    ),
    runs.length > SEARCHED ? find : null,
    list,
  );
}
