// Runs as points, and the surface between them as bands of colour.
import { axisOf, between, colouring, edges, figure, linesOf, short, stopsOf, tooltip } from "./compare_scale.js";
import { make } from "./elements.js";

const [SMALL, BIG, PLAIN] = [6, 26, 11];
const BANDS = 10;
const SIDE = 360; // pixels of the surface's picture

export function scatterPlot(found, runs, tokens) {
  const { x, y, colour, size, surface } = found;
  const { of, legend } = colouring(colour, tokens);
  const known = runs.map((_, i) => i).filter((i) => x.values[i] !== null && y.values[i] !== null);
  const [least, most] = size ? edges(size.values) : [0, 0];
  const sizeOf = (i) => {
    if (!size || !size.numeric || size.values[i] === null || !(most > least)) return size ? SMALL : PLAIN;
    return SMALL + (BIG - SMALL) * Math.sqrt((size.values[i] / 2 - least / 2) / (most / 2 - least / 2));
  };
  const sizes = size ? [make("li", {}, size.numeric && most >= least
    ? `size: ${short(size.label)} from ${figure(least)} to ${figure(most)}` : `size: ${short(size.label)} is no number in all runs`)] : [];
  const shown = [...new Map([x, y, colour, size].filter(Boolean).map((column) => [column.name, column])).values()];
  const points = {
    type: "scatter", z: 3, cursor: "pointer",
    data: known.map((i) => ({
      value: [x.values[i], y.values[i]], symbolSize: sizeOf(i),
      itemStyle: { color: of(i), opacity: surface ? 1 : 0.85, borderColor: surface ? tokens.text : tokens.back, borderWidth: surface ? 1.5 : 1 },
    })),
    emphasis: { scale: 1.4 },
  };
  const option = {
    tooltip: tooltip(tokens, ({ dataIndex, seriesType }) => (seriesType === "scatter"
      ? linesOf(runs[known[dataIndex]].name, shown.map((c) => [c.label, c.values[known[dataIndex]]])) : "")),
    grid: { left: 24, right: 36, top: 36, bottom: 40, containLabel: true },
    xAxis: { ...axisOf(x, tokens), name: short(x.label, 50), nameLocation: "middle", nameGap: 30 },
    yAxis: { ...axisOf(y, tokens), name: short(y.label, 50), nameLocation: "end", nameTextStyle: { color: tokens.text, align: "left" } },
    series: surface ? [bands(surface, colour, tokens), points] : [points],
  };
  const told = surface ? " over a surface that is interpolated between them" : "";
  if (surface) found.notes = [...new Set([...found.notes, INTERPOLATED])];
  return {
    option,
    legend: [...legend, ...sizes],
    count: known.length,
    label: `${known.length} runs by ${x.label} and ${y.label}${told}; the table below has the values`,
    table: { head: shown.map((c) => c.label), rows: known.map((i) => shown.map((c) => c.values[i])), places: known },
    listen(chart) {
      chart.on("click", { seriesType: "scatter" }, ({ dataIndex }) => {
        location.assign(`/runs/${encodeURIComponent(runs[known[dataIndex]].id)}`);
      });
    },
  };
}

const INTERPOLATED = "The bands are interpolated between the runs (weighted by inverse squared distance): what they say far from a point is a guess.";

function bands({ rows, x, y }, column, tokens) {
  const picture = paint(rows, edges(column.values), stopsOf(tokens));
  return {
    type: "custom", silent: true, z: 1, data: [[x[0], y[0]]], encode: { x: 0, y: 1 }, clip: true,
    renderItem(_, api) {
      const [left, bottom] = api.coord([x[0], y[0]]);
      const [right, top] = api.coord([x[1], y[1]]);
      const style = { image: picture, x: left, y: top, width: right - left, height: bottom - top, opacity: 0.88 };
      return { type: "image", style };
    },
  };
}

/** The grid as a picture: between its values linearly, in bands. */
function paint(rows, [low, high], stops) {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = SIDE;
  const context = canvas.getContext("2d");
  const image = context.createImageData(SIDE, SIDE);
  const colours = Array.from({ length: BANDS }, (_, i) => between(stops, (i + 0.5) / BANDS).match(/\d+/g).map(Number));
  const last = rows.length - 1;
  for (let j = 0; j < SIDE; j++) {
    const v = (1 - j / (SIDE - 1)) * last; // rows begin below
    const b = Math.min(Math.floor(v), last - 1);
    for (let i = 0; i < SIDE; i++) {
      const u = (i / (SIDE - 1)) * last;
      const a = Math.min(Math.floor(u), last - 1);
      const below = rows[b][a] + (rows[b][a + 1] - rows[b][a]) * (u - a);
      const above = rows[b + 1][a] + (rows[b + 1][a + 1] - rows[b + 1][a]) * (u - a);
      const part = (below + (above - below) * (v - b) - low) / (high - low || 1);
      const [red, green, blue] = colours[Math.min(Math.max(Math.floor(part * BANDS), 0), BANDS - 1)];
      image.data.set([red, green, blue, 255], (j * SIDE + i) * 4);
    }
  }
  context.putImageData(image, 0, 0);
  return canvas;
}
