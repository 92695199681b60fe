// `<time>` elements in words, with the local time to point at.

const STEPS = [[60, "s"], [60, "min"], [24, "h"], [7, "d"], [52 / 12, "w"], [12, "mo"]];
let format = null;

/** Tell every time below a place anew; call it for what came later, too. */
export function localTimes(place) {
  for (const time of place.querySelectorAll("time[datetime]")) {
    const moment = new Date(time.dateTime);
    if (!Number.isNaN(moment.valueOf())) time.textContent = since(moment);
  }
}

export function since(moment) {
  let left = (Date.now() - moment) / 1000;
  if (left < 0) return local(moment);
  if (left < 10) return "just now";
  for (const [many, unit] of STEPS) {
    if (left < many) return `${Math.round(left)} ${unit} ago`;
    left /= many;
  }
  return moment.toISOString().slice(0, 10);
}

/** The clock here. Until somebody wants it, no browser looks for its time zone: that takes as long as drawing a table. */
function local(moment) {
  format ??= new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });
  return format.format(moment);
}

document.addEventListener("pointerover", ({ target }) => {
  const time = target.closest?.("time[datetime]");
  const moment = new Date(time?.dateTime);
  if (!Number.isNaN(moment.valueOf())) time.title = local(moment);
});

setInterval(() => document.hidden || localTimes(document), 30_000);
