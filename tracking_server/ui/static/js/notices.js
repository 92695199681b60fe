// Messages: passing ones at the corner, errors where they belong.
import { make } from "./elements.js";

const PASSING = 6000;

/** A message at the corner of the page; `again` adds a button, and it stays until answered. */
export function notice(message, { bad = false, again = null, label = "Try again" } = {}) {
  const line = make("div", { class: bad ? "bad" : "" }, make("span", {}, message));
  const gone = () => line.remove();
  if (again) line.append(make("button", { type: "button", onclick: () => { gone(); again(); } }, label));
  line.append(make("button", { type: "button", "aria-label": "Close the message", onclick: gone }, "×"));
  document.getElementById("notices").append(line);
  if (!again) setTimeout(gone, bad ? PASSING * 2 : PASSING);
  return gone;
}

/** An error in place of what could not be shown, with a way to try again. */
export function failedHere(place, error, again = null) {
  const parts = [make("p", { class: "error", role: "alert" }, error.message || String(error))];
  if (again) parts.push(make("p", {}, make("button", { type: "button", class: "plain", onclick: again }, "Try again")));
  place.replaceChildren(...parts);
}

/** Do something that asks the server; what fails is told, with a way to try again where that may help. */
export async function tried(what) {
  try {
    await what();
  } catch (error) {
    const mayPass = error.status === 0 || error.status >= 500;
    notice(error.message, { bad: true, again: mayPass ? () => tried(what) : null });
  }
}
