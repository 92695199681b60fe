// A run's overview: notes and tags in place, values that are filtered and stay new, parts on demand.
import { ask } from "./dialogs.js";
import { tagsInPlace } from "./editing.js";
import { given, make } from "./elements.js";
import { failedHere, notice } from "./notices.js";
import { listenToValues } from "./run_values.js";
import { api, getPart } from "./server.js";
import { textInPlace } from "./text_in_place.js";

const run = given("run");

textInPlace(document.getElementById("note"));
tagsInPlace(document.getElementById("tags"), {
  set: (key, value) => api("POST", "runs/set-tag", { run_id: run.id, key, value }),
  remove: (key) => api("POST", "runs/delete-tag", { run_id: run.id, key }),
});
for (const section of document.querySelectorAll("[data-values]")) listenToValues(section, run.id);

for (const details of document.querySelectorAll("[data-load]")) {
  const place = details.querySelector("div");
  const load = async () => {
    place.replaceChildren(make("p", { class: "loading" }, "Reading…"));
    try {
      place.replaceChildren(await getPart(details.dataset.load));
    } catch (error) {
      failedHere(place, error, load);
    }
  };
  details.addEventListener("toggle", () => details.open && !place.childElementCount && load());
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-register]");
  if (button) register(button.dataset.register);
});

async function register(modelId, before = "") {
  const fields = [{ name: "name", label: "Name of the registered model", value: before, required: true, hint: "A new name is made; a known one gets its next version." }];
  const answer = await ask({ title: "Register the model", yes: "Register", fields });
  if (!answer) return;
  const version = { name: answer.name.trim(), source: `models:/${modelId}`, model_id: modelId, run_id: run.id, make_name: true };
  try {
    await api("POST", "model-versions/create", version);
    location.reload();
  } catch (error) {
    notice(error.message, { bad: true, again: () => register(modelId, answer.name) });
  }
}

addEventListener("runstate", ({ detail: state }) => {
  document.getElementById("duration").textContent = state.duration;
  document.getElementById("ended").textContent = state.ended;
});
