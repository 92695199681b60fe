// A curve as the server sends it, as arrays to draw: along an axis, smoothed or as it is.

/** `{x, y, low, high, raw, counts, …}`: y is what the line follows, low and high what the band spans. */
export function seriesOf(curve, run, axis, smooth) {
  const began = run.start;
  const shown = axis === "step" && curve.steps.length > 1 && curve.steps[0] === curve.steps.at(-1) ? "elapsed" : axis;
  const x = shown === "step" ? curve.steps : shown === "time" ? curve.elapsed.map((each) => each + began) : curve.elapsed;
  const raw = curve.mean;
  return {
    curve,
    run,
    x,
    raw,
    y: smooth > 0 ? smoothed(raw, smooth) : raw,
    low: curve.exact ? (smooth > 0 ? raw : null) : curve.low,
    high: curve.exact ? (smooth > 0 ? raw : null) : curve.high,
    counts: curve.counts || null,
    shown,
  };
}

/**
 * An exponential moving average that does not lean towards zero at its begin: each value is divided by the sum of
 * the weights so far. Values that are missing stay so and are skipped.
 */
export function smoothed(values, weight) {
  let sum = 0;
  let weights = 0;
  return values.map((value) => {
    if (value === null) return null;
    sum = sum * weight + value * (1 - weight);
    weights = weights * weight + (1 - weight);
    return sum / weights;
  });
}

/** The index of the entry nearest to x; -1 where there is none. */
export function nearest(xs, x) {
  let low = 0;
  let high = xs.length - 1;
  if (high < 0) return -1;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (xs[middle] < x) low = middle;
    else high = middle;
  }
  return Math.abs(xs[low] - x) <= Math.abs(xs[high] - x) ? low : high;
}

/** From where to where these series go, within a range of x if there is one. */
export function extent(series, { from = -Infinity, to = Infinity, positive = false, positiveX = false } = {}) {
  let [left, right, lowest, highest] = [Infinity, -Infinity, Infinity, -Infinity];
  const least = positive ? Number.MIN_VALUE : -Infinity;
  const first = positiveX ? Math.max(from, Number.MIN_VALUE) : from;
  for (const { x, y, low, high } of series) {
    const [bottoms, tops] = [low ?? y, high ?? y];
    for (let i = 0; i < x.length; i++) {
      const at = x[i];
      if (at < first || at > to) continue;
      if (at < left) left = at;
      if (at > right) right = at;
      const top = tops[i];
      if (top === null || bottoms[i] === null || top < least) continue;
      const bottom = bottoms[i] < least ? top : bottoms[i];
      if (bottom < lowest) lowest = bottom;
      if (top > highest) highest = top;
    }
  }
  return { left, right, low: lowest, high: highest };
}

/** A place on the axis, in words; times are local ones. */
export function placeText(axis, x) {
  if (axis === "time") return !isTime(x) ? String(x) : `${dayText(x)} ${clockText(x, true)}`;
  if (axis === "elapsed") return elapsedText(x);
  return `step ${Math.round(x).toLocaleString("en")}`;
}

const two = (number) => String(number).padStart(2, "0");

/** A client may log any number as a time. */
const isTime = (milliseconds) => Math.abs(milliseconds) <= 8.64e15;

/** As tables have it. */
export function utcText(milliseconds) {
  return isTime(milliseconds)
    ? new Date(milliseconds).toISOString().replace("T", " ").replace("Z", "")
    : String(milliseconds);
}

export function dayText(milliseconds) {
  const day = new Date(milliseconds);
  return `${day.getFullYear()}-${two(day.getMonth() + 1)}-${two(day.getDate())}`;
}

export function clockText(milliseconds, exact) {
  const time = new Date(milliseconds);
  return `${two(time.getHours())}:${two(time.getMinutes())}${exact ? `:${two(time.getSeconds())}` : ""}`;
}

export function elapsedText(milliseconds) {
  const sign = milliseconds < 0 ? "-" : "";
  const seconds = Math.abs(milliseconds) / 1000;
  if (seconds < 60) return `${sign}${Number(seconds.toPrecision(4))} s`;
  const whole = Math.round(seconds);
  const [d, h, m, s] = [Math.floor(whole / 86400), Math.floor(whole / 3600) % 24, Math.floor(whole / 60) % 60, whole % 60];
  const parts = [
    [d, "d"],
    [h, "h"],
    [m, "min"],
    [s, "s"],
  ].filter(([many]) => many);
  return (
    sign +
    parts
      .slice(0, 2)
      .map(([many, unit]) => `${many} ${unit}`)
      .join(" ")
  );
}

/** A value, to so many digits. */
export function figure(value, digits = 5) {
  if (value === null || value === undefined) return "NaN";
  if (!Number.isFinite(value)) return String(value);
  const text = Number(value.toPrecision(digits));
  return Math.abs(text) >= 1e7 || (text !== 0 && Math.abs(text) < 1e-4) ? text.toExponential() : String(text);
}

/** What a curve is, in a sentence for those who do not see it. */
export function summary({ curve, x, shown }) {
  const last = curve.mean.findLastIndex((value) => value !== null);
  if (last < 0) return `${curve.count.toLocaleString("en")} points, none of them a number`;
  const first = curve.mean.findIndex((value) => value !== null);
  const low = curve.exact ? curve.mean : curve.low;
  const high = curve.exact ? curve.mean : curve.high;
  const lowest = least(low, 1);
  const highest = least(high, -1);
  const gaps = curve.gaps ? `, ${curve.gaps.toLocaleString("en")} not a number` : "";
  return (
    `${curve.count.toLocaleString("en")} points, from ${figure(curve.mean[first])} to ${figure(curve.mean[last])}, ` +
    `lowest ${figure(low[lowest])} at ${placeText(shown, x[lowest])}, ` +
    `highest ${figure(high[highest])} at ${placeText(shown, x[highest])}${gaps}`
  );
}

function least(values, sign) {
  let found = -1;
  values.forEach((value, i) => {
    if (value !== null && (found < 0 || sign * value < sign * values[found])) found = i;
  });
  return found;
}
