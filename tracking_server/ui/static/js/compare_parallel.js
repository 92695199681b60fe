// Parallel coordinates: a line for each run; a stretch marked on an axis chooses the runs that pass it.
import { axisOf, colouring, linesOf, short, tooltip } from "./compare_scale.js";

export function parallelCoordinates(found, runs, tokens) {
  const { axes } = found;
  const { of, legend } = colouring(found.colour, tokens);
  const valuesOf = (i) => axes.map((axis) => axis.values[i]);
  const known = runs.map((_, i) => i).filter((i) => valuesOf(i).some((value) => value !== null));
  const data = known.map((i) => {
    const values = valuesOf(i);
    const dashed = values.includes(null);
    return { value: values.map((value) => value ?? NaN), lineStyle: { color: of(i), type: dashed ? "dashed" : "solid" } };
  });
  const option = {
    tooltip: tooltip(tokens, ({ dataIndex }) => {
      const i = known[dataIndex];
      return linesOf(runs[i].name, axes.map((axis) => [axis.label, axis.values[i]]));
    }),
    parallel: {
      left: 60, right: 90, top: 44, bottom: 24,
      parallelAxisDefault: {
        areaSelectStyle: { width: 18, borderWidth: 1, borderColor: tokens.accent, color: tokens.accent, opacity: 0.25 },
      },
    },
    parallelAxis: axes.map((axis, dim) => (
      { ...haloed(axisOf(axis, tokens), tokens), dim, name: short(axis.label, 18), nameGap: 16 }
    )),
    series: [{
      type: "parallel", data, smooth: 0.05, progressive: 0, inactiveOpacity: 0.07, activeOpacity: 0.95,
      lineStyle: { width: 1.8, opacity: 0.8 }, emphasis: { lineStyle: { width: 4, opacity: 1 } },
    }],
  };
  return {
    option,
    legend,
    count: known.length,
    label: `Parallel coordinates of ${known.length} runs over ${axes.map((axis) => axis.label).join(", ")}; `
      + "the table below has the values",
    table: { head: axes.map((axis) => axis.label), rows: known.map(valuesOf), places: known },
    listen(chart, select) {
      chart.on("axisareaselected", () => {
        const series = chart.getModel().getSeriesByIndex(0);
        const all = series.getRawIndicesByActiveState("normal").length === known.length;
        select(all ? [] : series.getRawIndicesByActiveState("active").map((i) => known[i]));
      });
      chart.on("click", ({ dataIndex }) => location.assign(`/runs/${encodeURIComponent(runs[known[dataIndex]].id)}`));
    },
  };
}

/** Labels that lines cross stay readable. */
function haloed(axis, tokens) {
  const axisLabel = { ...axis.axisLabel, color: tokens.text, textBorderColor: tokens.back, textBorderWidth: 3 };
  return { ...axis, axisLabel, z: 12 };
}
