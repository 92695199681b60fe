// One chart: a figure with a heading, the plot, the values at the cursor, and the same in words.
import { make } from "./elements.js";
import { makePlot } from "./curve_plot.js";
import { figure, nearest, placeText, seriesOf, summary } from "./curve_series.js";
import { listenToKeys } from "./curve_keys.js";
import { bars, makeTip } from "./curve_values.js";
import { failedHere } from "./notices.js";

let count = 0;

/**
 * A chart of one metric.
 *
 * @param metric {key, label, system}
 * @param all {runs, looks, state, read, points, height, onCursor(chart, x), onDrawn(), onData(chart), large}
 */
export function makeChart({ key, label, system = false }, all) {
  const { runs, looks, state, read } = all;
  const id = `chart-${++count}`;
  const curves = new Map();
  let flat = false; // nobody logged steps
  let has = ""; // the question whose answer is shown
  let asking = "";
  let pointed = null;
  let plot = null;
  let parts = null;
  let failed = false;
  let seen = false;
  let untold = false; // what is shown is not in words yet
  let drawn = []; // series, as they are shown
  let at = [null]; // where the cursor is

  const heading = make(
    "h3",
    {},
    make(
      "button",
      {
        type: "button",
        class: "chart-name",
        "aria-label": label,
        title: all.large ? "Back to all charts" : `${key}: large`,
        onclick: () => state.change({ key: all.large ? "" : key }),
      },
      breakable(label),
    ),
  );
  const element = make(
    "figure",
    { class: all.large ? "chart large" : "chart", "aria-label": label },
    make("figcaption", {}, heading),
  );

  const axis = () => (state.x === "step" && (system || flat) ? "elapsed" : state.x);
  const zoom = () => (state.zoom?.axis === axis() ? state.zoom : null);
  const shown = () => runs.filter((run) => curves.has(run.id) && !state.hidden.has(run.id));
  const series = () => shown().map((run) => seriesOf(curves.get(run.id), run, axis(), state.smooth));
  const question = () => {
    const range = zoom();
    return {
      points: all.points(),
      axis: flat && !range ? "step" : axis(),
      from: range ? String(Math.floor(range.from)) : "",
      to: range ? String(Math.ceil(range.to)) : "",
    };
  };

  /** What only charts that are seen have. */
  function build() {
    const value = make("span", { class: "chart-value" });
    const tools = make(
      "span",
      { class: "chart-tools" },
      make(
        "button",
        { type: "button", class: "quiet-button", "aria-label": `Data of ${key}`, onclick: () => all.onData(chart) },
        "Data",
      ),
    );
    const place = make("div", {
      class: "chart-plot",
      tabindex: "0",
      role: "group",
      "aria-label": `Chart of ${key}`,
      "aria-describedby": `${id}-words`,
    });
    const said = make("p", { class: "unseen", role: "status" });
    const words = make("p", { class: "unseen", id: `${id}-words` });
    const note = make("p", { class: "chart-note hint" });
    element.firstElementChild.append(tools, value);
    element.append(place, said, words, note);
    parts = { value, place, said, words, note, tip: makeTip(place) };
    listenToKeys(place, {
      state,
      axis,
      series: () => drawn,
      scale: () => plot?.plot?.scales.x,
      to: (x) => {
        cursor(x, true);
        all.onCursor(chart, x);
      },
      large: () => state.change({ key: all.large ? "" : key }),
    });
    place.addEventListener("dblclick", () => state.change({ zoom: null }));
  }

  function makeItsPlot() {
    plot = makePlot(parts.place, all.height, {
      range: (from, to) => state.change({ zoom: { axis: axis(), from, to } }),
      move: (x, self) => {
        cursor(x, false, self);
        all.onCursor(chart, x);
      },
      leave: () => {
        cursor(null);
        all.onCursor(chart, null);
      },
    });
  }

  /** Draw what there is; ask for what is missing. */
  function draw() {
    if (!seen) return;
    const wanted = JSON.stringify(question());
    if (curves.size) show();
    if (wanted !== has && wanted !== asking)
      ask(runs.map((run) => run.id)).catch((error) => failedHere(parts.note, error, draw));
    else if (wanted === has) {
      if (asking !== wanted) asking = ""; // what was asked for meanwhile is not wanted any more
      if (!asking) element.removeAttribute("aria-busy");
      all.onDrawn();
    }
  }

  async function ask(ids) {
    const asked = question();
    const name = (asking = JSON.stringify(asked));
    if (!curves.size) parts.value.textContent = "Reading…";
    element.setAttribute("aria-busy", "true");
    try {
      const answer = await read(key, asked, ids);
      if (asking !== name) return; // others were asked for meanwhile
      has = name;
      for (const run of ids) curves.delete(run);
      for (const curve of answer.curves) curves.set(curve.run, curve);
      if (!asked.from && asked.axis === "step")
        flat = [...curves.values()].every(({ steps }) => steps.length < 2 || steps[0] === steps.at(-1));
      if (failed) parts.place.replaceChildren(parts.tip.element);
      failed = false;
      if (seen) show();
    } catch (error) {
      if (asking !== name) return;
      if (curves.size) {
        asking = "";
        throw error;
      }
      failed = true;
      failedHere(parts.place, error, () => {
        parts.place.replaceChildren(parts.tip.element);
        draw();
      });
    } finally {
      if (asking === name || asking === "") {
        asking = "";
        element.removeAttribute("aria-busy");
        all.onDrawn();
      }
    }
  }

  function show() {
    const now = (drawn = series());
    const single = !zoom() && curves.size > 0 && [...curves.values()].every((curve) => curve.count === 1);
    untold = true;
    parts.note.textContent = noteOf(now, single);
    element.classList.toggle("single", single);
    if (single) {
      plot?.destroy();
      plot = null;
      parts.place.replaceChildren(bars(now, looks), parts.tip.element);
      parts.value.textContent = "";
    } else {
      if (!plot) {
        parts.place.replaceChildren(parts.tip.element);
        makeItsPlot();
      }
      const range = zoom();
      plot.show({
        series: now,
        axis: axis(),
        log: state.log,
        logX: state.logX && axis() !== "time",
        range,
        look: (each) => ({
          ...looks(each.run.id),
          strong: pointed === each.run.id,
          weak: pointed !== null && pointed !== each.run.id,
        }),
      });
    }
    cursor(...at);
  }

  function wordsOf(now) {
    const single = element.classList.contains("single");
    if (!now.length) return "Nothing is shown.";
    if (single)
      return now
        .map((each) => `${each.run.name}: ${figure(each.raw[0])}`)
        .slice(0, 20)
        .join("; ");
    const told = now
      .slice(0, 10)
      .map((each) => (runs.length > 1 ? `${each.run.name}: ` : "") + summary(each))
      .join(". ");
    return `${told}${now.length > 10 ? `. And ${now.length - 10} more runs` : ""}.`;
  }

  function noteOf(now, single) {
    if (single) return now.length > 1 ? "One value of each run" : "One value";
    const notes = [];
    if (!now.length)
      notes.push(
        curves.size ? "All of its runs are hidden." : zoom() ? "Nothing was logged in this range." : "No points yet.",
      );
    const gaps = now.reduce((sum, each) => sum + each.curve.gaps, 0);
    if (gaps) notes.push(`${gaps.toLocaleString("en")} ${gaps === 1 ? "value is" : "values are"} NaN or infinite (×)`);
    if (state.log && now.some((each) => (each.low || each.y).some((value) => value !== null && value <= 0)))
      notes.push("what is not above 0 has no place on a log scale");
    if (axis() !== state.x) notes.push(system ? "over time: its steps are its own" : "over time: no steps were logged");
    return notes.join("; ");
  }

  /** Values at a place of the axis, or the last ones. */
  function cursor(x, spoken = false, self = null) {
    at = [x, spoken, self];
    if (!parts || !plot) return;
    const now = drawn;
    if (x === null || !now.length) {
      parts.tip.hide();
      plot.cursor(null);
      const last = now.length === 1 ? now[0].raw.findLast((value) => value !== null) : null;
      parts.value.textContent = now.length === 1 && last !== undefined ? figure(last) : "";
      return;
    }
    if (!self) plot.cursor(x);
    const rows = valuesAt(now, x, plot.plot.scales.x);
    if (runs.length === 1) parts.value.textContent = rows.length ? `${rows[0].text} at ${placeText(axis(), rows[0].x)}` : "";
    else parts.value.textContent = placeText(axis(), x);
    if ((self || spoken) && runs.length > 1)
      parts.tip.show(rows, looks, plot.plot, x, self ? self.posToVal(self.cursor.top, "y") : null);
    else parts.tip.hide();
    if (spoken)
      parts.said.textContent =
        rows
          .slice(0, 5)
          .map((row) => (runs.length > 1 ? `${row.run.name} ` : "") + row.text)
          .join(", ") + ` at ${placeText(axis(), rows[0]?.x ?? x)}`;
  }

  const chart = {
    key,
    element,
    axis,
    series: () => drawn,
    get plot() {
      return plot?.plot ?? null;
    },
    get busy() {
      return seen && (asking !== "" || (!failed && has === ""));
    },
    get seen() {
      return seen;
    },
    see(now) {
      if (now === seen) return;
      seen = now;
      if (now) {
        if (!parts) build();
        draw();
      } else {
        plot?.destroy();
        plot = null;
        at = [null];
      }
    },
    draw,
    /** The same in words, for those who do not see it; others need not wait for that. */
    tell() {
      if (untold) parts.words.textContent = wordsOf(drawn);
      untold = false;
    },
    /** What is shown, of some runs anew. */
    refresh: async (ids) => {
      if (seen && !asking && has) await ask(ids);
    },
    cursor: (x) => {
      if (seen) cursor(x);
    },
    point(run) {
      pointed = run;
      plot?.recolour();
    },
    recolour() {
      if (seen && curves.size) show();
    },
    resize: () => plot?.resize(),
  };
  return chart;
}

/** A long name breaks after its marks rather than within words. */
function breakable(name) {
  return name.split(/(?<=[_./:-])/).flatMap((part, i) => (i ? [make("wbr"), part] : [part]));
}

/** Of each series that has something there. */
function valuesAt(series, x, { min, max }) {
  const near = (max - min) / 50;
  const found = [];
  for (const each of series) {
    const i = nearest(each.x, x);
    if (i < 0 || x < each.x[0] - near || x > each.x.at(-1) + near) continue;
    const many = each.counts?.[i] ?? 1;
    const value = figure(each.raw[i]);
    const smooth = each.y === each.raw ? "" : ` (smoothed ${figure(each.y[i])})`;
    const joined =
      many > 1 && each.curve.low[i] !== null
        ? ` (${figure(each.curve.low[i])} … ${figure(each.curve.high[i])} of ${many} points)`
        : "";
    found.push({ run: each.run, x: each.x[i], y: each.y[i], text: value + smooth + joined });
  }
  return found.sort((a, b) => (b.y ?? -Infinity) - (a.y ?? -Infinity));
}
