// Lines and bands on a canvas: each series has points of its own, and none is lost.

export const DASHES = [[], [7, 4], [2, 3], [10, 3, 2, 3], [14, 4], [4, 2, 1, 2, 1, 2], [1, 2]];
const MARKED = 40; // so many points or fewer get dots
const PLAIN = 3000; // with more, dashes and round corners would hold the page up for tenths of seconds

/** Draw all series into the plot's box. `look(series)` says {colour, dash, strong, weak}. */
export function drawSeries(plot, series, look, { log, logX }) {
  const { ctx, bbox } = plot;
  const ratio = devicePixelRatio;
  const toX = mapping(plot.scales.x, bbox.left, bbox.width, logX);
  const toY = mapping(plot.scales.y, bbox.top + bbox.height, -bbox.height, log);
  ctx.save();
  ctx.beginPath();
  ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
  ctx.clip();
  const plain = series.reduce((sum, each) => sum + each.x.length, 0) > PLAIN;
  ctx.lineJoin = plain ? "miter" : "round";
  ctx.miterLimit = 2;
  const looks = series.map(look);
  series.forEach((each, i) => {
    if (!each.low) return;
    ctx.globalAlpha = looks[i].weak ? 0.04 : each.low === each.high ? 0.3 : series.length > 4 ? 0.13 : 0.2;
    ctx.fillStyle = ctx.strokeStyle = looks[i].colour;
    if (each.low === each.high) strokeLine(ctx, each.x, each.low, toX, toY, ratio);
    else fillBand(ctx, each, toX, toY, ratio);
  });
  series.forEach((each, i) => {
    const { colour, dash, strong, weak } = looks[i];
    ctx.globalAlpha = weak ? 0.15 : 1;
    ctx.strokeStyle = ctx.fillStyle = colour;
    ctx.setLineDash(plain ? [] : dash.map((length) => length * ratio));
    const alone = strokeLine(ctx, each.x, each.y, toX, toY, (strong ? 2.6 : 1.5) * ratio);
    ctx.setLineDash([]);
    dots(ctx, each, toX, toY, ratio, alone);
    crosses(ctx, each, toX, bbox.top + bbox.height - 5 * ratio, ratio);
  });
  ctx.restore();
}

function mapping(scale, origin, length, log) {
  const of = log ? Math.log10 : (value) => value;
  const low = of(scale.min);
  const factor = length / (of(scale.max) - low || 1);
  return log
    ? (value) => (value > 0 ? origin + (Math.log10(value) - low) * factor : NaN)
    : (value) => origin + (value - low) * factor;
}

/** @returns the indices of points that no line leads to or from, as a set. */
function strokeLine(ctx, xs, ys, toX, toY, width) {
  ctx.lineWidth = width;
  ctx.beginPath();
  const alone = [];
  let joined = 0; // points of the stretch so far
  for (let i = 0; i < xs.length; i++) {
    const y = ys[i] === null ? NaN : toY(ys[i]);
    const x = toX(xs[i]);
    if (y !== y || x !== x) {
      if (joined === 1) alone.push(i - 1);
      joined = 0;
    } else if (joined++) ctx.lineTo(x, y);
    else ctx.moveTo(x, y);
  }
  if (joined === 1) alone.push(xs.length - 1);
  ctx.stroke();
  return new Set(alone);
}

/** One piece for each stretch without gaps; what is not above zero on a log scale begins at the floor. */
function fillBand(ctx, { x, low, high }, toX, toY, ratio) {
  const floor = ctx.canvas.height;
  const down = (value) => {
    const y = toY(value);
    return Number.isNaN(y) ? floor : y;
  };
  for (let start = 0; start < x.length; start++) {
    if (low[start] === null) continue;
    let end = start;
    while (end + 1 < x.length && low[end + 1] !== null) end++;
    ctx.beginPath();
    for (let i = start; i <= end; i++) ctx.lineTo(toX(x[i]), down(high[i]));
    for (let i = end; i >= start; i--) ctx.lineTo(toX(x[i]), down(low[i]));
    ctx.closePath();
    ctx.fill();
    if (start === end)
      ctx.fillRect(
        toX(x[start]) - ratio,
        down(high[start]),
        2 * ratio,
        Math.max(ratio, down(low[start]) - down(high[start])),
      );
    start = end;
  }
}

/** At the foot of the plot, where a value is NaN or infinite. */
function crosses(ctx, { x, y }, toX, foot, ratio) {
  const arm = 2.5 * ratio;
  ctx.lineWidth = 1.2 * ratio;
  ctx.beginPath();
  for (let i = 0; i < x.length; i++) {
    if (y[i] !== null) continue;
    const at = toX(x[i]);
    ctx.moveTo(at - arm, foot - arm);
    ctx.lineTo(at + arm, foot + arm);
    ctx.moveTo(at - arm, foot + arm);
    ctx.lineTo(at + arm, foot - arm);
  }
  ctx.stroke();
}

/** Of few points each; of many those that no line leads to. */
function dots(ctx, { x, y }, toX, toY, ratio, alone) {
  for (const i of x.length <= MARKED ? x.keys() : alone) {
    const height = y[i] === null ? NaN : toY(y[i]); // a log scale has not all
    if (Number.isNaN(height)) continue;
    ctx.beginPath();
    ctx.arc(toX(x[i]), height, (alone.has(i) ? 3 : 2.2) * ratio, 0, 7);
    ctx.fill();
  }
}
