// A table as it was left: going back finds it again where the browser did not keep the whole page.
const MOST = 40; // pages that are loaded again

/**
 * Keep how far a table is with the browser's entry of its page.
 *
 * @param box the element that scrolls.
 * @param selected tells what is selected.
 */
export function remember(box, selected) {
  addEventListener("pagehide", () => {
    const open = [...box.querySelectorAll(".fold[aria-expanded=true]")].map((fold) => fold.closest("tr").dataset.run);
    const table = { top: box.scrollTop, left: box.scrollLeft, pages: box.querySelectorAll("tbody").length, selected: selected(), open };
    try {
      history.replaceState({ ...history.state, table }, "");
    } catch { /* more than a browser keeps */ }
  });
}

/**
 * Bring a fresh table to where it was, if the reader came back to it.
 *
 * @param box the element that scrolls.
 * @param table {select, load, unfold}: selects ids, loads one more page, shows what is below a row.
 */
export async function recall(box, { select, load, unfold }) {
  const kept = history.state?.table;
  if (!kept || performance.getEntriesByType("navigation")[0]?.type !== "back_forward") return;
  const table = box.querySelector("table"); // when another one is asked for meanwhile, this one is left alone
  select(kept.selected);
  for (const id of kept.open) {
    const row = table?.querySelector(`tr[data-run="${CSS.escape(id)}"]`);
    if (row?.isConnected) await unfold(row);
  }
  let count = 1;
  while (table?.isConnected && count < Math.min(kept.pages, MOST) && await load()) count += 1;
  if (table?.isConnected) box.scrollTo({ left: kept.left, top: kept.top, behavior: "instant" });
}
