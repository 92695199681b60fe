// The box around curves: axes, grid, cursor and the range that is dragged, by uPlot.
import { colours } from "./theme.js";
import { drawSeries } from "./curve_draw.js";
import { clockText, dayText, elapsedText, extent, figure } from "./curve_series.js";
import uPlot from "../lib/curves.js";

const UNITS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 172800, 604800];

/**
 * A plot in a place. `on` = {range(from, to), move(x), leave()}.
 *
 * @returns {show(view), cursor(x), resize(), tell(), canvas, destroy()}; a view is
 *   {series, axis, log, logX, range: {from, to} | null, look}.
 */
export function makePlot(place, height, on) {
  let view = { series: [], axis: "step", log: false, logX: false, range: null, look: null };
  let plot = null;
  let made = "";
  let quiet = false; // the cursor is moved by us

  const make = () => {
    plot?.destroy();
    made = kindOf(view);
    plot = new uPlot(
      optionsOf(view, place.clientWidth || 300, height(), {
        draw: (self) => drawSeries(self, view.series, view.look, view),
        setCursor: (self) => {
          if (quiet) return;
          if (self.cursor.left >= 0) on.move(self.posToVal(self.cursor.left, "x"), self);
          else on.leave();
        },
        setSelect: (self) => {
          const { left, width } = self.select;
          if (width < 4) return;
          const ends = [self.posToVal(left, "x"), self.posToVal(left + width, "x")];
          self.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
          on.range(...ends);
        },
      }),
      [
        [0, 1],
        [null, null],
      ],
      place,
    );
  };

  const rescale = () => {
    const { x, y } = scalesOf(view);
    plot.setScale("x", x);
    plot.setScale("y", y);
    plot.redraw(false, true);
  };

  return {
    show(next) {
      view = next;
      if (plot && made === kindOf(view)) plot.batch(rescale);
      else {
        make();
        rescale(); // a new plot draws itself at the end of this task, once
      }
    },
    cursor(x) {
      if (!plot) return;
      quiet = true;
      const { min, max } = plot.scales.x;
      const there = x !== null && x >= min && x <= max;
      plot.setCursor(there ? { left: plot.valToPos(x, "x"), top: 0 } : { left: -10, top: -10 }, false);
      quiet = false;
    },
    resize() {
      if (!plot) return;
      if (place.clientWidth === plot.width) return;
      plot.setSize({ width: place.clientWidth, height: height() });
    },
    recolour() {
      plot?.redraw(false, true);
    },
    get plot() {
      return plot;
    },
    destroy() {
      plot?.destroy();
      plot = null;
    },
  };
}

function kindOf({ axis, log, logX }) {
  return `${axis} ${log} ${logX}`;
}

/** Both scales, with some air above and below; where nothing is, something that can be drawn. */
function scalesOf({ series, log, logX, range }) {
  const found = extent(series, { ...range, positive: log, positiveX: logX });
  let [left, right] = [range?.from ?? found.left, range?.to ?? found.right];
  if (logX && left <= 0) left = Number.isFinite(found.left) ? found.left : 1;
  if (!Number.isFinite(left) || !Number.isFinite(right)) [left, right] = logX ? [1, 10] : [0, 1];
  if (left >= right) [left, right] = logX ? [left / 2, left * 2] : [left - 1, left + 1];
  let { low, high } = found;
  if (!Number.isFinite(low) || !Number.isFinite(high)) [low, high] = log ? [0.1, 1] : [0, 1];
  if (log) {
    const air = Math.max((high / low) ** 0.05, 1.02);
    return { x: { min: left, max: right }, y: { min: low / air, max: high * air } };
  }
  const air = (high - low) * 0.06 || Math.abs(high) * 0.1 || 1;
  return { x: { min: left, max: right }, y: { min: Math.max(low - air, -1.7e308), max: Math.min(high + air, 1.7e308) } };
}

