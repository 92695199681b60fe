// The numbers behind a chart: as a table, as files, as a picture.
import { figure, utcText } from "./curve_series.js";
import { make } from "./elements.js";
import { madeTable, scrolled } from "./made_table.js";
import { saveFile } from "./save_file.js";
import { withQuery } from "./server.js";
import { colours } from "./theme.js";

const ROWS = 500;

/** A dialog with what a chart shows. */
export function showData(chart, runs) {
  const series = chart.series();
  const rows = series.flatMap((each) => each.x.map((x, i) => ({ each, i })));
  const joined = series.some((each) => each.counts);
  const heads = [
    runs.length > 1 ? "Run" : null,
    "Step",
    "Time (UTC)",
    joined ? "Mean" : "Value",
    ...(joined ? ["Least", "Greatest", "Points"] : []),
  ].filter(Boolean);
  const headOf = (head) => make("th", { scope: "col", class: head === "Run" ? "" : "number" }, head);
  const cellOf = (cell, at) => make("td", { class: at || runs.length === 1 ? "number" : "" }, cell);
  const lines = rows.slice(0, ROWS).map(({ each, i }) => cellsOf(each, i, joined, runs.length > 1).map(cellOf));
  const dialog = make("dialog", { class: "chart-data", "aria-label": `Data of ${chart.key}` });
  const everything = withQuery("/ui/curves.csv", { runs: runs.map((run) => run.id).join(","), keys: chart.key });
  dialog.append(
    make("h2", {}, chart.key),
    make(
      "p",
      { class: "hint" },
      `${rows.length.toLocaleString("en")} entries are drawn${joined ? ", some of them joined from several points" : ""}${rows.length > ROWS ? `; the first ${ROWS} are listed` : ""}.`,
    ),
    scrolled("Values", madeTable(`Values of ${chart.key}`, heads.map(headOf), lines)),
    make(
      "div",
      { class: "buttons" },
      make("a", { class: "button plain", href: everything, download: "" }, "Every logged point (CSV)"),
      make(
        "button",
        {
          type: "button",
          class: "plain",
          onclick: () => saveFile(table(rows, heads, joined, runs.length > 1), `${fileName(chart.key)}.csv`),
        },
        "What is drawn (CSV)",
      ),
      chart.plot ? make("button", { type: "button", class: "plain", onclick: () => picture(chart) }, "Picture (PNG)") : null,
      make("button", { type: "button", onclick: () => dialog.close() }, "Close"),
    ),
  );
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}

function cellsOf({ curve, run, raw, counts }, i, joined, many) {
  const time = utcText(run.start + curve.elapsed[i]);
  const cells = [curve.steps[i].toString(), time, figure(raw[i], 7)];
  if (joined) cells.push(figure((curve.low ?? raw)[i], 7), figure((curve.high ?? raw)[i], 7), String(counts?.[i] ?? 1));
  return many ? [run.name, ...cells] : cells;
}

function table(rows, heads, joined, many) {
  const quoted = (text) => (/[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
  const harmless = (text) => (/^[=+@-]/.test(text) && Number.isNaN(Number(text)) ? `'${text}` : text);
  const lines = rows.map(({ each, i }) =>
    cellsOf(each, i, joined, many)
      .map((cell) => quoted(harmless(cell)))
      .join(","),
  );
  return new Blob([`${heads.join(",")}\n${lines.join("\n")}\n`], { type: "text/csv" });
}

/** The plot on the page's background, as large as it is on this screen. */
function picture(chart) {
  const { canvas } = chart.plot.ctx;
  const copy = make("canvas", { width: String(canvas.width), height: String(canvas.height + 40 * devicePixelRatio) });
  const paint = copy.getContext("2d");
  const { back, text } = colours(["back", "text"]);
  paint.fillStyle = back;
  paint.fillRect(0, 0, copy.width, copy.height);
  paint.fillStyle = text;
  paint.font = `600 ${15 * devicePixelRatio}px system-ui, sans-serif`;
  paint.fillText(chart.key, 12 * devicePixelRatio, 24 * devicePixelRatio);
  paint.drawImage(canvas, 0, 40 * devicePixelRatio);
  copy.toBlob((blob) => saveFile(blob, `${fileName(chart.key)}.png`));
}

function fileName(key) {
  return key.replaceAll(/[^\w.-]+/g, "_");
}
