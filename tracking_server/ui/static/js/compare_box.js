// Box plots: a metric in groups of runs, each run a point beside its box.
import { axisLook, linesOf, short, tooltip } from "./compare_scale.js";

const STEP = 7; // pixels between points, so that equal ones are seen
const NAMES = ["lower whisker", "first quartile", "median", "third quartile", "upper whisker"];

export function boxPlots(found, runs, tokens) {
  const { groups, metric, by, log } = found;
  const points = groups.flatMap((group, place) => group.values.map((value, i) => ({
    value: [place, value], run: group.runs[i], symbolOffset: [((i * 3) % 7 - 3) * STEP, 0],
    itemStyle: { color: tokens.palette[place % tokens.palette.length] },
  })));
  const look = axisLook(tokens);
  const option = {
    tooltip: tooltip(tokens, ({ seriesType, dataIndex }) => {
      if (seriesType === "boxplot") {
        const { label, box, values } = groups[dataIndex];
        return linesOf(`${by}: ${label}`, [["runs", values.length], ...NAMES.map((name, i) => [name, box[i]]).reverse()]);
      }
      const { run, value } = points[dataIndex];
      return linesOf(runs[run].name, [[by, groups[value[0]].label], [metric, value[1]]]);
    }),
    grid: { left: 24, right: 24, top: 36, bottom: 48, containLabel: true },
    xAxis: {
      ...look, type: "category", name: short(by, 50), nameLocation: "middle", nameGap: 46,
      data: groups.map(({ label, values }) => `${short(label, 22)}\nn = ${values.length}`),
      axisLabel: { color: tokens.quiet, hideOverlap: true, lineHeight: 16 },
    },
    yAxis: {
      ...look, type: log ? "log" : "value", scale: true, name: short(metric, 50),
      nameTextStyle: { color: tokens.text, align: "left" },
    },
    series: [
      {
        type: "boxplot", boxWidth: [14, 70], z: 1,
        data: groups.map(({ box }, i) => {
          const colour = tokens.palette[i % tokens.palette.length];
          return { value: box, itemStyle: { color: tokens.raised, borderColor: colour, borderWidth: 1.6 } };
        }),
      },
      { type: "scatter", z: 3, symbolSize: 8, data: points, cursor: "pointer", itemStyle: { opacity: 0.8 } },
    ],
  };
  return {
    option,
    legend: [],
    count: points.length,
    label: `${metric} of ${points.length} runs in ${groups.length} groups by ${by}; the table below has the quartiles`,
    table: {
      head: [by, "Runs", ...NAMES],
      rows: groups.map(({ label, values, box }) => [label, values.length, ...box]),
    },
    listen(chart) {
      chart.on("click", { seriesType: "scatter" }, ({ dataIndex }) => {
        location.assign(`/runs/${encodeURIComponent(runs[points[dataIndex].run].id)}`);
      });
    },
  };
}
