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
  const told = size?.numeric && most >= least ? `from ${figure(least)} to ${figure(most)}` : "is no number in all runs";
  const sizes = size ? [make("li", {}, `size: ${short(size.label)} ${told}`)] : [];
  const named = [x, y, colour, size].filter(Boolean).map((column) => [column.name, column]);
  const shown = [...new Map(named).values()]; // a field may have two roles
  const points = {
    type: "scatter", z: 3, cursor: "pointer",
    data: known.map((i) => ({
      value: [x.values[i], y.values[i]], symbolSize: sizeOf(i),
      itemStyle: surface
        ? { color: of(i), borderColor: tokens.text, borderWidth: 1.5 }
        : { color: of(i), opacity: 0.85, borderColor: tokens.back, borderWidth: 1 },
    })),
    emphasis: { scale: 1.4 },
  };
  const option = {
    tooltip: tooltip(tokens, ({ dataIndex, seriesType }) => (seriesType === "scatter"
      ? linesOf(runs[known[dataIndex]].name, shown.map((c) => [c.label, c.values[known[dataIndex]]])) : "")),
    grid: { left: 24, right: 36, top: 36, bottom: 40, containLabel: true },
    xAxis: { ...axisOf(x, tokens), name: short(x.label, 50), nameLocation: "middle", nameGap: 30 },
    yAxis: {
      ...axisOf(y, tokens), name: short(y.label, 50), nameLocation: "end",
      nameTextStyle: { color: tokens.text, align: "left" },
    },
    series: surface ? [bands(surface, colour, tokens), points] : [points],
  };
  const over = surface ? " over a surface that is interpolated between them" : "";
  return {
    option,
    legend: [...legend, ...sizes],
    notes: surface ? [...found.notes, INTERPOLATED] : found.notes,
    count: known.length,
    label: `${known.length} runs by ${x.label} and ${y.label}${over}; the table below has the values`,
    table: { head: shown.map((c) => c.label), rows: known.map((i) => shown.map((c) => c.values[i])), places: known },
    listen(chart) {
      chart.on("click", { seriesType: "scatter" }, ({ dataIndex }) => {
        location.assign(`/runs/${encodeURIComponent(runs[known[dataIndex]].id)}`);
      });
    },
  };
}

const INTERPOLATED = "The bands are interpolated between the runs (weighted by inverse squared distance): what they say far "
  + "from a point is a guess.";

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
  const pixels = new DataView(image.data.buffer);
  const colours = Array.from({ length: BANDS }, (_, i) => {
    const [red, green, blue] = between(stops, (i + 0.5) / BANDS).match(/\d+/g).map(Number);
    return (red * 2 ** 24) + (green << 16) + (blue << 8) + 255;
  });
  const last = rows.length - 1;
  const scale = BANDS / (high - low || 1);
  for (let j = 0; j < SIDE; j++) {
    const v = (1 - j / (SIDE - 1)) * last; // rows begin below
    const b = Math.min(Math.floor(v), last - 1);
    const [under, over] = [rows[b], rows[b + 1]];
    for (let i = 0; i < SIDE; i++) {
      const u = (i / (SIDE - 1)) * last;
      const a = Math.min(Math.floor(u), last - 1);
      const below = under[a] + (under[a + 1] - under[a]) * (u - a);
      const above = over[a] + (over[a + 1] - over[a]) * (u - a);
      const band = Math.floor((below + (above - below) * (v - b) - low) * scale);
      pixels.setUint32((j * SIDE + i) * 4, colours[Math.min(Math.max(band, 0), BANDS - 1)]);
    }
  }
  context.putImageData(image, 0, 0);
  return canvas;
}
