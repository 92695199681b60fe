// What a filter can go on with: words of the grammar at once, names and values from the server.
import { getJSON } from "./server.js";
import { ATTRIBUTES, DATASET_KEYS, KINDS, STATUSES, fieldOf, operatorsOf, valueOf } from "./filter_words.js";

// attributes whose values are tags, too
const TAGS = { run_name: "mlflow.runName", user_id: "mlflow.user" };
const ROOMS = [
  ["metrics.", "what was measured"], ["params.", "what was set"], ["tags.", "words on runs"], ["datasets.", "what was read"],
];
const LIST = [{ insert: ")", label: ")", note: "ends the list" }, { insert: ", ", label: ",", note: "one more", more: true }];

/**
 * The options at a place (see `expected`): [{insert, label, note, more}].
 *
 * `more` says that the next options follow at once. Throws what the server answers.
 */
export async function optionsAt(place, text, experiments, signal) {
  const ask = (path, query) => getJSON(path, { experiments: experiments.join(","), ...query }, { signal });
  switch (place?.want) {
    case "field": return text.trim() ? fields(place, ask) : examples(ask);
    case "key": return keys(place, ask);
    case "operator": return operators(place);
    case "value": return values(place, ask);
    case "number": return times(place);
    case "list": return LIST;
    case "and": return [{ insert: `${place.tight ? " " : ""}AND `, label: "AND", note: "one more condition", more: true }];
    default: return [];
  }
}

async function fields({ typed }, ask) {
  const rooms = ROOMS.filter(([room]) => fits(room, typed));
  const found = rooms.map(([room, note]) => ({ insert: room, label: room, note, more: true }));
  found.push(...attributes(typed));
  if (!typed) return found;
  const { names } = await ask("/ui/names", { words: typed, limit: 8 });
  return [...found, ...Object.entries(names).flatMap(([kind, keys]) => keys.map((key) => named(kind, key)))].filter(Boolean);
}

function attributes(typed) {
  return Object.entries(ATTRIBUTES).filter(([name]) => fits(name, typed))
    .map(([name, note]) => ({ insert: `attributes.${name} `, label: `attributes.${name}`, note, more: true }));
}

function named(kind, key) {
  const field = fieldOf(kind, key);
  return field && { insert: `${field} `, label: field, note: kind, more: true };
}

async function keys({ kind, words }, ask) {
  if (kind === "attribute") return attributes(words);
  if (kind === "dataset") {
    return DATASET_KEYS.filter((key) => fits(key, words))
      .map((key) => ({ insert: `datasets.${key} `, label: `datasets.${key}`, note: "text", more: true }));
  }
  const { names } = await ask("/ui/names", { kind, words, limit: 50 });
  return names[kind].map((key) => named(kind, key)).filter(Boolean);
}

function operators({ field, typed }) {
  const begun = typed.toUpperCase().replace(/\s+/g, " ");
  return operatorsOf(field).filter(([operator]) => operator.startsWith(begun)).map(([operator, note]) => ({
    insert: operator.endsWith("IN") ? `${operator} (` : `${operator} `, label: operator, note, more: true,
  }));
}

async function values({ field, operator, words, opens = "" }, ask) {
  const after = operator && !operator.endsWith("IN") ? " " : "";
  const option = (text, note) => {
    const value = valueOf(text);
    return value && { insert: `${opens}${value}${after}`, label: value, note, more: true };
  };
  const patterns = operator?.endsWith("LIKE") && words && !words.includes("%") ? [option(`%${words}%`, "holds it")] : [];
  if (field.kind === "attribute" && field.key === "status") {
    return STATUSES.filter((status) => fits(status, words)).map((status) => option(status, "status"));
  }
  const kind = field.kind === "attribute" ? "tag" : field.kind;
  const key = field.kind === "attribute" ? TAGS[field.key] : field.key;
  if (!key || !KINDS[kind]) return patterns;
  const found = await ask("/ui/values", { kind, key, words: words.replace(/%/g, "") });
  return [...patterns, ...found.values.map((value) => option(value, field.kind))].filter(Boolean);
}

/** Moments for times, which filters have as milliseconds since 1970. */
function times({ field, typed }) {
  if (field.kind !== "attribute" || typed) return [];
  const midnight = new Date().setHours(0, 0, 0, 0);
  const ago = (days, hours = 0) => Date.now() - (days * 24 + hours) * 3_600_000;
  const moments = [
    ["an hour ago", ago(0, 1)], ["today, at midnight", midnight], ["a week ago", ago(7)], ["30 days ago", ago(30)],
  ];
  return moments.map(([label, at]) => ({ insert: `${at} `, label, note: new Date(at).toLocaleString(), more: true }));
}

/** Whole filters of the experiment's own names, for a box that is empty. */
async function examples(ask) {
  const fixed = [example("attributes.status = 'FAILED'"), example("attributes.run_name LIKE '%a%'")];
  const { names } = await ask("/ui/names", { limit: 20 });
  const own = (kind) => names[kind].find((key) => !/^(system\/|mlflow\.)/.test(key) && fieldOf(kind, key));
  const [metric, param, tag] = ["metric", "param", "tag"].map(own);
  const found = [];
  if (metric) found.push(example(`${fieldOf("metric", metric)} > 0.9`));
  for (const [kind, key] of [["param", param], ["tag", tag]]) {
    if (!key) continue;
    const { values: some } = await ask("/ui/values", { kind, key, limit: 1 });
    const value = some.length ? valueOf(some[0]) : null;
    found.push(example(value ? `${fieldOf(kind, key)} = ${value}` : `${fieldOf(kind, key)} IS NOT NULL`));
  }
  return [...found, ...fixed];
}

function example(text) {
  return { insert: text, label: text, note: "example" };
}

function fits(word, typed) {
  return word.toLowerCase().includes(typed.toLowerCase());
}
