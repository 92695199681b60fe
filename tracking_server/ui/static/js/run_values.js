// The tables of params and metrics: filtered while one types, folded, and kept new.
import { settled } from "./elements.js";
import { failedHere } from "./notices.js";
import { getPart } from "./server.js";

export function listenToValues(section, runId) {
  const kind = section.dataset.values;
  const place = section.querySelector("[data-place]");
  const field = section.querySelector("input[type=search]");
  const whole = "whole" in section.dataset; // all of them are here
  const closed = new Set();
  let known = null;
  let asked = 0;

  const load = async () => {
    const query = { kind, words: whole ? "" : words(), page: page() };
    const turn = ++asked;
    const part = await getPart(`/ui/runs/${encodeURIComponent(runId)}/values`, query);
    if (turn === asked) replace(part); // not when something else was asked for meanwhile
  };

  section.addEventListener("click", (event) => {
    const copies = event.target.closest(".copies button");
    if (copies) copies.dataset.copy = valueOf(copies.closest("tr")); // page.js copies it right after
    const button = event.target.closest("[data-fold]");
    if (!button) return;
    const group = button.closest("tbody").dataset.group;
    if (!closed.delete(group)) closed.add(group);
    fold();
  });
  if (field) {
    field.form.addEventListener("submit", (event) => {
      event.preventDefault();
      find();
    });
    field.addEventListener("input", settled(find));
    if (whole && field.value) narrow();
  }
  if (kind === "metric") {
    addEventListener("runstate", async ({ detail: state }) => {
      if (known === state.metrics) return;
      try {
        await load();
        known = state.metrics;
      } catch { /* the next state comes soon, and the frame tells that the server is down */ }
    });
  }

  async function find() {
    const url = new URL(location.href);
    url.searchParams.delete(`${kind}s_page`);
    if (words()) url.searchParams.set(`${kind}s`, words());
    else url.searchParams.delete(`${kind}s`);
    history.replaceState(null, "", url);
    if (whole) return narrow();
    try {
      await load();
    } catch (error) {
      failedHere(place, error, find);
    }
  }

  function words() {
    return field ? field.value.trim() : "";
  }

  function page() {
    return new URL(location.href).searchParams.get(`${kind}s_page`);
  }

  /** Show the rows that hold the words. */
  function narrow() {
    const wanted = words().toLowerCase().split(/\s+/);
    let fit = 0;
    for (const body of section.querySelectorAll("tbody")) {
      let here = 0;
      for (const row of body.querySelectorAll("tr[data-key]")) {
        const text = `${row.dataset.key}\n${kind === "param" ? valueOf(row) : ""}`.toLowerCase();
        row.hidden = !wanted.every((word) => text.includes(word));
        if (!row.hidden) here += 1;
      }
      body.hidden = !here;
      fit += here;
    }
    count(fit, section.querySelectorAll("tr[data-key]").length);
  }

  /** Newer values into the cells that show older ones; another table where the keys are others. */
  function replace(part) {
    const keys = (root) => JSON.stringify([...root.querySelectorAll("tr[data-key]")].map((row) => row.dataset.key));
    const { fit, total } = part.firstElementChild.dataset;
    if (keys(place) !== keys(part) || !place.querySelector("[data-fit]")) {
      place.replaceChildren(part);
    } else {
      const rows = place.querySelectorAll("tr[data-key]");
      part.querySelectorAll("tr[data-key]").forEach((row, i) => update(rows[i], row));
    }
    fold();
    if (whole && field && words()) narrow();
    else count(Number(fit), Number(total));
  }

  function fold() {
    for (const body of section.querySelectorAll("tbody[data-group]")) {
      const isClosed = closed.has(body.dataset.group);
      body.classList.toggle("closed", isClosed);
      body.querySelector("[data-fold]")?.setAttribute("aria-expanded", String(!isClosed));
    }
  }

  function count(fit, total) {
    section.querySelector("[data-count]").textContent = words() ? `${fit} of ${total}` : String(total);
  }
}

function update(old, row) {
  for (const name of ["[data-value]", "[data-step]"]) {
    const [before, after] = [old.querySelector(name), row.querySelector(name)];
    if (after && before.textContent !== after.textContent) before.replaceWith(after);
  }
}

/** All of it: cells show metrics to six digits and the beginning of long params. */
function valueOf(row) {
  const cell = row.querySelector("[data-value]");
  return cell.title || (cell.querySelector("pre") ?? cell).textContent;
}
