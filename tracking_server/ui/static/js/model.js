// Registering the model: a dialog, and the call that any client makes.
import { open } from "./dialogs.js";
import { given, make } from "./elements.js";
import { failedHere } from "./notices.js";
import { api, getJSON } from "./server.js";

const model = given("given-model");
const part = (name) => document.getElementById(`register-${name}`);

async function suggest() {
  try {
    const told = await getJSON("/ajax-api/2.0/mlflow/registered-models/search", { max_results: 100 });
    const names = (told.registered_models || []).map((each) => each.name);
    part("names").replaceChildren(...names.map((name) => make("option", { value: name })));
  } catch { /* a name can be typed without them */ }
}

async function register() {
  const answer = part("answer");
  part("yes").disabled = true;
  answer.replaceChildren(make("p", { class: "loading" }, "The server reads the model's files…"));
  try {
    const name = part("name").value;
    const wanted = { name, source: model.uri, model_id: model.id, make_name: true, note: part("note").value };
    const { model_version: made } = await api("POST", "model-versions/create", wanted);
    location.assign(`/registry/${encodeURIComponent(made.name)}/${encodeURIComponent(made.version)}`);
  } catch (error) {
    failedHere(answer, error);
    part("yes").disabled = false;
  }
}

part("open")?.addEventListener("click", () => {
  part("answer").replaceChildren();
  part("yes").disabled = false;
  open("register");
  suggest();
});
part("close").addEventListener("click", () => document.getElementById("register").close());
part("form").addEventListener("submit", (event) => {
  event.preventDefault();
  register();
});
