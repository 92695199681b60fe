// A chart of compared runs: what all have in common. `place.dataset.drawn` says how many runs are drawn.
import { getInstanceByDom, init } from "../lib/charts.js";
import { boxPlots } from "./compare_box.js";
import { importanceBars } from "./compare_importance.js";
import { parallelCoordinates } from "./compare_parallel.js";
import { scatterPlot } from "./compare_scatter.js";
import { chosenRuns, dataTable } from "./compare_data.js";
import { make } from "./elements.js";
import { saveFile } from "./save_file.js";
import { colours, palette } from "./theme.js";

const VIEWS = { parallel: parallelCoordinates, scatter: scatterPlot, box: boxPlots, importance: importanceBars };
const TOKENS = ["text", "quiet", "line", "strong-line", "back", "raised", "accent", "scale-1", "scale-2", "scale-3", "scale-4"];
let shown = null;

/**
 * Draw what the server answered.
 *
 * A view gets the answer, the runs and the colours of now, and says: `option` of the chart, `count` of
 * drawn runs, `label` for who does not see it, `legend` elements, `table` {head, rows, places} of its
 * data, and perhaps `notes` of its own, `height`, and `listen(chart, select)`.
 */
export function drawComparison(place, view, found) {
  shown?.stop();
  shown = null;
  if (found.empty) {
    const words = [make("h2", {}, "Nothing to draw"), make("p", {}, found.empty)];
    place.replaceChildren(make("div", { class: "empty" }, words));
    place.dataset.drawn = 0;
    return;
  }
  const { runs } = found; // those of now: one may have been deleted since the page came
  const describe = () => VIEWS[view](found, runs, { ...colours(TOKENS), palette: palette() });
  const first = describe();
  const wide = view === "parallel" ? "drawing wide" : "drawing";
  const drawing = make("div", { class: wide, role: "img", "aria-label": first.label });
  const legend = make("ul", { class: "legend", "aria-label": "Colours" }, first.legend);
  legend.hidden = !first.legend.length;
  const notes = make("ul", { class: "notes" }, (first.notes ?? found.notes).map((note) => make("li", {}, note)));
  notes.hidden = !notes.children.length;
  const picked = chosenRuns(runs);
  const save = make("button", { type: "button", class: "plain", onclick: () => savePicture(drawing, view) }, "Download PNG");
  place.replaceChildren(
    legend,
    make("div", { class: "scroll-chart", tabindex: 0, role: "region", "aria-label": "Chart" }, drawing),
    notes,
    picked.bar,
    make("div", { class: "bar" }, save),
    dataTable(first.table, runs, picked),
  );
  shown = keepDrawn(drawing, legend, first, describe, picked);
  place.dataset.drawn = first.count;
}

/** Draw, and draw again when colours or the width change; `stop()` ends it. */
function keepDrawn(drawing, legend, first, describe, picked) {
  if (first.height) drawing.style.height = `${first.height}px`;
  const chart = init(drawing, null, { renderer: "canvas" });
  const set = ({ option }) => chart.setOption({ animation: false, ...option }, { notMerge: true });
  set(first);
  first.listen?.(chart, picked.select);
  const recolour = () => {
    const now = describe();
    legend.replaceChildren(...now.legend);
    set(now);
  };
  const watcher = new ResizeObserver(() => chart.resize());
  watcher.observe(drawing);
  addEventListener("themechange", recolour);
  return {
    stop() {
      removeEventListener("themechange", recolour);
      watcher.disconnect();
      chart.dispose();
    },
  };
}

function savePicture(drawing, view) {
  const canvas = getInstanceByDom(drawing).renderToCanvas({ pixelRatio: 2, backgroundColor: colours(["back"]).back });
  canvas.toBlob((blob) => saveFile(blob, `comparison-${view}.png`));
}
