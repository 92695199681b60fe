// Numbers, names and colours as charts of compared runs tell them.
import { make } from "./elements.js";

/** A number to six digits. */
export function figure(value) {
  return Number.isFinite(value) ? String(Number(value.toPrecision(6))) : "–";
}

export function short(text, most = 28) {
  const whole = String(text);
  return whole.length > most ? `${whole.slice(0, most - 1)}…` : whole;
}

/** A colour between four, `part` of the way from 0 to 1. */
export function between(stops, part) {
  const place = Math.min(Math.max(part, 0), 1) * (stops.length - 1);
  const below = Math.min(Math.floor(place), stops.length - 2);
  const [low, high] = [stops[below], stops[below + 1]].map((text) => text.match(/[\d.]+/g).map(Number));
  return `rgb(${[0, 1, 2].map((i) => Math.round(low[i] + (high[i] - low[i]) * (place - below))).join(", ")})`;
}

export function stopsOf(tokens) {
  return [tokens["scale-1"], tokens["scale-2"], tokens["scale-3"], tokens["scale-4"]];
}

/** Least and greatest of the values that are numbers. */
export function edges(values) {
  let [low, high] = [Infinity, -Infinity];
  for (const value of values) {
    if (typeof value !== "number") continue;
    if (value < low) low = value;
    if (value > high) high = value;
  }
  return [low, high];
}

/** How runs are coloured by a column, or each by its own where there is none: `{of(i), legend}`. */
export function colouring(column, tokens) {
  const { palette } = tokens;
  if (!column) return { of: (i) => palette[i % palette.length], legend: [] };
  const none = tokens["strong-line"];
  const lacking = column.values.some((value) => value === null) ? [entry(none, `no ${short(column.label)}`)] : [];
  if (column.numeric) {
    const [low, high] = edges(column.values);
    const part = (value) => (high > low ? (value / 2 - low / 2) / (high / 2 - low / 2) : 0.5);
    const stops = stopsOf(tokens);
    return {
      of: (i) => (column.values[i] === null ? none : between(stops, part(column.values[i]))),
      legend: low <= high ? [ramp(column.label, low, high, stops), ...lacking] : lacking,
    };
  }
  const names = [...new Set(column.values.filter((value) => value !== null))];
  const colour = new Map(names.map((name, i) => [name, palette[i % palette.length]]));
  return {
    of: (i) => colour.get(column.values[i]) ?? none,
    legend: [...names.slice(0, 20).map((name) => entry(colour.get(name), short(name))), ...lacking],
  };
}

function entry(colour, text) {
  const dot = make("span", { class: "dot", "aria-hidden": "true" });
  dot.style.color = colour;
  return make("li", {}, dot, text);
}

function ramp(label, low, high, stops) {
  const canvas = make("canvas", { width: 140, height: 10, "aria-hidden": "true" });
  const context = canvas.getContext("2d");
  for (let x = 0; x < 140; x++) {
    context.fillStyle = between(stops, x / 139);
    context.fillRect(x, 0, 1, 10);
  }
  return make("li", {}, `${short(label)}: ${figure(low)}`, canvas, figure(high));
}

/** What all tooltips have in common; their text is drawn, never read as HTML. */
export function tooltip(tokens, formatter) {
  return {
    renderMode: "richText", confine: true, formatter, backgroundColor: tokens.back, borderColor: tokens["strong-line"],
    textStyle: { color: tokens.text, fontSize: 12 },
  };
}

/** The look of an axis. */
export function axisLook(tokens) {
  return {
    nameTextStyle: { color: tokens.text, fontSize: 12 }, axisLine: { show: true, lineStyle: { color: tokens["strong-line"] } },
    axisLabel: { color: tokens.quiet, formatter: (value) => (typeof value === "number" ? figure(value) : short(value, 18)) },
    axisTick: { lineStyle: { color: tokens["strong-line"] } }, splitLine: { lineStyle: { color: tokens.line } },
  };
}

/** A column as an axis. */
export function axisOf(column, tokens) {
  const look = axisLook(tokens);
  if (!column.numeric) return { ...look, type: "category", data: [...new Set(column.values.filter((v) => v !== null))] };
  return { ...look, type: column.log ? "log" : "value", scale: true };
}

/** A run with its values, in the lines of a tooltip. */
export function linesOf(name, pairs) {
  const shown = (value) => (typeof value === "number" ? figure(value) : short(value ?? "–", 60));
  const told = pairs.map(([label, value]) => `${short(label, 40)}: ${shown(value)}`);
  return [short(name, 60), ...told].join("\n");
}
