// What previews do beyond being there: zoom, wrap, more lines, tables of Parquet files.
import { make } from "./elements.js";
import { failedHere } from "./notices.js";
import { getPart } from "./server.js";

const MOST_PIECES = 25; // of a text that are loaded to find a line

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
      const number = event.target.closest("a[data-n]");
      if (button) moreOrLast(lines, button);
      if (number) {
        event.preventDefault();
        goTo(number.hash);
      }
    });
    toLine(lines);
  }
  const table = place.querySelector("[data-parquet]");
  if (table) {
    import("./preview_parquet.js").then((module) => module.show(table)).catch((error) => failedHere(table, error));
  }
}

/** Go to a line, in the same entry of the history. */
function goTo(hash) {
  const { state } = history;
  location.replace(hash);
  history.replaceState(state, "");
}

/** Load as much as is needed to see the line that the address names. */
async function toLine(lines) {
  const wanted = /^#L\d{1,7}$/.test(location.hash) ? location.hash.slice(1) : "";
  if (!wanted) return;
  for (let i = 0; i < MOST_PIECES && !document.getElementById(wanted); i++) {
    const button = lines.querySelector("button[data-start]");
    if (!button || !(await moreLines(lines, button))) return;
  }
  const line = document.getElementById(wanted);
  if (!line) return;
  goTo(`#${wanted}`);
  await settled(() => line.scrollIntoView({ block: "center" }));
}

/** Scroll again until it is true: heights of lines are guesses until they are drawn. */
async function settled(scroll) {
  for (let i = 0; i < 4; i++) {
    scroll();
    await new Promise(requestAnimationFrame);
  }
}

/** The next lines follow where one reads; of the last ones the very last are wanted. */
async function moreOrLast(lines, button) {
  const isLast = button.dataset.number === "0";
  if (!(await moreLines(lines, button)) || !isLast) return;
  await settled(() => {
    lines.scrollTop = lines.scrollHeight;
  });
}

/** Whether more came. */
async function moreLines(lines, button) {
  button.disabled = true;
  const line = button.parentElement;
  line.querySelector(".error")?.remove();
  try {
    const { start, number } = button.dataset;
    line.replaceWith(await getPart(lines.dataset.lines, { start, number }));
    return true;
  } catch (error) {
    button.disabled = false;
    line.append(make("span", { class: "error", role: "alert" }, error.message));
    return false;
  }
}
