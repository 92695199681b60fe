// The list of experiments: choosing several, making, renaming, deleting, restoring.
import { ask } from "./dialogs.js";
import { tried } from "./notices.js";
import { api } from "./server.js";

const table = document.getElementById("experiments");
const together = document.getElementById("open-chosen");

const chosen = () => [...(table?.querySelectorAll("input:checked") ?? [])].map((box) => box.closest("tr").dataset.id);

function tellChosen() {
  const count = chosen().length;
  together.disabled = !count;
  together.textContent = count > 1 ? `Open ${count} together` : "Open together";
}

table?.addEventListener("change", tellChosen);
addEventListener("pageshow", tellChosen); // boxes that the browser kept
together.addEventListener("click", () => location.assign(`/experiments/${chosen().map(encodeURIComponent).join(",")}`));

/** Change something on the server, and go on. */
const attempt = (change, then) => tried(async () => then(await change()));

const again = () => location.reload();

document.getElementById("create").addEventListener("click", async () => {
  const fields = [{ name: "name", label: "Name", required: true }];
  const given = await ask({ title: "New experiment", yes: "Make it", fields });
  if (!given) return;
  attempt(
    () => api("POST", "experiments/create", { name: given.name.trim() }),
    (made) => location.assign(`/experiments/${made.experiment_id}`),
  );
});

const CHANGES = {
  async rename({ id, name }) {
    const fields = [{ name: "name", label: "Name", value: name, required: true }];
    const given = await ask({ title: "Rename the experiment", text: `It is called ${name} now.`, yes: "Rename", fields });
    if (given) attempt(() => api("POST", "experiments/update", { experiment_id: id, new_name: given.name.trim() }), again);
  },
  async delete({ id, name }) {
    const text = `${name} and its runs are hidden; both can be restored until they are purged with “mlpack gc”.`;
    const given = await ask({ title: "Delete the experiment?", text, yes: "Delete", danger: true });
    if (given) attempt(() => api("POST", "experiments/delete", { experiment_id: id }), again);
  },
  restore({ id }) {
    attempt(() => api("POST", "experiments/restore", { experiment_id: id }), again);
  },
};

table?.addEventListener("click", (event) => {
  const button = event.target.closest("[data-do]");
  if (button) CHANGES[button.dataset.do](button.closest("tr").dataset);
});
