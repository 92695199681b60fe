// What a column's head offers besides its link: a menu that sorts by it, moves it and hides it. A
// small button opens it, and so do a right click, a long touch and the menu key.
import { make } from "./elements.js";

/**
 * Give the heads of a box's tables their menu.
 *
 * @param box holds the table; heads have `data-column`, and `data-order` where something sorts by them.
 * @param columns tells the names now, without the first, which stays where it is.
 * @param choose called with the names wanted.
 * @param sort called with an order, "" for the usual one.
 */
export function headMenus(box, { columns, choose, sort }) {
  const opener = make("button", { type: "button", class: "head-opener", tabindex: "-1", "aria-haspopup": "menu" }, "⋯");
  const menu = make("div", { class: "head-menu", popover: "auto", role: "menu" });
  box.after(menu); // within the page's main part
  const headOf = (event) => event.target.closest?.("thead th[data-column]");

  const items = (head) => {
    const { column, order } = head.dataset;
    const now = columns();
    const at = now.indexOf(column);
    const moved = (by) => () => choose(now.filter((name) => name !== column).toSpliced(at + by, 0, column));
    const left = now.filter((name) => name !== column);
    return [
      order && ["Sort ascending", () => sort(`${order} ASC`)],
      order && ["Sort descending", () => sort(`${order} DESC`)],
      head.ariaSort && ["Newest first", () => sort("")],
      at > 0 && ["Move left", moved(-1), "Alt ←"],
      at >= 0 && at < now.length - 1 && ["Move right", moved(1), "Alt →"],
      at >= 0 && left.length > 0 && ["Hide", () => choose(left), "Delete"],
    ].filter(Boolean);
  };
  const open = (head) => {
    menu.replaceChildren(...items(head).map(([text, act, keys]) => make(
      "button", { type: "button", role: "menuitem", onclick: () => { menu.hidePopover(); act(); } },
      text, keys ? make("kbd", { "aria-hidden": "true" }, keys) : null,
    )));
    menu.setAttribute("aria-label", `Column ${nameOf(head)}`);
    head.querySelector("a, span")?.focus(); // where the focus is again when the menu is closed
    menu.showPopover();
    const place = head.getBoundingClientRect();
    menu.style.left = `${Math.max(4, Math.min(place.left, innerWidth - menu.offsetWidth - 4))}px`;
    menu.style.top = `${place.bottom}px`;
    menu.firstElementChild?.focus();
  };

  box.addEventListener("pointerover", (event) => {
    const head = headOf(event);
    if (!head || opener.parentElement === head) return;
    opener.setAttribute("aria-label", `Menu of column ${nameOf(head)}`);
    head.append(opener);
  });
  opener.addEventListener("click", () => open(opener.closest("th")));
  box.addEventListener("contextmenu", (event) => {
    const head = headOf(event);
    if (!head) return;
    event.preventDefault();
    // while a button is down: its release, which closes menus in Firefox, comes first
    if (event.buttons) addEventListener("pointerup", () => setTimeout(open, 0, head), { once: true });
    else open(head);
  });
  box.addEventListener("scroll", () => menu.matches(":popover-open") && menu.hidePopover());
  menu.addEventListener("keydown", (event) => {
    const all = [...menu.children];
    const at = all.indexOf(document.activeElement);
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: -1 }[event.key];
    if (event.key === "Tab") menu.hidePopover();
    if (to === undefined) return;
    event.preventDefault();
    all.at(to % all.length).focus();
  });
}

function nameOf(head) {
  return head.querySelector("a, span").textContent;
}
