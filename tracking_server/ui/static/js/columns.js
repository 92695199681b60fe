// The dialog in which the columns of a table of runs are chosen and put in order.
import { make, settled } from "./elements.js";
import { getJSON } from "./server.js";

// what every run has, as runs_columns.py calls it
const FIXED = {
  experiment: "Experiment", status: "Status", start_time: "Started", duration: "Duration", user: "User", source: "Source",
  run_id: "Run id",
};
const GROUPS = [["metric", "metrics", "Metrics"], ["param", "params", "Params"], ["tag", "tags", "Tags"]];
const LISTED = 50; // of each kind; more are found by words
const MOST = 100; // columns of a table

/**
 * Let somebody choose columns.
 *
 * @param options {experiments: ids, columns: names of the columns now, in their order}
 * @returns the names chosen, none for the default; null when it was called off.
 */
export function openColumns({ experiments, columns }) {
  const chooser = new Chooser(experiments, columns);
  document.body.append(chooser.dialog);
  chooser.dialog.showModal();
  return chooser.answer;
}

/** How people call a column. */
function headingOf(name) {
  return FIXED[name] || name.slice(name.indexOf(".") + 1);
}

class Chooser {
  constructor(experiments, columns) {
    this.experiments = experiments;
    this.chosen = columns.filter((name) => name !== "name");
    this.asking = null;
    this.isOld = true; // what is offered is of other words, or not there yet
    this.takesFirst = false; // Enter was pressed before it came
    this.shown = make("ol", { class: "columns-shown", "aria-label": "Columns that are shown, in their order" });
    this.offered = make("div", { class: "columns-offered" });
    this.status = make("p", { class: "hint", role: "status" });
    this.words = make("input", {
      type: "search", "aria-label": "Find a column", placeholder: "Find a metric, param or tag",
      autocomplete: "off", spellcheck: "false",
    });
    const plain = (text, onclick) => make("button", { type: "button", class: "plain", onclick }, text);
    this.yes = make("button", { type: "button", onclick: () => this.end(this.chosen) }, "Show these");
    this.dialog = make(
      "dialog", { class: "columns", "aria-labelledby": "columns-title" },
      make("h2", { id: "columns-title" }, "Columns"),
      this.words, this.status,
      make("div", { class: "columns-lists" },
        make("section", {}, make("h3", {}, "Shown"), this.shown),
        make("section", {}, this.offered)),
      make("p", { class: "buttons" },
        plain("All listed", () => this.all()), plain("None", () => this.set([])), plain("Default", () => this.end([])),
        make("span", { class: "spread" }), plain("Cancel", () => this.end(null)), this.yes),
    );
    this.answer = new Promise((resolve) => {
      this.dialog.addEventListener("close", () => {
        this.asking?.abort();
        this.dialog.remove();
        resolve(this.result ?? null);
      });
    });
    const soon = settled(() => this.look(), 120);
    this.words.addEventListener("input", () => {
      this.asking?.abort(); // what comes of it is of other words
      [this.isOld, this.takesFirst] = [true, false];
      soon();
    });
    this.dialog.addEventListener("keydown", (event) => this.key(event));
    this.drawShown();
    this.look();
  }

  end(result) {
    this.result = result;
    this.dialog.close();
  }

  key(event) {
    if (event.key === "Enter" && event.target.type !== "button") {
      event.preventDefault();
      if (event.target !== this.words || !this.words.value.trim()) this.yes.click();
      else if (this.isOld) this.takesFirst = true;
      else this.switchFirst();
      return;
    }
    const by = { ArrowUp: -1, ArrowDown: 1 }[event.key];
    if (!by) return;
    const item = event.target.closest("li[data-name]");
    if (event.altKey && item) this.move(item.dataset.name, by);
    else this.step(event.target, by);
    event.preventDefault();
  }

  /** What was looked for is switched. */
  switchFirst() {
    this.takesFirst = false;
    this.offered.querySelector("input")?.click();
  }

  /** From one line to the next, through both lists. */
  step(from, by) {
    const places = [this.words, ...this.dialog.querySelectorAll("input[type=checkbox]")];
    const line = from.closest("li")?.querySelector("input[type=checkbox]") || from;
    places[places.indexOf(line) + by]?.focus();
  }

  move(name, by) {
    const from = this.chosen.indexOf(name);
    const to = from + by;
    if (from < 0 || to < 0 || to >= this.chosen.length) return;
    this.chosen.splice(to, 0, ...this.chosen.splice(from, 1));
    const focused = document.activeElement.dataset.act || "show";
    this.drawShown();
    this.say(`${headingOf(name)} is column ${to + 1} of ${this.chosen.length}.`);
    const line = this.shown.children[to];
    const again = line.querySelector(`[data-act="${focused}"]:not(:disabled)`) || line.querySelector("input");
    again.focus();
  }

