// Registering the model: a dialog, and the call that any client makes.
import { open } from "./dialogs.js";
import { given, make } from "./elements.js";
import { failedHere, notice } from "./notices.js";
import { api, getJSON } from "./server.js";

const model = given("given-model");
const dialog = document.getElementById("register");
const part = (name) => document.getElementById(`register-${name}`);
let isSending = false; // also while the dialog is closed, or opened again

async function suggest() {
  try {
    const told = await getJSON("/ajax-api/2.0/mlflow/registered-models/search", { max_results: 100 });
    const names = (told.registered_models || []).map((each) => each.name);
    part("names").replaceChildren(...names.map((name) => make("option", { value: name })));
  } catch { /* a name can be typed without them */ }
}

async function register() {
  const answer = part("answer");
  part("yes").disabled = isSending = true;
  answer.replaceChildren(make("p", { class: "loading" }, "The server reads the model's files…"));
  try {
    const name = part("name").value;
    const wanted = { name, source: model.uri, model_id: model.id, make_name: true, note: part("note").value };
    const { model_version: made } = await api("POST", "model-versions/create", wanted);
    const show = () => location.assign(`/registry/${encodeURIComponent(made.name)}/${encodeURIComponent(made.version)}`);
    if (dialog.open) show();
    else notice(`This is version ${made.version} of ${made.name} now.`, { again: show, label: "Show it" });
  } catch (error) {
    if (dialog.open) failedHere(answer, error);
    else notice(error.message, { bad: true });
    part("yes").disabled = false;
  } finally {
    isSending = false;
  }
}

part("open")?.addEventListener("click", () => {
  if (!isSending) {
    part("answer").replaceChildren();
    part("yes").disabled = false;
  }
  open("register");
  suggest();
});
part("close").addEventListener("click", () => dialog.close());
part("form").addEventListener("submit", (event) => {
  event.preventDefault();
  register();
});
