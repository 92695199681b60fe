// What the browser keeps for us. One that keeps nothing is no fault: all works without.

/** What is kept under a name in `localStorage`, or for this window alone; null for nothing. */
export function kept(name, where = "localStorage") {
  try {
    return window[where].getItem(name);
  } catch {
    return null;
  }
}

/** Keep a text under a name; null forgets it. */
export function keep(name, text, where = "localStorage") {
  try {
    if (text === null) window[where].removeItem(name);
    else window[where].setItem(name, text);
  } catch { /* see above */ }
}
