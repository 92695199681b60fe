// The table of a comparison: long values unfold in place, and all of it can be copied.
import { isPlainClick } from "./elements.js";
import { notice } from "./notices.js";
import { getText } from "./server.js";

/** A click on "… all" brings the whole value, and another cuts it again. */
export async function unfold(event) {
  const link = event.target.closest(".unfold");
  if (!link || !isPlainClick(event)) return;
  event.preventDefault();
  const value = link.previousElementSibling;
  if (link.dataset.cut !== undefined) {
    value.textContent = link.dataset.cut;
    value.classList.remove("whole");
    value.removeAttribute("tabindex");
    link.textContent = "… all";
    delete link.dataset.cut;
    return;
  }
  if (link.hasAttribute("aria-busy")) return; // it is on its way
  link.setAttribute("aria-busy", "true");
  try {
    const whole = await getText(link.href);
    link.dataset.cut = value.textContent;
    value.textContent = whole;
    value.classList.add("whole");
    value.tabIndex = 0; // it may scroll
    link.textContent = "less";
  } catch (error) {
    notice(error.message, { bad: true, again: () => link.click() });
  } finally {
    link.removeAttribute("aria-busy");
  }
}

/** A click on "Copy as CSV". */
export async function copyComparison(event) {
  const button = event.target.closest("[data-copies]");
  if (!button) return;
  try {
    const text = await getText(button.dataset.copies);
    await navigator.clipboard.writeText(text);
    notice("Copied.");
  } catch (error) {
    const refused = error.name === "NotAllowedError" || error instanceof TypeError;
    const message = refused ? "The browser does not let pages copy here; download the file instead." : error.message;
    notice(message, { bad: true, again: refused ? null : () => button.click() });
  }
}
