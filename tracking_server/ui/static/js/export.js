// Runs as a file: asks which one, says what is wrong before the browser leaves for it.
import { ask } from "./dialogs.js";
import { make } from "./elements.js";
import { notice } from "./notices.js";
import { getJSON, withQuery } from "./server.js";

const TABLE = "Those of the table";
const ALL = "All that were logged";

/**
 * Ask for the format and hand the file to the browser.
 *
 * @param options {view: fields of the page's address with `experiments` and `columns` as lists,
 *   shown: names of the columns that the table has, selected: ids, none for all runs of the view}
 */
export async function openExport({ view, shown = [], selected = [] }) {
  const count = selected.length;
  const those = count ? `${count} selected run${count === 1 ? "" : "s"}` : "all runs that the filter finds";
  const answer = await ask({
    title: "Export runs", yes: "Download", text: `A file of ${those}, in the order of the table.`,
    fields: [
      { name: "format", label: "Format", type: "select", options: ["CSV", "JSON"], hint: "CSV for spreadsheets." },
      { name: "columns", label: "Columns", type: "select", options: shown.length ? [TABLE, ALL] : [ALL] },
    ],
  });
  if (!answer) return;
  await download({ view, columns: answer.columns === TABLE ? shown : [], kind: answer.format.toLowerCase(), selected });
}

async function download({ view, columns, kind, selected }) {
  const { experiments, filter, order_by, stage } = view;
  const column = columns.filter((name) => name !== "name");
  const query = { experiments: experiments.join(","), filter, order_by, stage, column };
  const path = `/ui/export.${kind}`;
  try {
    const { runs, or_more: more } = await getJSON(path, { ...query, check: 1 });
    const count = selected.length || runs;
    if (!count) return notice("There is no run to export.");
    notice(`${count.toLocaleString("en")}${more && !selected.length ? " or more" : ""} run${count === 1 ? "" : "s"} on the way.`);
  } catch (error) {
    notice(error.message, { bad: true, again: () => download({ view, columns, kind, selected }) });
    return;
  }
  // a form, because the ids of a selection are longer than addresses may be
  const form = make("form", { method: "post", action: withQuery(path, query), hidden: true });
  if (selected.length) form.append(make("input", { type: "hidden", name: "runs", value: selected.join(",") }));
  document.body.append(form);
  form.submit();
  form.remove();
}
