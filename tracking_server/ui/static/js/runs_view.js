// What the table shows, as its page's address has it (see runs_view.py).
import { given } from "./elements.js";
import { withQuery } from "./server.js";

const FIELDS = ["filter", "order_by", "stage", "group", "density", "page_token"];

/** The view that the page came with. */
export function givenView() {
  return { ...given("view"), page_token: new URLSearchParams(location.search).get("page_token") || "" };
}

/** The view of an address. */
export function viewOf(address) {
  const { pathname, searchParams } = new URL(address, location.href);
  const view = { experiments: decodeURIComponent(pathname.split("/")[2]).split(",") };
  for (const name of FIELDS) view[name] = searchParams.get(name) || "";
  return { ...view, columns: searchParams.getAll("column") };
}

/** The address of a view. */
export function addressOf({ experiments, columns, ...fields }) {
  return withQuery(`/experiments/${experiments.map(encodeURIComponent).join(",")}`, { ...fields, column: columns });
}

/** The names of the columns that a table has, but the first, which every table has. */
export function columnsOf(box) {
  const names = [...box.querySelectorAll("thead [data-column]")].map((head) => head.dataset.column);
  return names.slice(1);
}

/** Those of them that are seen: on a phone the usual choice is shorter. */
export function columnsSeen(box) {
  const heads = [...box.querySelectorAll("thead [data-column]")].filter((head) => head.offsetWidth);
  return heads.slice(1).map((head) => head.dataset.column);
}

/** The address that compares what the table finds. */
export function compareOf({ experiments, filter, order_by }) {
  return withQuery("/compare", { experiments: experiments.join(","), filter, order_by });
}
