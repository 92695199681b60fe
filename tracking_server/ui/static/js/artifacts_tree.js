// The tree of files, by mouse and by keyboard (ARIA's pattern of a tree): folders load when opened.
import { isPlainClick, make } from "./elements.js";
import { notice } from "./notices.js";
import { getPart } from "./server.js";

const root = document.querySelector("#tree [role=tree]");
let data = "";
let typed = "";
let typedAt = 0;

export function listen(address) {
  data = address;
  root?.addEventListener("click", clicked);
  root?.addEventListener("keydown", pressed);
  reveal(root?.querySelector("[aria-current]"));
}

/** Scroll the tree, not the page, to where an item is seen. */
function reveal(item) {
  const box = document.getElementById("tree");
  if (!item || item.offsetTop + item.offsetHeight <= box.scrollTop + box.clientHeight) return;
  box.scrollTop = item.offsetTop - box.clientHeight / 2;
}

/** Show which path is chosen. */
export function mark(path) {
  if (!root) return;
  for (const item of root.querySelectorAll("[aria-current]")) {
    item.removeAttribute("aria-current");
    item.setAttribute("aria-selected", "false");
  }
  const item = [...root.querySelectorAll("[data-path]")].find((each) => each.dataset.path === path);
  if (!item) return;
  item.setAttribute("aria-current", "page");
  item.setAttribute("aria-selected", "true");
  onlyStop(item);
}

function clicked(event) {
  const item = event.target.closest("[role=treeitem]");
  if (!item || !isPlainClick(event)) return;
  onlyStop(item);
  if (item.dataset.more) {
    event.preventDefault();
    loadMore(item);
  } else if (item.hasAttribute("aria-expanded")) {
    // a click on the arrow only turns it; one on the name opens the folder, too
    if (event.target.closest(".turn")) {
      event.preventDefault();
      toggle(item);
    } else if (item.getAttribute("aria-current") && isOpen(item)) toggle(item);
    else open(item);
  }
}

function pressed(event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const item = event.target.closest("[role=treeitem]");
  const items = [...root.querySelectorAll("[role=treeitem]")].filter((each) => each.offsetParent);
  const at = items.indexOf(item);
  const keys = {
    ArrowDown: () => items[at + 1],
    ArrowUp: () => items[at - 1],
    Home: () => items[0],
    End: () => items.at(-1),
    ArrowRight: () => {
      if (!item.hasAttribute("aria-expanded")) return null;
      if (isOpen(item)) return items[at + 1];
      open(item);
      return item;
    },
    ArrowLeft: () => {
      if (isOpen(item)) return toggle(item);
      return item.closest("[role=group]")?.parentElement.querySelector("[role=treeitem]");
    },
    " ": () => item.click(),
  };
  let next = null;
  if (keys[event.key]) next = keys[event.key]();
  else if (/^[^\s/?]$/.test(event.key)) next = named(items, at, event.key);
  else return;
  event.preventDefault();
  event.stopPropagation();
  if (!next) return;
  onlyStop(next);
  next.focus();
}

/** The next item whose name begins with what is being typed. */
function named(items, at, key) {
  typed = Date.now() - typedAt < 700 ? typed + key : key;
  typedAt = Date.now();
  const from = typed.length > 1 ? at : at + 1;
  const order = [...items.slice(from), ...items.slice(0, from)];
  return order.find((each) => each.querySelector("span")?.textContent.toLowerCase().startsWith(typed.toLowerCase()));
}

function onlyStop(item) {
  for (const each of root.querySelectorAll('[tabindex="0"]')) each.tabIndex = -1;
  item.tabIndex = 0;
}

const isOpen = (item) => item.getAttribute("aria-expanded") === "true";
const groupOf = (item) => item.parentElement.querySelector(":scope > [role=group]");

function toggle(item) {
  if (!isOpen(item)) return open(item);
  item.setAttribute("aria-expanded", "false");
  groupOf(item).hidden = true;
  return null;
}

async function open(item) {
  if (isOpen(item)) return;
  item.setAttribute("aria-expanded", "true");
  const group = groupOf(item);
  if (group) {
    group.hidden = false;
    return;
  }
  const id = `in-${crypto.getRandomValues(new Uint32Array(2)).join("-")}`;
  const made = make("ul", { role: "group", id, "aria-busy": "true" });
  item.after(made);
  item.setAttribute("aria-owns", made.id);
  try {
    made.append(await getPart(`${data}/tree`, { path: item.dataset.path }));
    made.removeAttribute("aria-busy");
  } catch (error) {
    made.remove();
    item.removeAttribute("aria-owns");
    item.setAttribute("aria-expanded", "false");
    notice(error.message, { bad: true, again: () => open(item) });
  }
}

async function loadMore(item) {
  if (!item.isConnected || item.hasAttribute("aria-busy")) return; // they are there, or on their way
  item.setAttribute("aria-busy", "true");
  const line = item.parentElement;
  const group = line.parentElement;
  const known = new Set([...group.querySelectorAll(":scope > li > [data-path]")].map((each) => each.dataset.path));
  try {
    const part = await getPart(`${data}/tree`, { path: item.dataset.in, from: item.dataset.more });
    const lines = [...part.children].filter((each) => !known.has(each.querySelector("[role=treeitem]").dataset.path));
    const hadFocus = document.activeElement === item;
    line.replaceWith(...lines);
    const first = lines[0]?.querySelector("[role=treeitem]");
    if (first) onlyStop(first);
    if (hadFocus) first?.focus();
  } catch (error) {
    item.removeAttribute("aria-busy");
    notice(error.message, { bad: true, again: () => loadMore(item) });
  }
}
