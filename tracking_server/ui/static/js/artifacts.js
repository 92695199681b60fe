// The files' browser: whatever is chosen appears in the right half, and is the page's address.
import * as tree from "./artifacts_tree.js";
import { given, isPlainClick } from "./elements.js";
import { failedHere } from "./notices.js";
import { wake } from "./preview.js";
import { getPart } from "./server.js";
import { localTimes } from "./times.js";

const files = given("files-of");
const chosen = document.getElementById("chosen");
let asking = null;

/** Show a file or folder; `more` may hold `from` (of a folder's entries) and `as` ("text"). */
async function choose(path, more, href, { push = true } = {}) {
  asking?.abort();
  asking = new AbortController();
  const { signal } = asking;
  chosen.setAttribute("aria-busy", "true");
  if (push) history.pushState({ path, more }, "", href);
  tree.mark(path);
  try {
    const part = await getPart(`${files.data}/preview`, { path, ...more }, { signal });
    chosen.replaceChildren(part);
    const name = chosen.querySelector("[data-title]")?.textContent;
    if (name) document.title = `${name} ${document.title.slice(document.title.indexOf("·"))}`;
    localTimes(chosen);
    wake(chosen);
    const { top } = chosen.getBoundingClientRect();
    if (top < 0 || top > innerHeight * 0.7) chosen.scrollIntoView(); // on a phone it is below the tree
  } catch (error) {
    if (error.name === "AbortError") return;
    failedHere(chosen, error, () => choose(path, more, href, { push: false }));
  }
  chosen.removeAttribute("aria-busy");
}

document.querySelector(".file-browser").addEventListener("click", (event) => {
  const link = event.target.closest("a[data-path]");
  if (!link || !isPlainClick(event)) return;
  event.preventDefault();
  choose(link.dataset.path, { from: link.dataset.from, as: link.dataset.as }, link.href);
});

addEventListener("popstate", (event) => {
  if (event.state?.path !== undefined) choose(event.state.path, event.state.more, "", { push: false });
});

const query = new URLSearchParams(location.search);
const first = document.querySelector("#tree [aria-current]")?.dataset.path;
if (first !== undefined) history.replaceState({ path: first, more: { from: query.get("from"), as: query.get("as") } }, "");
tree.listen(files.data);
wake(chosen);
