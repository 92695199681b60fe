// The page of runs: what is asked for, drawn in place of a reload, and its address.
import { attach as attachBulk } from "./bulk.js";
import { openColumns } from "./columns.js";
import { isPlainClick } from "./elements.js";
import { openExport } from "./export.js";
import { attach as attachFilter } from "./filter.js";
import { RUNS } from "./filter_subjects.js";
import { failedHere, notice } from "./notices.js";
import { wholeValues } from "./row_values.js";
import { foldable } from "./runs_children.js";
import { live } from "./runs_live.js";
import { addressOf, columnsOf, columnsSeen, compareOf, givenView, viewOf } from "./runs_view.js";
import { api, sendJSON } from "./server.js";
import { headMenus } from "./table_heads.js";
import { recall, remember } from "./table_memory.js";
import { movable } from "./table_order.js";
import { grow } from "./table_pages.js";
import { selectable } from "./table_selection.js";
import { resizable } from "./table_widths.js";
import { localTimes } from "./times.js";

const MOST_COMPARED = 100;
const MOST_COUNTED = 10_000;
const LONGEST_ADDRESS = 7500;

const box = document.getElementById("runs");
const form = document.getElementById("runs-form");
const input = document.getElementById("filter");
const fault = document.getElementById("filter-error");
let view = givenView();
let wanted = view; // the same, but while another table is on its way: what is chosen meanwhile adds to it
let coming = ""; // how that one gets into the history
let asking = null;
let pages = null;

/** What is shown now, for the server. */
const message = () => ({ ...view, page_token: "", columns: columnsOf(box) });

const widths = resizable(box, view.experiments.join(","));
const columnsWanted = () => wanted !== view && wanted.columns.length ? wanted.columns : columnsSeen(box);
const order = { columns: columnsWanted, choose: (columns) => show({ ...wanted, columns }) };
movable(box, order);
headMenus(box, { ...order, sort: (by) => show({ ...wanted, page_token: "", order_by: by }) });
const showValues = wholeValues(box);
const selection = selectable(box, {
  ids: () => pages?.ids() ?? [],
  changed: tellSelection,
  keys: {
    Enter: (row, onRow) => onRow && row ? location.assign(row.querySelector("a").href) : false,
    ArrowRight: (row) => row ? fold(row, true) : false,
    ArrowLeft: (row) => row ? fold(row, false) : false,
    f: () => input.focus(),
    v: (row) => row ? showValues(row) : false,
    c: () => location.assign(document.getElementById(selection.selected().length ? "compare-selected" : "compare-found").href),
  },
});
const drawn = (body) => {
  localTimes(body);
  selection.drawn(body);
};
const fold = foldable(box, { message, drawn });
const refresher = live(box, { message, usual: () => !view.columns.length, show: refresh });

/** Draw another view; `history` is "push", "replace" or ""; `typed` stands in the filter's box, which then shows the view's. */
async function show(asked, { history: how = "push", typed = input.value.trim() } = {}) {
  asking?.abort();
  asking = new AbortController();
  const { signal } = asking;
  [wanted, coming] = [asked, how];
  box.setAttribute("aria-busy", "true");
  try {
    const answer = await sendJSON("/ui/runs/table", asked, { signal });
    const focused = document.activeElement?.closest?.("#runs th[data-column]");
    view = wanted;
    coming = "";
    box.scrollTop = 0; // before there is a new table to lay out
    box.innerHTML = answer.html; // a table that our server drew
    if (fault.querySelector(".error")) fault.replaceChildren();
    input.removeAttribute("aria-invalid");
    tellView();
    if (input.value.trim() === typed && input.value !== view.filter) filter.set(view.filter); // else more was typed meanwhile
    if (how) history[`${how}State`]({}, "", shortAddress());
    begin(answer.count);
    if (focused) focusHead(focused);
  } catch (error) {
    if (error.name === "AbortError") return;
    [wanted, coming] = [view, ""];
    input.setAttribute("aria-invalid", String(error.status === 400));
    failedHere(fault, error, error.status === 400 ? null : () => show(asked, { history: how }));
  }
  if (asking?.signal === signal) box.removeAttribute("aria-busy");
}

/** The same anew, or what is on its way. */
function refresh() {
  return show(wanted, { history: coming });
}

/** The head of the same column has the focus, or the one that is in its place. */
function focusHead({ dataset, cellIndex }) {
  const heads = [...box.querySelectorAll("thead th[data-column]")];
  const same = heads.find((head) => head.dataset.column === dataset.column);
  (same || heads[Math.min(cellIndex, heads.length) - 1])?.querySelector("a, span")?.focus();
}

/** The view's address; servers take no longer ones. */
function shortAddress() {
  const whole = addressOf(view);
  if (whole.length < LONGEST_ADDRESS) return whole;
  notice("So many columns are too long for an address: whoever gets it sees the usual ones.");
  return addressOf({ ...view, columns: [] });
}

