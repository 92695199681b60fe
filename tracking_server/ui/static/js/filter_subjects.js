// What filters are of, and how their fields and values are written: RUNS in tracking/filters.py, and
// REGISTERED_MODELS in registry/filters.py.

/**
 * `asks` is where names, values and faults are asked for. `kinds` may stand before a dot. `attributes` are offered with
 * `before`, and have `others` as further names; `values` says where theirs are known: `{kind, key}`, or a list.
 */
export const RUNS = {
  asks: "/ui",
  kinds: {
    metric: "what was measured", param: "what was set", tag: "words on runs", dataset: "what was read", attribute: "",
  },
  before: "attributes.",
  attributes: {
    run_id: "text", run_name: "text", user_id: "text", status: "text", artifact_uri: "text",
    start_time: "number", end_time: "number",
  },
  others: { created: "start_time", "run name": "run_name" },
  datasetKeys: ["name", "digest", "context"],
  values: {
    run_name: { kind: "tag", key: "mlflow.runName" },
    user_id: { kind: "tag", key: "mlflow.user" },
    status: ["RUNNING", "SCHEDULED", "FINISHED", "FAILED", "KILLED"],
  },
  examples: ["attributes.status = 'FAILED'", "attributes.run_name LIKE '%a%'"],
  help: [
    ["metrics.accuracy > 0.9", "the last value of a metric: > >= < <= = !="],
    ["params.C = '1.0'", "a param, always a text in quotes: = != LIKE ILIKE IN, NOT IN"],
    ["tags.team IN ('blue', 'green')", "one of several"],
    ["params.note LIKE 'a%'", "% stands for anything, _ for one character; ILIKE ignores case"],
    ["tags.team IS NULL", "a param or tag that is not there; IS NOT NULL: one that is"],
    ["metrics.`val loss` < 1", "names with blanks or other signs stand in backticks"],
    ["attributes.status = 'FAILED'", "also run_id, run_name, user_id, start_time, end_time, artifact_uri"],
    ["datasets.name = 'iris'", "what a run read: name, digest, context"],
    ["… AND …", "all of them hold; there is no OR"],
  ],
};
export const MODELS = {
  asks: "/ui/registry",
  kinds: { tag: "words on models", attribute: "" },
  before: "",
  attributes: { name: "text", creation_timestamp: "number", last_updated_timestamp: "number" },
  others: {
    creation_time: "creation_timestamp", last_update_time: "last_updated_timestamp",
    last_updated_time: "last_updated_timestamp", timestamp: "last_updated_timestamp",
  },
  values: { name: { kind: "name", key: "name" } },
  examples: [],
  help: [
    ["churn old", "words that the name has, in any case"],
    ["name LIKE 'churn-%'", "% stands for anything, _ for one character; ILIKE ignores case; also = != IN, NOT IN"],
    ["tags.team = 'blue'", "a tag of the model, always a text in quotes"],
    ["tags.`team lead` IN ('Ann', 'Bo')", "one of several; names with blanks or other signs stand in backticks"],
    ["tags.team IS NULL", "a tag that is not there; IS NOT NULL: one that is"],
    ["last_updated_timestamp > 1767225600000", "milliseconds since 1970; also creation_timestamp"],
    ["… AND …", "all of them hold; there is no OR"],
  ],
};
const NUMBERS = [
  [">", "greater"], [">=", "greater or equal"], ["<", "less"], ["<=", "less or equal"], ["=", "equal"], ["!=", "unequal"],
];
const TEXTS = [
  ["=", "equal"], ["!=", "unequal"], ["LIKE", "like '%pattern_'"], ["ILIKE", "the same, in any case"],
  ["IN", "one of ('a', 'b')"], ["NOT IN", "none of ('a', 'b')"],
];
const OPTIONAL = [...TEXTS, ["IS NULL", "not there"], ["IS NOT NULL", "there"]];

export function isNumeric({ kind, key }, subject) {
  return kind === "metric" || kind === "attribute" && subject.attributes[key] === "number";
}

/** The operators that a field can be compared with, each with what it means. */
export function operatorsOf(field, subject) {
  if (isNumeric(field, subject)) return NUMBERS;
  return field.kind === "param" || field.kind === "tag" ? OPTIONAL : TEXTS;
}

/** A key of a kind as it stands in a filter; null for one that no filter can name. */
export function fieldOf(kind, key) {
  if (/^[A-Za-z0-9_./:-]+$/.test(key)) return `${kind}s.${key}`;
  const quote = ["`", '"'].find((each) => !key.includes(each));
  return quote ? `${kind}s.${quote}${key}${quote}` : null;
}

/** A text as a value; null for one with both kinds of quotes. */
export function valueOf(text) {
  const quote = ["'", '"'].find((each) => !text.includes(each));
  return quote ? quote + text + quote : null;
}
