// What previews do beyond being there: zoom, wrap, more lines, tables of Parquet files.
import { make } from "./elements.js";
import { failedHere } from "./notices.js";
import { getPart } from "./server.js";

/** Wake up a preview that has just come. */
export function wake(place) {
  for (const box of place.querySelectorAll("[data-wrap]")) {
    const lines = place.querySelector(".lines");
    box.addEventListener("change", () => lines.classList.toggle("wrapped", box.checked));
  }
  for (const button of place.querySelectorAll(".zoom")) {
    button.addEventListener("click", () => {
      button.setAttribute("aria-pressed", String(button.getAttribute("aria-pressed") !== "true"));
    });
    button.querySelector("img").addEventListener("error", () => {
      failedHere(place.querySelector(".preview"), new Error("The browser cannot draw this picture: it is damaged, or is none."));
    });
  }
  for (const lines of place.querySelectorAll("[data-lines]")) {
    lines.addEventListener("click", (event) => {
      const button = event.target.closest("button[data-start]");
      if (button) moreLines(lines, button);
    });
  }
  const table = place.querySelector("[data-parquet]");
  if (table) {
    import("./preview_parquet.js").then((module) => module.show(table)).catch((error) => failedHere(table, error));
  }
}

async function moreLines(lines, button) {
  button.disabled = true;
  const line = button.parentElement;
  line.querySelector(".error")?.remove();
  try {
    const { start, number } = button.dataset;
    line.replaceWith(await getPart(lines.dataset.lines, { start, number }));
  } catch (error) {
    button.disabled = false;
    line.append(make("span", { class: "error", role: "alert" }, error.message));
  }
}
