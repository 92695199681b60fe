// Comparing runs: what is asked for is a form, and the same query is the page's address.
import { copyComparison, unfold } from "./compare_table.js";
import { given, make, settled } from "./elements.js";
import { failedHere, notice } from "./notices.js";
import { getJSON, getPart } from "./server.js";
import { localTimes } from "./times.js";

const SETTLE = 250;
const told = given("comparison");
const form = document.getElementById("choices");
const place = document.getElementById("answer");
let asking = null;
let warned = null;

/** The fields of the form, and of the button that sent it; of a button that is pressed again, none. */
function query(button) {
  const fields = new URLSearchParams();
  for (const [name, value] of new FormData(form, button)) if (value) fields.append(name, value);
  if (button?.name === "baseline") {
    fields.delete("baseline");
    if (button.value) fields.set("baseline", button.value);
  }
  const flips = fields.getAll("flip");
  fields.delete("flip");
  for (const name of new Set(flips)) if (flips.filter((each) => each === name).length % 2) fields.append("flip", name);
  return fields;
}

/** Ask for what the form says, and show it; what is shown stays where that fails. */
async function show(button = null) {
  asking?.abort();
  asking = new AbortController();
  warned?.();
  const { signal } = asking;
  const fields = query(button);
  history.replaceState(null, "", `/compare?${fields}`);
  place.setAttribute("aria-busy", "true");
  try {
    if (told.view === "table") showTable(await getPart(`/ui/compare/table?${fields}`, {}, { signal }));
    else {
      const [found, { drawComparison }] = await Promise.all([
        getJSON(`/ui/compare/${told.view}?${fields}`, {}, { signal }), import("./compare_draw.js"),
      ]);
      if (!signal.aborted) drawComparison(place, told.view, found);
    }
    place.dataset.shown = "yes";
  } catch (error) {
    if (error.name === "AbortError") return;
    if (place.dataset.shown) warned = notice(error.message, { bad: true, again: () => show(button) });
    else failedHere(place, error, () => show(button));
  } finally {
    if (asking.signal === signal) place.removeAttribute("aria-busy");
  }
}

function showTable(part) {
  const { name, value } = document.activeElement ?? {};
  place.replaceChildren(part);
  localTimes(place);
  ready();
  if (name) [...place.querySelectorAll("button")].find((each) => each.name === name && each.value === value)?.focus();
}

/** What works with scripts alone appears. */
function ready() {
  for (const button of document.querySelectorAll("[data-copies]")) button.hidden = false;
}

function listenToForm() {
  for (const button of form.querySelectorAll("[data-unscripted]")) button.hidden = true;
  const soon = settled(() => show(), SETTLE);
  form.addEventListener("submit", (event) => {
    if (document.activeElement.matches("[data-reloads]")) return; // Enter there: for the same page with other choices
    event.preventDefault();
    show(event.submitter);
  });
  form.addEventListener("input", ({ target }) => target.matches("[type=search]:not([data-reloads])") && soon());
  form.addEventListener("change", ({ target }) => {
    if (target.matches("[data-reloads]")) form.submit();
    else if (!target.matches("[type=search]")) {
      if (target.id === "add-axis") addAxis(target);
      const log = target.matches("select") && target.closest(".with-log")?.querySelector("[name=log]");
      if (log) log.value = target.value;
      show();
    }
  });
  form.addEventListener("click", ({ target }) => {
    const button = target.closest("[data-move]");
    if (!button) return;
    moveAxis(button.closest("li"), Number(button.dataset.move));
    if (button.isConnected) button.focus();
    show();
  });
}

function moveAxis(item, by) {
  if (by < 0) item.previousElementSibling?.before(item);
  else if (by > 0) item.nextElementSibling?.after(item);
  else {
    (item.nextElementSibling ?? item.previousElementSibling)?.querySelector("button").focus();
    item.remove();
  }
}

function addAxis(select) {
  const name = select.value;
  const label = select.selectedOptions[0].textContent;
  select.value = "";
  if ([...form.querySelectorAll("[name=axis]")].some((each) => each.value === name)) return;
  const move = (by, text, words) => make(
    "button", { type: "button", class: "quiet-button", "data-move": by, "aria-label": `${words} ${label}` }, text,
  );
  document.getElementById("axes").append(make(
    "li", {}, make("input", { type: "hidden", name: "axis", value: name }), make("span", { class: "key" }, label),
    make("label", { class: "line log" }, make("input", { type: "checkbox", name: "log", value: name }), " log"),
    move(-1, "←", "Move to the left:"), move(1, "→", "Move to the right:"), move(0, "×", "Without"),
  ));
}

/** Runs to add, while their name is typed. */
function listenToAdding() {
  const field = document.getElementById("add");
  const list = document.getElementById("found-runs");
  const look = settled(async () => {
    const words = field.value.trim();
    if (!words || [...list.options].some((each) => each.value === words)) return;
    try {
      const { found } = await getJSON("/ui/compare/find", { words });
      if (field.value.trim() !== words) return; // more was typed meanwhile
      list.replaceChildren(...found.map(({ id, name }) => make("option", { value: id, label: name })));
    } catch { /* the button still adds what is typed */ }
  });
  field.addEventListener("input", look);
}

listenToAdding();
ready();
if (/[?&](add|remove|experiments)=/.test(location.search)) {
  const fields = new URLSearchParams(location.search);
  for (const name of ["add", "remove", "experiments", "filter"]) fields.delete(name);
  fields.set("runs", document.querySelector("#runs [name=runs]").value);
  history.replaceState(null, "", `/compare?${fields}`);
}
if (form && place) {
  listenToForm();
  if (told.view === "table") {
    place.dataset.shown = "yes";
    place.addEventListener("click", unfold);
    place.addEventListener("click", copyComparison);
  } else show();
}
