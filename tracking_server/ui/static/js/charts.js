// Metrics of runs as charts: a grid of small ones, or one that is large.
import { makeControls } from "./charts_controls.js";
import { keepLooking, makeReader } from "./charts_data.js";
import { makeLegend, makeLooks } from "./charts_legend.js";
import { makeState } from "./charts_state.js";
import { showData } from "./charts_table.js";
import { makeChart } from "./curve_chart.js";
import { make } from "./elements.js";
import { getJSON } from "./server.js";

const SYSTEM = "system/";
const NATURAL = new Intl.Collator("en", { numeric: true }); // loss_2 before loss_10
const AHEAD = "300px"; // charts so far below the screen are drawn before they are seen

/**
 * Draw charts into a place, and keep them up to date.
 *
 * @param options {runs: [{id, name, live, start}], keys: [...], points, prefix}: how many points a curve of a small and
 *   of a large chart has, and the `prefix` of the fields in the address.
 * @returns {stop()}
 */
export function drawCharts(place, { runs, keys, points = { small: 300, large: 500 }, prefix = "" }) {
  const ended = new AbortController();
  const { signal } = ended;
  const state = makeState(prefix, signal);
  const looks = makeLooks(runs, signal);
  const { read } = makeReader(runs.map((run) => run.id));
  const controls = makeControls(state, { count: keys.length });
  const grid = make("div", { class: "charts-sections" });
  const big = make("div", { class: "charts-big", hidden: true });
  const nothing = make("p", { class: "empty quiet", hidden: true });
  const many = runs.length > 1;
  let charts = [];
  let large = null;
  let sections = [];

  const seen = () => (large ? [large] : charts.filter((chart) => chart.seen));
  const shared = {
    runs,
    looks,
    state,
    read,
    onCursor: (from, x) => {
      for (const chart of seen()) if (chart !== from && chart.axis() === from.axis()) chart.cursor(x);
    },
    onData: (chart) => showData(chart, runs),
    onDrawn: drawn,
  };
  const observer = new IntersectionObserver(
    (entries) => {
      for (const { target, isIntersecting } of entries) charts.find((chart) => chart.element === target)?.see(isIntersecting);
    },
    { rootMargin: AHEAD },
  );

  /** Charts that are there stay, with their points and the focus. */
  function lay() {
    const there = new Map(charts.map((chart) => [chart.key, chart]));
    const known = new Map(sections.map((section) => [section.name, section]));
    sections = groups(keys).map(([name, title, members]) => {
      const section = known.get(name) ?? makeSection(name, title);
      section.made = members.map(
        (metric) => there.get(metric.key) ?? makeChart(metric, { ...shared, points: () => points.small, height: () => 170 }),
      );
      section.count.textContent = String(members.length);
      putInto(
        section.place,
        section.made.map((chart) => chart.element),
      );
      return section;
    });
    charts = sections.flatMap(({ made }) => made);
    putInto(grid, [...sections.map(({ element }) => element), nothing]);
    narrow();
    for (const chart of charts) observer.observe(chart.element);
  }

  function narrow() {
    const words = state.words.toLowerCase();
    let left = 0;
    for (const { made, element } of sections) {
      let here = 0;
      for (const chart of made) {
        chart.element.hidden = !chart.key.toLowerCase().includes(words);
        here += !chart.element.hidden;
      }
      element.hidden = !here;
      left += here;
    }
    nothing.hidden = left > 0;
    nothing.textContent = keys.length
      ? `No metric has “${state.words}” in its name.`
      : "No metrics yet; they show up as they are logged.";
  }

  function showLarge() {
    const there = keys.includes(state.key);
    if (state.key && !there) controls.say(`There is no metric ${state.key}.`, true);
    grid.hidden = there;
    big.hidden = !there;
    large?.see(false);
    large = null;
    big.replaceChildren();
    if (!there) return;
    for (const chart of charts) chart.see(false);
    const metric = { key: state.key, label: state.key, system: state.key.startsWith(SYSTEM) };
    const height = () => Math.max(300, Math.min(620, innerHeight - 330));
    large = makeChart(metric, { ...shared, large: true, points: () => points.large, height });
    big.append(
      make(
        "p",
        { class: "bar" },
        make("button", { type: "button", class: "plain", onclick: () => state.change({ key: "" }) }, "← All charts"),
      ),
      large.element,
    );
    large.see(true);
  }

  state.onChange((choices) => {
    if ("words" in choices) narrow();
    if ("key" in choices && choices.key !== (large?.key ?? "")) {
      showLarge();
      large?.element.querySelector(".chart-plot").focus({ preventScroll: true });
    }
    for (const chart of seen()) chart.draw();
  });

  // --- when all that is seen is drawn ---
  let told = 0;
  function drawn() {
    cancelAnimationFrame(told);
    told = requestAnimationFrame(() => {
      const now = seen();
      const all = now.length && !now.some((chart) => chart.busy);
      if (all) performance.mark("charts-drawn");
      for (const chart of now) chart.tell();
      if (all) place.dataset.drawn = String(now.length);
    });
  }

  // --- going on ---
  async function look() {
    const live = runs.filter((run) => run.live).map((run) => run.id);
    const answer = await getJSON("/ui/curves/keys", { runs: runs.map((run) => run.id).join(",") });
    for (const [i, run] of answer.runs.entries()) Object.assign(runs[i], run);
    await Promise.all(seen().map((chart) => chart.refresh(live)));
    if (answer.keys.some((key) => !keys.includes(key))) {
      keys = answer.keys;
      lay();
    }
    return runs.some((run) => run.live);
  }

  const main = make("div", { class: "charts-main" }, big, grid);
  const legend = many
    ? makeLegend(
        runs,
        looks,
        state,
        (id) => {
          for (const chart of seen()) chart.point(id);
        },
        signal,
      )
    : null;
  place.classList.add("charts");
  place.replaceChildren(controls.bar, make("div", { class: many ? "charts-body with-legend" : "charts-body" }, legend, main));
  lay();
  if (state.key) showLarge();
  if (runs.some((run) => run.live)) keepLooking(look, controls.say, signal);

  const resized = new ResizeObserver(() => {
    for (const chart of seen()) chart.resize();
  });
  resized.observe(main);
  addEventListener(
    "themechange",
    () => {
      for (const chart of seen()) chart.recolour();
    },
    { signal },
  );
  return {
    stop() {
      ended.abort();
      observer.disconnect();
      resized.disconnect();
      place.replaceChildren();
    },
  };
}

