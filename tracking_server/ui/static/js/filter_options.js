// What a filter can go on with: words of the grammar at once, names and values from the server.
import { getJSON } from "./server.js";
import { fieldOf, operatorsOf, valueOf } from "./filter_subjects.js";

const LIST = [{ insert: ")", label: ")", note: "ends the list" }, { insert: ", ", label: ",", note: "one more", more: true }];

/**
 * The options at a place (see `expected`): [{insert, label, note, more}].
 *
 * `more` says that the next options follow at once. `query` says of which of the subject, such as {experiments}. Throws
 * what the server answers.
 */
export async function optionsAt(place, text, { subject, query, signal }) {
  const ask = (path, asked) => getJSON(`${subject.asks}/${path}`, { ...query, ...asked }, { signal });
  switch (place?.want) {
    case "field": return text.trim() ? fields(place, subject, ask) : examples(subject, ask);
    case "key": return keys(place, subject, ask);
    case "operator": return operators(place, subject);
    case "value": return values(place, subject, ask);
    case "number": return times(place);
    case "list": return LIST;
    case "and": return [{ insert: `${place.tight ? " " : ""}AND `, label: "AND", note: "one more condition", more: true }];
    default: return [];
  }
}

async function fields({ typed }, subject, ask) {
  const found = Object.entries(subject.kinds).filter(([kind, note]) => note && fits(`${kind}s.`, typed))
    .map(([kind, note]) => ({ insert: `${kind}s.`, label: `${kind}s.`, note, more: true }));
  found.push(...attributes(typed, subject));
  if (!typed) return found;
  const { names } = await ask("names", { words: typed, limit: 8 });
  return [...found, ...Object.entries(names).flatMap(([kind, keys]) => keys.map((key) => named(kind, key)))].filter(Boolean);
}

function attributes(typed, { attributes: known, before }) {
  return Object.entries(known).filter(([name]) => fits(name, typed))
    .map(([name, note]) => ({ insert: `${before}${name} `, label: `${before}${name}`, note, more: true }));
}

/** A field of this name; what is a name itself, such as that of a model, is found by it. */
function named(kind, key) {
  if (kind === "name") {
    const value = valueOf(key);
    return value && { insert: `name = ${value} `, label: `name = ${value}`, note: kind, more: true };
  }
  const field = fieldOf(kind, key);
  return field && { insert: `${field} `, label: field, note: kind, more: true };
}

async function keys({ kind, words }, subject, ask) {
  if (kind === "attribute") return attributes(words, subject);
  if (kind === "dataset") {
    return subject.datasetKeys.filter((key) => fits(key, words))
      .map((key) => ({ insert: `datasets.${key} `, label: `datasets.${key}`, note: "text", more: true }));
  }
  const { names } = await ask("names", { kind, words, limit: 50 });
  return names[kind].map((key) => named(kind, key)).filter(Boolean);
}

function operators({ field, typed }, subject) {
  const begun = typed.toUpperCase().replace(/\s+/g, " ");
  return operatorsOf(field, subject).filter(([operator]) => operator.startsWith(begun)).map(([operator, note]) => ({
    insert: operator.endsWith("IN") ? `${operator} (` : `${operator} `, label: operator, note, more: true,
  }));
}

async function values({ field, operator, words, opens = "" }, subject, ask) {
  const after = operator && !operator.endsWith("IN") ? " " : "";
  const option = (text, note) => {
    const value = valueOf(text);
    return value && { insert: `${opens}${value}${after}`, label: value, note, more: true };
  };
  const patterns = operator?.endsWith("LIKE") && words && !words.includes("%") ? [option(`%${words}%`, "holds it")] : [];
  const known = field.kind === "attribute" ? subject.values[field.key] : field;
  if (Array.isArray(known)) return known.filter((text) => fits(text, words)).map((text) => option(text, field.key));
  if (!known || known.kind === "dataset") return patterns;
  const found = await ask("values", { kind: known.kind, key: known.key, words: words.replace(/%/g, "") });
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

/** Whole filters of names that there are, for a box that is empty. */
async function examples(subject, ask) {
  const { names } = await ask("names", { limit: 20 });
  const found = [];
  for (const kind of ["name", "metric", "param", "tag"]) {
    const key = names[kind]?.find((each) => !/^(system\/|mlflow\.)/.test(each) && named(kind, each));
    if (key === undefined) continue;
    if (kind === "name") found.push(`name LIKE ${valueOf(`${key}%`)}`);
    else if (kind === "metric") found.push(`${fieldOf(kind, key)} > 0.9`);
    else {
      const { values: [first] } = await ask("values", { kind, key, limit: 1 });
      const value = first === undefined ? null : valueOf(first);
      found.push(`${fieldOf(kind, key)} ${value ? `= ${value}` : "IS NOT NULL"}`);
    }
  }
  return [...found, ...subject.examples].map((text) => ({ insert: text, label: text, note: "example" }));
}

function fits(word, typed) {
  return word.toLowerCase().includes(typed.toLowerCase());
}