  set(names) {
    if (names.length > MOST) {
      this.say(`A table shows at most ${MOST} columns.`);
      names = names.slice(0, MOST);
    }
    this.chosen = names;
    this.drawShown();
    for (const box of this.offered.querySelectorAll("input")) box.checked = names.includes(box.value);
  }

  all() {
    const listed = [...this.offered.querySelectorAll("input")].map((box) => box.value);
    this.set([...new Set([...this.chosen, ...listed])]);
  }

  toggle(name, on) {
    this.set(on ? [...this.chosen, name] : this.chosen.filter((each) => each !== name));
    if (on && !this.chosen.includes(name)) return;
    this.say(`${headingOf(name)} is ${on ? "shown" : "not shown"}; ${this.chosen.length} columns.`);
  }

  say(text) {
    this.status.textContent = text;
  }

  drawShown() {
    const last = this.chosen.length - 1;
    this.shown.replaceChildren(...this.chosen.map((name, i) => make(
      "li", { "data-name": name },
      make("label", { class: "line" },
        make("input", { type: "checkbox", checked: true, "data-act": "show", "aria-label": labelOf(name),
          "aria-keyshortcuts": "Alt+ArrowUp Alt+ArrowDown", onchange: () => this.hide(name, i) }),
        make("span", {}, headingOf(name)), make("small", {}, kindOf(name))),
      this.mover(name, -1, i === 0), this.mover(name, 1, i === last),
    )));
    this.yes.disabled = !this.chosen.length; // none stands for the default
    if (!this.chosen.length) this.shown.append(make("li", { class: "quiet" }, "Choose at least one."));
  }

  mover(name, by, disabled) {
    const [act, arrow, words] = by < 0 ? ["up", "↑", "earlier"] : ["down", "↓", "later"];
    return make("button", { type: "button", class: "quiet-button", "data-act": act, disabled, title: `Alt ${arrow}`,
      "aria-label": `Move ${headingOf(name)} ${words}`, onclick: () => this.move(name, by) }, arrow);
  }

  hide(name, at) {
    this.toggle(name, false);
    const boxes = this.shown.querySelectorAll("input");
    (boxes[Math.min(at, boxes.length - 1)] || this.words).focus();
  }

  async look() {
    this.asking?.abort();
    const asking = new AbortController();
    this.asking = asking;
    const words = this.words.value.trim();
    this.dialog.classList.toggle("looking", Boolean(words)); // what was found comes first where there is one list
    try {
      const query = { experiments: this.experiments.join(","), words, limit: LISTED + 1 };
      const { names } = await getJSON("/ui/names", query, { signal: asking.signal });
      this.drawOffered(words, names);
      this.isOld = false;
      if (this.takesFirst) this.switchFirst();
    } catch (error) {
      if (error.name === "AbortError") return;
      [this.isOld, this.takesFirst] = [false, false];
      this.drawOffered(words, {});
      this.offered.append(
        make("p", { class: "error", role: "alert" }, error.message),
        make("button", { type: "button", class: "plain", onclick: () => this.look() }, "Try again"),
      );
    }
  }

  drawOffered(words, names) {
    const low = words.toLowerCase();
    const fixed = Object.keys(FIXED).filter((name) => headingOf(name).toLowerCase().includes(low) || name.includes(low));
    const groups = GROUPS.map(([kind, plural, title]) => [title, (names[kind] || []).map((key) => `${plural}.${key}`)]);
    groups.push(["Of every run", fixed]);
    const drawn = groups.filter(([, found]) => found.length).map(([title, found]) => this.group(title, found));
    this.offered.replaceChildren(...drawn);
    if (!drawn.length && words) this.offered.append(make("p", { class: "quiet" }, `No column has ${words} in its name.`));
  }

  group(title, names) {
    const lines = names.slice(0, LISTED).map((name) => make("li", {}, make("label", { class: "line" },
      make("input", { type: "checkbox", value: name, checked: this.chosen.includes(name), "aria-label": labelOf(name),
        onchange: (event) => this.toggle(name, event.target.checked) }),
      make("span", {}, headingOf(name)))));
    const more = names.length > LISTED ? make("p", { class: "hint" }, "There are more: type a part of the name.") : null;
    return make("fieldset", {}, make("legend", {}, title), make("ul", {}, lines), more);
  }
}

function kindOf(name) {
  return FIXED[name] ? "" : name.slice(0, name.indexOf(".") - 1);
}

function labelOf(name) {
  return `${headingOf(name)} ${kindOf(name)}`.trim();
}