function optionsOf({ axis, log, logX }, width, height, { draw, setCursor, setSelect }) {
  const colour = (name) => () => colours([name])[name];
  const line = { stroke: colour("quiet"), font: "11px system-ui, sans-serif", ticks: { show: false } };
  const grid = { stroke: colour("line"), width: 1 };
  const fixed = (self, low, high) => [low, high];
  const xAxis = { ...line, grid: { show: false }, size: 26, gap: 4, space: 60 };
  if (axis === "elapsed" && !logX) Object.assign(xAxis, { splits: elapsedSplits, values: told(elapsedText) });
  else if (axis === "time" && !logX) Object.assign(xAxis, { values: timeLabels, space: 70 });
  else if (axis === "step" || logX) Object.assign(xAxis, { values: told(axis === "step" ? shortNumber : elapsedText) });
  if (axis === "step" && !logX)
    xAxis.incrs = [1, 2, 5].flatMap((each) => Array.from({ length: 19 }, (_, i) => each * 10 ** i)).sort((a, b) => a - b);
  if (logX) Object.assign(xAxis, { splits: logSplits, filter: withLabel });
  const yAxis = { ...line, grid, size: measured, gap: 5, space: 32, values: told((each) => figure(each, 6)) };
  if (log) Object.assign(yAxis, { splits: logSplits, filter: withLabel });
  return {
    width,
    height,
    ms: 1,
    pxAlign: 1,
    padding: [8, axis === "step" ? 12 : 22, 0, 0],
    legend: { show: false },
    scales: {
      x: { time: axis === "time", auto: false, distr: logX ? 3 : 1, range: fixed },
      y: { auto: false, distr: log ? 3 : 1, range: fixed },
    },
    axes: [xAxis, yAxis],
    series: [{}, { scale: "y", show: true, points: { show: false } }],
    cursor: {
      y: false,
      points: { show: false },
      drag: { x: true, y: false, setScale: false },
      bind: { dblclick: () => null },
    },
    hooks: { draw: [draw], setCursor: [setCursor], setSelect: [setSelect] },
  };
}

/** Labels of an axis; a logarithmic one leaves some out. */
function told(text) {
  return (self, all) => all.map((each) => (each === null ? "" : text(each)));
}

/** As wide as the labels of the y axis are. */
function measured(self, values, axisIndex, cycle) {
  const axis = self.axes[axisIndex];
  if (cycle > 1) return axis._size;
  const longest = (values ?? []).reduce((most, each) => Math.max(most, String(each).length), 3);
  return Math.ceil(longest * 6.4) + 12;
}

function logSplits(self, axisIndex, low, high) {
  const decades = Math.log10(high / low);
  const steps = decades > 8 ? [1] : decades > 2.5 ? [1] : decades > 0.8 ? [1, 2, 5] : null;
  if (!steps) return roundSplits(low, high);
  const every = Math.max(1, Math.ceil(decades / 6));
  const found = [];
  for (let power = Math.floor(Math.log10(low)); power <= Math.ceil(Math.log10(high)); power++) {
    if (power % every) continue;
    for (const each of steps) {
      const at = Number(`${each}e${power}`);
      if (at >= low && at <= high) found.push(at);
    }
  }
  return found;
}

/** Which of a logarithmic scale's values have a label: all if they fit, else powers of ten. */
function withLabel(self, splits, axisIndex) {
  const room = (axisIndex ? self.bbox.height / 18 : self.bbox.width / 45) / devicePixelRatio;
  return splits.length <= room ? splits : splits.map((at) => at.toExponential().startsWith("1e") ? at : null);
}

/** Two to four round values, where a scale has hardly a decade. */
function roundSplits(low, high) {
  const wanted = (high - low) / 4;
  if (!(wanted > 0)) return [low];
  const power = 10 ** Math.floor(Math.log10(wanted));
  const step = [1, 2, 5, 10].map((each) => each * power).find((each) => each >= wanted);
  const found = [];
  for (let at = Math.ceil(low / step); at * step <= high; at++) found.push(Number((at * step).toPrecision(12)));
  return found;
}

function elapsedSplits(self, axisIndex, low, high) {
  const most = Math.max(2, Math.floor(self.bbox.width / devicePixelRatio / 62));
  const wanted = (high - low) / 1000 / most;
  const power = 10 ** Math.floor(Math.log10(wanted));
  const below = [1, 2, 5, 10].map((each) => each * power).find((each) => each >= wanted);
  const unit = 1000 * (wanted < 1 ? below : (UNITS.find((each) => each >= wanted) ?? Math.ceil(wanted / 604800) * 604800));
  const found = [];
  for (let at = Math.ceil(low / unit) * unit; at <= high; at += unit) found.push(at);
  return found;
}

/** The clock, and the day where it is another one than before. */
function timeLabels(self, all, axisIndex, space, every) {
  let day = "";
  return all.map((each) => {
    if (every >= 86_400_000) return dayText(each);
    const now = dayText(each);
    const other = day !== "" && now !== day;
    day = now;
    return other ? now.slice(5) : clockText(each, every < 60_000);
  });
}

function shortNumber(value) {
  const size = Math.abs(value);
  for (const [limit, unit] of [
    [1e12, "T"],
    [1e9, "G"],
    [1e6, "M"],
    [1e4, "k"],
  ]) {
    if (size >= limit && size < 1e16) return `${Number((value / (unit === "k" ? 1e3 : limit)).toPrecision(6))}${unit}`;
  }
  return size >= 1e16 ? value.toExponential(2) : String(Number(value.toPrecision(8)));
}