/** Let a table that was just drawn live. */
function begin(count) {
  pages?.stop();
  widths();
  const more = (token) => sendJSON("/ui/runs/rows", { ...message(), page_token: token });
  pages = grow(box, { more, drawn });
  selection.refresh();
  refresher.drawn();
  if (count !== undefined) tellCount(count);
}

async function tellCount(count) {
  const place = document.getElementById("count");
  if (count === null) {
    place.textContent = `more than ${pages.ids().length} runs`;
    const asked = view;
    try {
      count = (await sendJSON("/ui/runs/count", message())).count;
    } catch {
      return; // it says what it knows
    }
    if (asked !== view) return;
  }
  place.textContent = `${count.toLocaleString("en")}${count >= MOST_COUNTED ? "+" : ""} run${count === 1 ? "" : "s"}`;
}

function tellView() {
  form.elements.order_by.value = view.order_by;
  form.elements.stage.value = view.stage;
  bulk.at(view.stage);
  form.elements.group.checked = Boolean(view.group);
  form.elements.density.checked = Boolean(view.density);
  box.classList.toggle("airy", Boolean(view.density));
  document.getElementById("group-hint").hidden = !(view.group && view.filter);
  document.getElementById("compare-found").href = compareOf(view);
}

function tellSelection(ids) {
  document.getElementById("selection").hidden = !ids.length;
  const count = ids.length.toLocaleString("en");
  document.getElementById("selected-count").textContent = `${count} selected`;
  // what just came to be seen is not read out, so a place that was there before tells it
  const told = document.getElementById("selected-words");
  if (ids.length || told.textContent) told.textContent = `${count} run${ids.length === 1 ? "" : "s"} selected`;
  const few = ids.slice(0, MOST_COMPARED).join(",");
  const compare = document.getElementById("compare-selected");
  compare.href = `/compare?runs=${few}`;
  document.getElementById("charts-selected").href = `/charts?runs=${few}`;
  compare.title = ids.length > MOST_COMPARED ? `The first ${MOST_COMPARED}` : "";
}

function formView() {
  const [group, density] = [form.elements.group.checked ? "1" : "", form.elements.density.checked ? "airy" : ""];
  return { ...wanted, page_token: "", filter: input.value.trim(), stage: form.elements.stage.value, group, density };
}

const filter = attachFilter(input, {
  subject: RUNS,
  query: { experiments: view.experiments.join(",") },
  submit: (text) => show({ ...formView(), filter: text }, { typed: text }),
  errorPlace: fault,
});
const bulk = attachBulk({
  bar: document.getElementById("bulk"),
  selected: selection.selected,
  table: box,
  done: (ids, what) => {
    if (what === "delete" || what === "restore") selection.clear();
    return refresh();
  },
});
bulk.at(view.stage);
document.getElementById("more-actions").hidden = false;
document.getElementById("choose-columns").addEventListener("click", async () => {
  const columns = await openColumns({ experiments: view.experiments, columns: columnsSeen(box) });
  if (columns) show({ ...wanted, columns });
});
document.getElementById("export").addEventListener("click", () => openExport({
  view, shown: columnsOf(box), selected: selection.selected(),
}));
form.addEventListener("change", (event) => {
  if (event.target === input) return;
  if (event.target.name !== "density") show(formView());
  else {
    const [{ density }, isShown] = [formView(), wanted === view];
    view = { ...view, density };
    wanted = isShown ? view : { ...wanted, density };
    tellView();
    history.replaceState({}, "", addressOf(view));
  }
});
input.addEventListener("search", () => input.value || !wanted.filter || show(formView()));
document.addEventListener("click", (event) => {
  const link = event.target.closest("a[data-sort], a[data-view]");
  if (!link || !isPlainClick(event)) return;
  event.preventDefault();
  const chosen = viewOf(link.href);
  if ("sort" in link.dataset) show({ ...wanted, page_token: "", order_by: chosen.order_by });
  else show({ ...chosen, density: wanted.density });
});
addEventListener("popstate", () => {
  const there = viewOf(location.href);
  if (addressOf(there) !== addressOf(wanted)) show(there, { history: "" }); // a jump within the page changes nothing
});
document.getElementById("clear-selection").addEventListener("click", selection.clear);
document.getElementById("restore-experiment")?.addEventListener("click", async ({ target }) => {
  try {
    await api("POST", "experiments/restore", { experiment_id: target.dataset.experiment });
    location.assign(`/experiments/${target.dataset.experiment}`);
  } catch (error) {
    notice(error.message, { bad: true });
  }
});

begin(document.getElementById("count").textContent.startsWith("more than") ? null : undefined);
remember(box, selection.selected);
recall(box, { select: selection.select, load: () => pages.load(), unfold: (row) => fold(row, true) });
