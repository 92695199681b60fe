// Parquet files as tables, a page of rows at a time. The browser reads the ranges that it needs.
import { compressors, parquetMetadataAsync, parquetReadObjects, parquetSchema } from "../lib/parquet.js";
import { make } from "./elements.js";
import { madeTable, scrolled } from "./made_table.js";
import { failedHere } from "./notices.js";
import { ServerError } from "./server.js";

const ROWS = 100;
const COLUMNS = 100;
const AT_ONCE = 10; // columns that are decoded in one go, which holds up the page
const SHOWN = 80; // characters of a cell; a screen shows no more of them
const LONGEST = 1000; // of those that show when the pointer rests on it
// That one page may read. Of a column a whole row group is read, which can be far larger than its rows.
const MOST_BYTES = 48 << 20;

const figure = (count) => count.toLocaleString("en");

/** Show the table of `data-parquet`. */
export async function show(place) {
  const again = () => show(place);
  try {
    const file = ranges(place.dataset.parquet, Number(place.dataset.size));
    const metadata = await parquetMetadataAsync(file);
    const schema = parquetSchema(metadata);
    const table = { file, metadata, columns: schema.children, count: Number(metadata.num_rows) };
    if (!Number.isSafeInteger(table.count) || table.count < 0) throw new Error("it says that it has no possible number of rows");
    await draw(place, table, 0);
  } catch (error) {
    failedHere(place, told(error), error instanceof ServerError ? again : null);
  }
}

async function draw(place, table, start) {
  const end = Math.min(start + ROWS, table.count);
  const columns = within(table, start, end);
  const names = columns.map((each) => each.element.name);
  table.file.begin();
  const rows = end > start ? await read(table, names, start, end) : [];
  const kinds = columns.map(kindOf);
  place.replaceChildren(
    summary(table, columns.length),
    sheet(names, kinds, rows, start),
    pager(start, end, table.count, (to) => move(place, table, start, to)),
    schemaOf(table.columns),
  );
}

async function read({ file, metadata }, names, rowStart, rowEnd) {
  const parts = [];
  for (let i = 0; i < names.length; i += AT_ONCE) {
    const columns = names.slice(i, i + AT_ONCE);
    parts.push(parquetReadObjects({ file, metadata, compressors, columns, rowStart, rowEnd, useOffsetIndex: true }));
  }
  const [first = [], ...others] = await Promise.all(parts);
  return first.map((row, i) => Object.assign(row, ...others.map((rows) => rows[i])));
}

async function move(place, table, from, to) {
  const buttons = [...place.querySelectorAll("[data-to]")];
  for (const button of buttons) button.disabled = true;
  try {
    await draw(place, table, to);
    const left = place.querySelector(`[data-to="${to > from ? "next" : "previous"}"]`);
    (left.disabled ? place.querySelector(".sheet") : left).focus();
  } catch (error) {
    for (const button of buttons) button.disabled = false;
    place.querySelector(".error")?.remove();
    place.prepend(make("p", { class: "error", role: "alert" }, told(error).message));
  }
}

/** The first columns, so many as are shown and may be read for these rows; one in any case. */
function within({ columns, metadata }, start, end) {
  const read = new Map();
  let first = 0;
  for (const { columns: chunks, num_rows } of metadata.row_groups) {
    const last = first + Number(num_rows);
    for (const { meta_data } of first < end && last > start ? chunks : []) {
      const name = meta_data?.path_in_schema[0];
      read.set(name, (read.get(name) ?? 0) + Number(meta_data?.total_compressed_size ?? 0));
    }
    first = last;
  }
  let left = MOST_BYTES;
  const few = columns.slice(0, COLUMNS).findIndex(({ element }) => (left -= read.get(element.name) ?? 0) < 0);
  return columns.slice(0, few < 0 ? COLUMNS : Math.max(1, few));
}

function summary({ columns, count }, shown) {
  const why = shown < Math.min(COLUMNS, columns.length) ? ", because its groups of rows are large" : "";
  const cut = shown < columns.length ? `; the first ${shown} are shown${why}` : "";
  return make("p", { class: "quiet" }, `${figure(count)} rows, ${figure(columns.length)} columns${cut}`);
}

function sheet(names, kinds, rows, start) {
  const classes = kinds.map((kind) => (kind.isNumber ? "number" : null));
  const heads = names.map((name, i) => make("th", { scope: "col", class: classes[i] }, name));
  const lines = rows.map((row, i) => [
    make("td", { class: "row-number" }, figure(start + i + 1)), ...names.map((name, j) => cell(row[name], classes[j])),
  ]);
  const table = madeTable("Rows", [make("td", { class: "row-number" }), ...heads], lines, null);
  return scrolled("Rows of the table", table, "scroll sheet");
}

