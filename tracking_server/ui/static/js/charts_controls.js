// The bar above the charts: what holds for all of them.
import { make, settled } from "./elements.js";
import { placeText } from "./curve_series.js";

const HELP = [
  "Lines go through the points that were logged. Where there are too many for the screen, neighbours are joined: the line is " +
    "their mean, and the band spans from the smallest to the greatest, so that no peak is lost. Zooming in reads the range again. " +
    "Very many points are drawn without dashes; pointing at a run in the list brings its line out.",
  "Smoothing is an exponential moving average over what is drawn: each value takes so much of the one before as the slider " +
    "says. It is corrected at the begin, where there are no values before. What was logged stays visible, faintly.",
  "Drag over a chart to zoom; a double click or Esc shows all again. With the keyboard: + and - zoom, ← and → go from point " +
    "to point, with Shift the range moves, 0 shows all, Enter makes a chart large.",
];

/** The bar's element. `state` is of `makeState`; it is changed, and its changes are shown. */
export function makeControls(state, { count }) {
  const words = make("input", {
    type: "search",
    placeholder: count === 1 ? "Find metrics" : `Find among ${count} metrics`,
    "aria-label": "Find metrics",
    autocomplete: "off",
    spellcheck: "false",
  });
  const axis = make(
    "select",
    { "aria-label": "Horizontal axis" },
    [
      ["step", "Step"],
      ["elapsed", "Time since start"],
      ["time", "Wall time"],
    ].map(([value, label]) => make("option", { value }, label)),
  );
  const log = make("input", { type: "checkbox" });
  const logX = make("input", { type: "checkbox" });
  const smooth = make("input", { type: "range", min: "0", max: "0.99", step: "0.01", "aria-label": "Smoothing" });
  const smoothness = make("output", { class: "number" });
  const zoom = make("button", {
    type: "button",
    class: "plain chart-zoom",
    hidden: true,
    onclick: () => state.change({ zoom: null }),
  });
  const message = make("span", { class: "chart-message", role: "status" });
  const bar = make(
    "div",
    { class: "bar charts-bar", role: "group", "aria-label": "All charts" },
    make("span", { class: "charts-find" }, words),
    make("label", { class: "line" }, "Over", axis),
    make("label", { class: "line" }, log, "log y"),
    make("label", { class: "line" }, logX, "log x"),
    make("label", { class: "line" }, "Smoothing", smooth, smoothness),
    zoom,
    message,
    make(
      "details",
      { class: "charts-help" },
      make("summary", {}, "How to read"),
      HELP.map((text) => make("p", {}, text)),
    ),
  );

  const type = settled(() => state.change({ words: words.value.trim() }));
  words.addEventListener("input", type);
  axis.addEventListener("change", () => state.change({ x: axis.value, zoom: null }));
  log.addEventListener("change", () => state.change({ log: log.checked }));
  logX.addEventListener("change", () => state.change({ logX: logX.checked }));
  smooth.addEventListener("input", () => state.change({ smooth: Number(smooth.value) }));

  const show = () => {
    if (document.activeElement !== words) words.value = state.words;
    axis.value = state.x;
    log.checked = state.log;
    logX.checked = state.logX;
    smooth.value = String(state.smooth);
    smoothness.value = state.smooth ? state.smooth.toFixed(2) : "off";
    zoom.hidden = !state.zoom;
    if (state.zoom) {
      const { axis: along, from, to } = state.zoom;
      zoom.textContent = `${placeText(along, from)} – ${placeText(along, to).replace("step ", "")} ×`;
      zoom.setAttribute("aria-label", `Show all instead of ${zoom.textContent.slice(0, -2)}`);
    }
  };
  state.onChange(show);
  show();
  return {
    bar,
    say: (text, bad = false) => {
      message.textContent = text;
      message.classList.toggle("bad", bad);
    },
  };
}
