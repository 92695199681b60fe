// What is chosen above the charts; all of it is in the address.

const AXES = ["step", "time", "elapsed"];

/**
 * The choices: {x, log, logX, smooth, words, key, zoom: {axis, from, to} | null, hidden: Set of run ids}.
 *
 * @param prefix of the fields in the address, for pages that have others of the same names.
 * @param signal ends it.
 */
export function makeState(prefix, signal) {
  const listeners = [];
  const state = { ...read(), change, onChange: (listener) => listeners.push(listener) };

  function read() {
    const fields = new URLSearchParams(location.search);
    const field = (name) => fields.get(prefix + name) ?? "";
    const smooth = Number(field("smooth"));
    const [axis, from, to] = field("zoom").split(":");
    const zoom = { axis, from: Number(from), to: Number(to) };
    return {
      x: AXES.includes(field("x")) ? field("x") : "step",
      log: field("y") === "log",
      logX: field("logx") === "1",
      smooth: smooth > 0 && smooth < 1 ? smooth : 0,
      words: field("q"),
      key: field("key"),
      zoom: AXES.includes(axis) && from && to && zoom.from < zoom.to ? zoom : null,
      hidden: new Set(field("hide").split(",").filter(Boolean)),
    };
  }

  function write(push) {
    const url = new URL(location.href);
    const { zoom } = state;
    const fields = {
      x: state.x === "step" ? "" : state.x,
      y: state.log ? "log" : "",
      logx: state.logX ? "1" : "",
      smooth: state.smooth ? String(state.smooth) : "",
      q: state.words,
      key: state.key,
      zoom: zoom ? `${zoom.axis}:${tidy(zoom.from)}:${tidy(zoom.to)}` : "",
      hide: [...state.hidden].join(","),
    };
    for (const [name, value] of Object.entries(fields)) {
      if (value) url.searchParams.set(prefix + name, value);
      else url.searchParams.delete(prefix + name);
    }
    if (url.href !== location.href) history[push ? "pushState" : "replaceState"](null, "", url);
  }

  /** Take some choices, and tell who listens which they were. A chart that is made large is a page of its own. */
  function change(choices) {
    Object.assign(state, choices);
    write("key" in choices);
    for (const listener of listeners) listener(choices);
  }

  function reread() {
    const choices = read();
    Object.assign(state, choices);
    for (const listener of listeners) listener(choices);
  }

  addEventListener("popstate", reread, { signal });
  return state;
}

function tidy(number) {
  return Number(number.toPrecision(15));
}
