// Around every page of one run: its name and state, and what can be done with it.
import { again } from "./again.js";
import { ask, open } from "./dialogs.js";
import { lineInPlace } from "./editing.js";
import { given, make, settled } from "./elements.js";
import { failedHere, tried } from "./notices.js";
import { api, getJSON, getPart } from "./server.js";
import { localTimes } from "./times.js";

const run = given("run");
const EVERY = 3000; // milliseconds between questions about a running run
const SELDOM = 30_000; // when the server does not answer
const here = `/ui/runs/${encodeURIComponent(run.id)}`;

const ACTIONS = { delete: remove, restore, compare, "no-compare": () => document.getElementById("compare").close() };
document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-run]");
  if (button) ACTIONS[button.dataset.run]();
});

async function remove() {
  const text = `“${name()}” leaves the tables. It can be restored until mlpack gc removes it.`;
  if (await ask({ title: "Delete this run?", text, yes: "Delete", danger: true })) change("runs/delete");
}

function restore() {
  change("runs/restore");
}

function change(call) {
  tried(async () => {
    await api("POST", call, { run_id: run.id });
    location.reload();
  });
}

const heading = document.getElementById("run-name");
lineInPlace(heading, document.getElementById("rename"), {
  label: "The run's name",
  save: async (text) => {
    await api("POST", "runs/update", { run_id: run.id, run_name: text });
    document.title = document.title.replace(/^.* · /, () => `${text} · `);
  },
});

function name() {
  return heading.textContent;
}

// --- comparing ---

const picks = document.getElementById("compare-found");
const words = document.getElementById("compare-words");

function compare() {
  open("compare");
  if (!picks.childElementCount) offer();
}

async function offer() {
  const asked = words.value;
  let found = make("div");
  try {
    found = await getPart(`${here}/siblings`, { words: asked });
  } catch (error) {
    failedHere(found, error, offer);
  }
  if (words.value !== asked) return; // more was typed meanwhile
  const kept = [...picks.querySelectorAll(".pick:has(:checked)")];
  const ids = new Set(kept.map((pick) => pick.querySelector("input").value));
  for (const pick of found.querySelectorAll(".pick")) {
    if (ids.has(pick.querySelector("input").value)) pick.remove();
  }
  picks.replaceChildren(...kept, found);
  localTimes(picks);
}

function chosen() {
  return [...picks.querySelectorAll("input:checked")].map((box) => box.value);
}

words.addEventListener("input", settled(offer));
picks.addEventListener("change", () => {
  document.getElementById("compare-go").disabled = !chosen().length;
});
document.getElementById("compare").addEventListener("submit", (event) => {
  event.preventDefault();
  if (chosen().length) location.assign(`/compare?runs=${[run.id, ...chosen()].map(encodeURIComponent).join(",")}`);
});

// --- while it runs ---

/** Each answer goes out as the event "runstate" of the window; pages show more of it. */
async function look(signal) {
  const state = await getJSON(`${here}/state`, {}, { signal });
  show(state);
  return state.live;
}

const gone = new AbortController();

function failed(error) {
  tell(error.status === 0 ? "not connected; trying again" : error.message);
  if (error.status === 404) gone.abort(); // removed for good meanwhile
}

function show(state) {
  tell(state.live ? "live" : "");
  const status = document.getElementById("status");
  const word = state.status.toLowerCase();
  if (status.textContent !== word) {
    status.textContent = word;
    status.className = `status ${word}`;
  }
  if (heading.isConnected && state.name && name() !== state.name) heading.textContent = state.name;
  dispatchEvent(new CustomEvent("runstate", { detail: state }));
}

function tell(text) {
  const place = document.getElementById("connection");
  if (place.textContent === text) return;
  place.textContent = text;
  place.classList.toggle("lost", text !== "" && text !== "live");
}

if (run.live) again(look, { every: EVERY, longest: SELDOM, failed, signal: gone.signal });
