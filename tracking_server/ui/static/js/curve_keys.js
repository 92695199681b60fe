// A chart by the keyboard: point to point, nearer and further, another range, all of it.
import { nearest } from "./curve_series.js";

/** `chart` = {state, axis(), series(), scale(), to(x), large()}. */
export function listenToKeys(place, chart) {
  let at = null;
  const zoom = (from, to) => chart.state.change({ zoom: { axis: chart.axis(), from, to } });

  const around = (factor) => {
    const { min, max } = chart.scale();
    const middle = at !== null && at > min && at < max ? at : (min + max) / 2;
    zoom(middle - (middle - min) * factor, middle + (max - middle) * factor);
  };
  const aside = (sign) => {
    const { min, max } = chart.scale();
    const by = ((max - min) / 4) * sign;
    zoom(min + by, max + by);
  };
  const along = (sign) => {
    const xs = chart.series()[0]?.x;
    const { min, max } = chart.scale();
    if (!xs?.length) return;
    const i = at === null ? -1 : nearest(xs, at);
    const next = i < 0 ? nearest(xs, sign > 0 ? min : max) : Math.min(xs.length - 1, Math.max(0, i + sign));
    at = Math.min(max, Math.max(min, xs[next]));
    chart.to(at);
  };
  const actions = {
    "+": () => around(0.5),
    "=": () => around(0.5),
    "-": () => around(2),
    0: () => chart.state.change({ zoom: null }),
    Escape: () => chart.state.change({ zoom: null }),
    ArrowLeft: (event) => (event.shiftKey ? aside(-1) : along(-1)),
    ArrowRight: (event) => (event.shiftKey ? aside(1) : along(1)),
    Enter: chart.large,
  };
  place.addEventListener("keydown", (event) => {
    const action = actions[event.key];
    if (!action || event.target !== place || event.ctrlKey || event.metaKey || event.altKey || !chart.scale()) return;
    event.preventDefault();
    action(event);
  });
  place.addEventListener("blur", () => {
    if (at !== null) chart.to(null);
    at = null;
  });
}