function cell(value, kind) {
  if (value === null || value === undefined) return make("td", { class: "quiet" }, "null");
  const whole = text(value);
  const title = whole.length > SHOWN ? cut(whole, LONGEST) : null;
  return make("td", { class: kind, title }, cut(whole, SHOWN));
}

/** A value as text; nested ones as JSON. */
function text(value) {
  let found = String(value);
  if (value instanceof Uint8Array) found = Array.from(value.subarray(0, 32), hex).join(" ");
  else if (value instanceof Date) found = date(value);
  else if (typeof value === "object") found = JSON.stringify(value, plain) ?? "";
  return found;
}

const cut = (found, most) => (found.length > most ? `${found.slice(0, most)}…` : found);

const hex = (byte) => byte.toString(16).padStart(2, "0");
const plain = (_, value) => (typeof value === "bigint" ? String(value) : value);

function date(value) {
  return Number.isNaN(value.valueOf()) ? "no date" : value.toISOString().replace("T", " ").replace(/(\.000)?Z$/, "");
}

function pager(start, end, count, go) {
  const words = count ? `${figure(start + 1)} – ${figure(end)} of ${figure(count)}` : "no rows";
  const button = (name, to, disabled) => {
    const shared = { type: "button", class: "plain", "data-to": name.toLowerCase() };
    return make("button", { ...shared, disabled, onclick: () => go(to) }, name);
  };
  return make("p", { class: "bar" },
    button("Previous", Math.max(0, start - ROWS), start === 0),
    make("span", { class: "quiet", role: "status" }, words),
    button("Next", start + ROWS, end >= count));
}

function schemaOf(columns) {
  const rows = columns.slice(0, COLUMNS * 10).map((column) => [
    make("th", { scope: "row" }, column.element.name),
    make("td", {}, make("code", {}, kindOf(column).name)),
    column.element.repetition_type === "REQUIRED" ? "yes" : "no",
  ]);
  const table = madeTable("Schema", ["Column", "Type", "Required"], rows);
  return make("details", { class: "schema" }, make("summary", {}, "Schema"), make("div", { class: "scroll" }, table));
}

function kindOf({ element, children }) {
  if (children.length) return { name: element.converted_type?.toLowerCase() || "group", isNumber: false };
  const logical = element.logical_type?.type || element.converted_type;
  const isNumber = /^(INT32|INT64|FLOAT|DOUBLE)$/.test(element.type || "") && !/DATE|TIME/.test(logical || "");
  return { name: (logical ? `${element.type} (${logical})` : element.type || "").toLowerCase(), isNumber };
}

/** A file that is read by ranges, with a limit on what one page may read; the next page often needs the same. */
function ranges(address, byteLength) {
  let kept = new Map();
  let held = 0;
  const forget = () => {
    kept = new Map();
    held = 0;
  };
  return {
    byteLength,
    left: MOST_BYTES,
    async slice(start, end = byteLength) {
      const from = start < 0 ? Math.max(0, byteLength + start) : start;
      const to = Math.min(end, byteLength);
      if (!(to >= from)) throw new Error("it points to places that it does not have");
      if (to === from) return new ArrayBuffer(0);
      const name = `${from}-${to}`;
      if (!kept.has(name)) {
        this.left -= to - from;
        if (this.left < 0) throw new Error("its rows are in groups that are too large to read here");
        held += to - from;
        kept.set(name, bytes(address, from, to));
      }
      try {
        return await kept.get(name);
      } catch (error) {
        forget();
        throw error;
      }
    },
    /** A page begins: it may read so much; what the last one read is kept, not more. */
    begin() {
      if (held > MOST_BYTES) forget();
      this.left = MOST_BYTES;
    },
  };
}

async function bytes(address, from, to) {
  let response;
  try {
    response = await fetch(address, { headers: { Range: `bytes=${from}-${to - 1}` } });
    if (response.status === 206) return await response.arrayBuffer();
  } catch {
    throw new ServerError("The server does not answer.", 0);
  }
  if (response.status !== 200) throw new ServerError(`The server answered ${response.status}.`, response.status);
  return (await response.arrayBuffer()).slice(from, to);
}

function told(error) {
  if (error instanceof ServerError) return error;
  const why = `This Parquet file cannot be shown: ${error.message}.`;
  return new Error(`${why} It may be damaged or use what is not known here; download it instead.`);
}
