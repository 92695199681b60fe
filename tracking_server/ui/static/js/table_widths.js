// Columns as wide as somebody made them, by a pointer or by keys; kept by the browser.
import { keep, kept } from "./kept.js";

const LEAST = 60;
const MOST = 900;

/**
 * Make the columns of a box's tables resizable. Call `apply()` for each table that is drawn.
 *
 * @param box holds the table; heads have `data-column` and a `.grip`.
 * @param name under which widths are kept.
 */
export function resizable(box, name) {
  const key = `widths:${name}`;
  const widths = read(key);
  const columnOf = (grip) => {
    const head = grip.closest("th");
    return { head, column: box.querySelector("colgroup").children[head.cellIndex] };
  };
  const set = (grip, wanted) => {
    const { head, column } = columnOf(grip);
    const width = Math.round(Math.min(Math.max(wanted, LEAST), MOST));
    column.style.width = `${width}px`;
    grip.setAttribute("aria-valuenow", width);
    widths[head.dataset.column] = width;
  };
  const keepThem = () => keep(key, JSON.stringify(widths));

  box.addEventListener("pointerdown", (event) => {
    const grip = event.target.closest(".grip");
    if (!grip || event.button) return;
    event.preventDefault();
    grip.focus();
    grip.setPointerCapture(event.pointerId);
    const start = event.clientX - columnOf(grip).head.offsetWidth;
    const move = (moved) => set(grip, moved.clientX - start);
    grip.addEventListener("pointermove", move);
    grip.addEventListener("lostpointercapture", () => {
      grip.removeEventListener("pointermove", move);
      keepThem();
    }, { once: true });
  });
  box.addEventListener("keydown", (event) => {
    const grip = event.target.closest(".grip");
    const step = { ArrowLeft: -10, ArrowRight: 10 }[event.key];
    if (!grip || !step) return;
    event.preventDefault();
    event.stopPropagation();
    set(grip, columnOf(grip).head.offsetWidth + step * (event.shiftKey ? 5 : 1));
    keepThem();
  });
  return () => {
    for (const grip of box.querySelectorAll(".grip")) {
      const width = widths[grip.closest("th").dataset.column];
      if (width) set(grip, width);
    }
  };
}

function read(key) {
  try {
    const found = JSON.parse(kept(key));
    return found && typeof found === "object" ? found : {};
  } catch {
    return {};
  }
}