function makeSection(name, title) {
  const count = make("small");
  const place = make("div", { class: "charts-grid" });
  return { name, count, place, element: make("section", { "aria-label": title }, make("h2", {}, title, count), place) };
}

/** Let a place hold these elements, in their order; those that are where they belong are not touched. */
function putInto(place, elements) {
  for (const each of [...place.children]) if (!elements.includes(each)) each.remove();
  let next = place.firstElementChild;
  for (const each of elements) {
    if (each === next) next = each.nextElementSibling;
    else place.insertBefore(each, next);
  }
}

/** [[name, title, [{key, label, system}]]] by what stands before the first slash; what has none first, system metrics last. */
function groups(keys) {
  const found = new Map();
  for (const key of [...keys].sort(NATURAL.compare)) {
    const slash = key.indexOf("/");
    const name = slash > 0 ? key.slice(0, slash) : "";
    found.set(name, [
      ...(found.get(name) ?? []),
      { key, label: slash > 0 ? key.slice(slash + 1) : key, system: key.startsWith(SYSTEM) },
    ]);
  }
  const place = (name) => (name === "" ? 0 : `${name}/` === SYSTEM ? 2 : 1);
  const sorted = [...found].sort(([a], [b]) => place(a) - place(b));
  return sorted.map(([name, members]) => [name, `${name}/` === SYSTEM ? "System" : name || "Metrics", members]);
}
