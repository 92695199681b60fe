// Points of many charts by few requests, and again while runs go on.
import { again } from "./again.js";
import { getJSON } from "./server.js";

const ENTRIES = 60_000; // of one answer; more come as several, so that the first are drawn early
const ADDRESS = 6_000; // characters of a query that every server takes
const EVERY = 4_000; // milliseconds between two looks at runs that go on
const LONGEST = 60_000;

/** Ask for curves; what is asked within one moment goes together. */
export function makeReader(runIds) {
  let waiting = [];

  /** @returns the answer's {runs, curves} of one metric. */
  function read(key, question, only = runIds) {
    return new Promise((done, failed) => {
      if (!waiting.length) queueMicrotask(send);
      waiting.push({ key, question: { ...question, runs: only.join(",") }, done, failed });
    });
  }

  function send() {
    const groups = new Map();
    for (const each of waiting) {
      const name = JSON.stringify(each.question);
      groups.set(name, [...(groups.get(name) ?? []), each]);
    }
    waiting = [];
    for (const group of groups.values()) for (const some of parts(group)) ask(some);
  }

  async function ask(group) {
    try {
      const keys = [...new Set(group.map(({ key }) => key))];
      const { runs, curves } = await getJSON("/ui/curves", { ...group[0].question, keys });
      for (const { key, done } of group) done({ runs, curves: curves.filter((curve) => curve.key === key) });
    } catch (error) {
      for (const { failed } of group) failed(error);
    }
  }

  return { read };
}

function parts(group) {
  const { runs, points } = group[0].question;
  const most = Math.min(50, Math.max(1, Math.floor(ENTRIES / (points * runs.split(",").length))));
  const found = [[]];
  let length = 0;
  for (const each of group) {
    const more = encodeURIComponent(each.key).length + 6;
    if (found.at(-1).length === most || length + more > ADDRESS - runs.length * 1.1) {
      found.push([]);
      length = 0;
    }
    found.at(-1).push(each);
    length += more;
  }
  return found.filter((some) => some.length);
}

/** Call `look()` for as long as it answers true; `say(text, bad)` tells the user, `signal` ends it. */
export function keepLooking(look, say, signal) {
  const lookAndSay = async () => {
    const more = await look();
    say(more ? "Live" : "");
    return more;
  };
  say("Live");
  again(lookAndSay, { every: EVERY, longest: LONGEST, failed: (error) => say(error.message, true), signal });
}
