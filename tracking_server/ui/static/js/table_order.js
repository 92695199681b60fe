// Columns that keys move and hide, from their heads; the menus of table_heads.js do it for pointers.

/**
 * Alt ← and Alt → move the column whose head has the focus, Delete hides it.
 *
 * @param box holds the table.
 * @param columns tells the names now, without the first, which stays.
 * @param choose called with the names wanted.
 */
export function movable(box, { columns, choose }) {
  box.addEventListener("keydown", (event) => {
    const name = event.target.closest("thead th[data-column]")?.dataset.column;
    const now = columns();
    const at = now.indexOf(name);
    const by = event.altKey ? { ArrowLeft: -1, ArrowRight: 1 }[event.key] : 0;
    if (at < 0 || event.target.matches(".grip") || !(by || event.key === "Delete")) return;
    event.preventDefault();
    event.stopPropagation();
    const left = now.filter((each) => each !== name);
    if (event.key === "Delete") choose(left.length ? left : ["status"]);
    else if (at + by >= 0 && at + by < now.length) choose(left.toSpliced(at + by, 0, name));
  });
}
