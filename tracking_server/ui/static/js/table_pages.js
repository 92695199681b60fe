// A table that is as long as the server has rows: pages come when they are near, and those that are
// far away are kept as text, with one empty row of their height in their place.
import { make } from "./elements.js";
import { failedHere } from "./notices.js";

const NEAR = "1600px 0px";

/**
 * Let a table grow.
 *
 * @param box the element that scrolls.
 * @param more `more(token)` gets the page after: `{html, next}`.
 * @param drawn called with each `<tbody>` that was drawn, or drawn again.
 * @returns {{ids, load, stop}} the runs of all pages that are here, in their order; one page more,
 *   which answers whether there was one.
 */
export function grow(box, { more, drawn }) {
  const table = box.querySelector("table");
  const further = box.querySelector(".further");
  if (!table) return { ids: () => [], load: async () => false, stop: () => {} };
  const far = new Map();
  let next = table.dataset.next;
  let loading = null;

  const put = (body, html) => {
    body.innerHTML = html; // rows that our server drew
    drawn(body);
  };
  const leave = (body) => {
    if (far.has(body) || body.contains(document.activeElement) || !body.rows.length) return;
    if (body.querySelector("tr.note")) return; // runs_children.js: their buttons and answers need these very rows
    const gap = make("td", { colspan: table.tHead.rows[0].cells.length });
    gap.style.height = `${body.offsetHeight}px`;
    far.set(body, { html: body.innerHTML, ids: idsOf(body) });
    body.replaceChildren(make("tr", { class: "gap", "aria-hidden": "true" }, gap));
  };
  const come = (body) => {
    if (!far.has(body)) return;
    put(body, far.get(body).html);
    far.delete(body);
  };
  const observer = new IntersectionObserver((entries) => {
    for (const { target, isIntersecting } of entries) {
      if (target === further) isIntersecting && load();
      else (isIntersecting ? come : leave)(target);
    }
  }, { root: box, rootMargin: NEAR });

  /** One page more; who asks meanwhile waits for the same. */
  function load() {
    if (!next) return Promise.resolve(false);
    return loading ??= loadNext().finally(() => (loading = null));
  }

  async function loadNext() {
    further.replaceChildren(make("span", { class: "loading" }, "More runs…"));
    try {
      const page = await more(next);
      const body = table.appendChild(make("tbody"));
      put(body, page.html);
      next = page.next;
      further.replaceChildren();
      observer.observe(body);
      observer.unobserve(further);
      if (next) observer.observe(further); // it may be near still
      return true;
    } catch (error) {
      failedHere(further, error, () => load());
      return false;
    }
  }

  for (const body of table.tBodies) {
    drawn(body);
    observer.observe(body);
  }
  observer.observe(further);
  return {
    ids: () => [...table.tBodies].flatMap((body) => far.get(body)?.ids ?? idsOf(body)),
    load,
    stop: () => observer.disconnect(),
  };
}

function idsOf(body) {
  return [...body.querySelectorAll("tr[data-run]")].map((row) => row.dataset.run);
}
