// Pages of the registry: changes, choosing two versions to compare, what is told after the page is there.
import { given } from "./elements.js";
import { failedHere, notice } from "./notices.js";
import { change, toldBefore } from "./registry_change.js";
import { changeOf } from "./registry_questions.js";
import { getPart } from "./server.js";

const subject = given("registry-subject");
const told = toldBefore();
if (told) notice(told);

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-change]");
  if (button) change(changeOf(button.dataset.change, subject, button.dataset.key ?? null));
});

const chooser = document.getElementById("choose-two");
if (chooser) {
  const button = document.getElementById("compare-two");
  const hint = document.getElementById("compare-hint");
  const tell = () => {
    const count = chooser.querySelectorAll("input:checked").length;
    button.disabled = count !== 2;
    hint.textContent = ["Choose two of them.", "Choose one more.", ""][count] ?? `${count} are chosen; two can be compared.`;
  };
  chooser.addEventListener("change", tell);
  window.addEventListener("pageshow", tell); // also when the browser comes back to what was chosen
  tell();
}

// where the graph is wider than its place, it begins with the version that the page is about
const graph = document.querySelector(".graph-scroll");
const box = graph?.querySelector(".here")?.getBoundingClientRect();
if (box) graph.scrollLeft += box.left + box.width / 2 - graph.getBoundingClientRect().left - graph.clientWidth / 2;

document.getElementById("metric")?.addEventListener("change", (event) => event.target.form.requestSubmit());

const readme = document.getElementById("readme");
if (readme) showReadme();

async function showReadme() {
  const { name, version } = readme.dataset;
  try {
    readme.replaceChildren(await getPart("/ui/registry/readme", { name, version }));
    readme.closest("section").hidden = readme.children.length === 0; // most models have none
  } catch (error) {
    readme.closest("section").hidden = false;
    failedHere(readme, error, showReadme);
  }
}
