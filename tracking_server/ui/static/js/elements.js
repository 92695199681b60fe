// Making elements. Text is always text: nothing here reads HTML.

/** `make("a", {href: "/", class: "b"}, "text", child)`; functions as `on…` become listeners. */
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return element;
}

/** The object that a template left in `<script type="application/json" id="…">`. */
export function given(id) {
  const element = document.getElementById(id);
  return element ? JSON.parse(element.textContent) : null;
}

/** Call `what` when calls have stopped for a while. */
export function settled(what, milliseconds = 150) {
  let timer = 0;
  return (...values) => {
    clearTimeout(timer);
    timer = setTimeout(() => what(...values), milliseconds);
  };
}

/** Whether a key press belongs to a field that is being typed in. */
export function isTyping(event) {
  const target = event.target;
  return target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName) && !/^(checkbox|radio|button|range)$/.test(target.type);
}

/** Whether a click on a link is for this page: not for another tab or window, and nobody has taken it. */
export function isPlainClick(event) {
  return !(event.defaultPrevented || event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey);
}
