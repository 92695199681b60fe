// The form that scores a request at an endpoint. The server passes it on, see ui/scoring_rule.py.
import { make } from "./elements.js";
import { failedHere } from "./notices.js";
import { sendJSON } from "./server.js";
import { answerParts } from "./scoring_answer.js";

const form = document.getElementById("score");
const part = (name) => document.getElementById(`score-${name}`);

/** What is wrong with the request's text; "" for nothing. */
function problem(text) {
  try {
    const told = JSON.parse(text);
    return told && typeof told === "object" && !Array.isArray(told) ? "" : "The request must be a JSON object.";
  } catch (error) {
    return `This is not JSON: ${error.message}.`;
  }
}

function tellProblem(text) {
  part("problem").textContent = text;
  part("problem").hidden = !text;
  part("content").setAttribute("aria-invalid", String(Boolean(text)));
}

async function score() {
  const answer = part("answer");
  const content = part("content").value;
  const wrong = problem(content);
  tellProblem(wrong);
  if (wrong) {
    part("content").focus();
    return;
  }
  part("go").disabled = true;
  answer.replaceChildren(make("p", { class: "loading" }, "Asking…"));
  try {
    const call = { endpoint: part("endpoint").value, content, token: part("token").value };
    const told = await sendJSON("/ui/score", call);
    if (told.failure) failedHere(answer, new Error(told.failure), score);
    else answer.replaceChildren(...answerParts(told));
  } catch (error) {
    failedHere(answer, error, score);
  } finally {
    part("go").disabled = false;
  }
}

if (form) {
  form.hidden = false;
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    score();
  });
  form.addEventListener("reset", () => tellProblem(""));
  part("content").addEventListener("input", () => tellProblem(""));
  const recorded = part("recorded");
  recorded?.addEventListener("change", () => {
    part("endpoint").value = recorded.value;
  });
  part("endpoint").addEventListener("input", ({ target }) => {
    const known = [...(recorded?.options || [])].findIndex((each) => each.value === target.value);
    if (recorded) recorded.selectedIndex = known < 0 ? recorded.options.length - 1 : known;
  });
}
