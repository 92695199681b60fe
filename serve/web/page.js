// The form of the page: its fields as a request, the answer as a table. Whatever comes from the
// model or the server is put in as text, never as markup.
"use strict";

let token = null; // in memory alone
let edited = false; // the fields no longer hold the example as it was

const find = (id) => document.getElementById(id);
const NUMBER = /^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$/;

function element(tag, text, className) {
  const made = document.createElement(tag);
  if (text !== undefined) made.textContent = text;
  if (className) made.className = className;
  return made;
}

// --- the fields as JSON: numbers as they were typed, as long ones would lose digits ---------------
class Refused extends Error {}

function fieldAsJson(field) {
  const text = field.value, short = text.trim(), kind = field.dataset.kind;
  const needed = field.dataset.required === "true";
  if (kind === "text") return text === "" && !needed ? "null" : JSON.stringify(text);
  if (short === "") {
    if (needed) throw new Refused("A value is needed here.");
    return "null";
  }
  if (kind === "boolean") return short;
  if (kind === "json") {
    try {
      JSON.parse(short);
    } catch (error) {
      throw new Refused("This is no JSON: " + error.message);
    }
    return short;
  }
  const plain = short.replace(/^\+/, "");
  if (kind === "integer") {
    if (!/^-?\d+$/.test(plain)) throw new Refused("A whole number is needed here.");
    return plain.replace(/^(-?)0+(?=\d)/, "$1");
  }
  if (NUMBER.test(plain)) return plain;
  const number = Number(plain);
  if (!Number.isFinite(number)) throw new Refused("A number is needed here, such as 1.5.");
  return String(number);
}

function refuse(field, message) {
  const note = find(field.id + "-note");
  if (note) note.textContent = message;
  if (message) field.setAttribute("aria-invalid", "true");
  else field.removeAttribute("aria-invalid");
}

function readFields(role, sent) {
  let first = null;
  const found = [];
  for (const field of document.querySelectorAll(`[data-role=${role}]`)) {
    refuse(field, "");
    try {
      found.push([field.dataset.name, fieldAsJson(field)]);
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      refuse(field, error.message);
      first = first || field;
    }
  }
  if (first) {
    if (sent) first.focus();
    throw new Refused("Some fields need another value.");
  }
  return found;
}

function bodyOfFields(form, sent) {
  // a parameter whose field is empty has its default
  const columns = readFields("column", sent), params = readFields("param", sent).filter(([, v]) => v !== "null");
  const names = form.dataset.named === "true" ? `"columns": [${columns.map(([n]) => n).join(", ")}], ` : "";
  const row = columns.map(([, value]) => value).join(", ");
  const given = params.map(([name, value]) => `${name}: ${value}`).join(", ");
  return `{"dataframe_split": {${names}"data": [[${row}]]}` + (given ? `, "params": {${given}}}` : "}");
}

function body(form, sent) {
  if (!find("fields") || find("mode-json").checked) {
    const box = find("json");
    refuse(box, "");
    try {
      JSON.parse(box.value);
    } catch (error) {
      refuse(box, "This is no JSON: " + error.message);
      if (sent) box.focus();
      throw new Refused("The JSON needs mending.");
    }
    return box.value;
  }
  return bodyOfFields(form, sent);
}

// --- the answer ----------------------------------------------------------------------------------
function parse(text) {
  // whole numbers beyond what doubles hold exactly stay as they were sent, where browsers tell
  return JSON.parse(text, (key, value, context) =>
    typeof value === "number" && !Number.isSafeInteger(value) && context && /^-?\d+$/.test(context.source)
      ? context.source : value);
}

const isPlain = (value) => value === null || typeof value !== "object";
const shown = (value) => (value === null ? "–" : typeof value === "string" ? value : JSON.stringify(value));

function cell(value) {
  const made = element("td", shown(value), typeof value === "number" ? "number" : "");
  if (typeof value !== "number") made.title = shown(value);
  return made;
}

function table(head, rows) {
  const box = element("div", undefined, "scroll prediction"), made = element("table");
  box.tabIndex = 0;
  const line = element("tr"), top = element("thead"), middle = element("tbody");
  const numeric = head.map((_, i) => i > 0 && rows.every((row) => row[i] === null || typeof row[i] === "number"));
  head.forEach((name, i) => {
    const made = element("th", name, numeric[i] ? "number" : "");
    made.scope = "col";
    line.append(made);
  });
  top.append(line);
  for (const row of rows.slice(0, 500)) {
    const tr = element("tr");
    row.forEach((value, i) => tr.append(i ? cell(value) : element("td", String(value), "quiet")));
    middle.append(tr);
  }
  made.append(top, middle);
  box.append(made);
  return box;
}

function record(values) {
  const made = element("dl", undefined, "record");
  for (const [name, value] of Object.entries(values)) made.append(element("dt", name), element("dd", shown(value)));
  return made;
}

function picture(predictions) {
  const single = Array.isArray(predictions) && predictions.length === 1 ? predictions[0] : predictions;
  if (isPlain(single)) {
    const text = shown(single);
    return element("p", text, text.length > 40 ? "answer long" : "answer");
  }
  if (!Array.isArray(single) && Object.values(single).every(isPlain)) return record(single);
  if (!Array.isArray(predictions)) return element("pre", JSON.stringify(predictions, null, 1));
  if (predictions.every(isPlain)) return table(["Row", "Prediction"], predictions.map((p, i) => [i, p]));
  if (predictions.every((p) => Array.isArray(p) && p.length && p.length === predictions[0].length && p.every(isPlain)))
    return table(["Row", ...predictions[0].map((_, i) => String(i))], predictions.map((p, i) => [i, ...p]));
  if (predictions.every((p) => !isPlain(p) && !Array.isArray(p))) {
    const names = [...new Set(predictions.flatMap(Object.keys))];
    return table(["Row", ...names], predictions.map((p, i) => [i, ...names.map((n) => (n in p ? p[n] : null))]));
  }
  return element("pre", JSON.stringify(predictions, null, 1));
}

function show(...nodes) {
  find("result").replaceChildren(...nodes);
}

function showError(title, message) {
  const box = element("p", undefined, "message");
  box.setAttribute("role", "alert");
  box.append(element("b", title), message);
  show(box);
}

function showAnswer(response, text) {
  const raw = element("details"), nodes = [];
  raw.append(element("summary", "Raw answer"), element("pre", text.slice(0, 100000)));
  const answer = parse(text);
  nodes.push(picture(Object.hasOwn(answer, "predictions") ? answer.predictions : answer));
  const by = response.headers.get("X-Mlpack-Model");
  if (by) nodes.push(element("p", "Answered by " + by, "hint"));
  const ignored = response.headers.get("X-Mlpack-Ignored-Columns");
  if (ignored) nodes.push(element("p", "Columns that the model does not know were left out: " + decoded(ignored), "hint"));
  show(...nodes, raw);
}

function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function showCurl(target, sent) {
  const quoted = (text) => "'" + text.replaceAll("'", "'\\''") + "'";
  const address = new URL(target, document.baseURI).href;
  const secret = token === null ? "" : ` \\\n  -H "Authorization: Bearer $TOKEN"`;
  find("curl").textContent =
    `curl ${quoted(address)} \\\n  -H 'Content-Type: application/json'${secret} \\\n  -d ${quoted(sent)}`;
  find("sent").hidden = false;
}

function headers(more) {
  return token === null ? more : { ...more, Authorization: "Bearer " + token };
}

async function predict(form) {
  const button = find("go");
  if (button.hasAttribute("aria-busy")) return;
  let sent;
  try {
    sent = body(form, true);
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    return;
  }
  button.setAttribute("aria-busy", "true");
  find("took").textContent = "";
  const target = form.dataset.target, start = performance.now();
  try {
    const options = { method: "POST", body: sent, headers: headers({ "Content-Type": "application/json", Accept: "application/json" }) };
    const response = await fetch(target, options);
    const text = await response.text();
    find("took").textContent = `${Math.max(1, Math.round(performance.now() - start))} ms`;
    if (response.ok) showAnswer(response, text);
    else showFailure(response, text);
  } catch (error) {
    showError("No answer", "The server cannot be reached, or its answer cannot be read: " + error.message);
  } finally {
    button.removeAttribute("aria-busy");
  }
  showCurl(target, sent);
}

function showFailure(response, text) {
  let problem = { error_code: response.statusText || "Error", message: text.slice(0, 2000) };
  try {
    problem = { ...problem, ...JSON.parse(text) };
  } catch { /* some proxy's page: its text will do */ }
  showError(`${response.status} ${problem.error_code}`, String(problem.message));
}

// --- the page itself -----------------------------------------------------------------------------
function setUpForm(form) {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    predict(form);
  });
  form.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      predict(form);
    }
  });
  form.addEventListener("input", (event) => {
    if (event.target.dataset.role) edited = true;
    if (event.target.hasAttribute("aria-invalid")) refuse(event.target, "");
  });
  form.addEventListener("reset", () => {
    edited = false;
    for (const field of form.querySelectorAll("[aria-invalid]")) refuse(field, "");
    const json = find("mode-json"), was = json && json.checked; // what is reset are values
    setTimeout(() => {
      if (was) json.checked = true;
      choose();
    });
  });
  for (const radio of form.querySelectorAll("[name=mode]"))
    radio.addEventListener("change", () => {
      if (find("mode-json").checked && edited) {
        try {
          find("json").value = bodyOfFields(form, false);
        } catch (error) {
          if (!(error instanceof Refused)) throw error;
          find("mode-fields").checked = true;
        }
      }
      choose();
    });
  choose();
}

function choose() {
  if (!find("fields")) return;
  find("fields").hidden = find("mode-json").checked;
  find("raw").hidden = !find("mode-json").checked;
}

// With a token this page is fetched again, as links cannot carry one, and put in this one's place.
async function load(address) {
  const response = await fetch(address, { headers: headers({ Accept: "text/html" }) });
  const page = new DOMParser().parseFromString(await response.text(), "text/html");
  if (!response.ok || page.getElementById("signin")) return response.ok ? 401 : response.status;
  for (const id of ["models", "main"]) find(id).replaceWith(document.adoptNode(page.getElementById(id)));
  document.title = page.title;
  edited = false;
  setUp();
  return 200;
}

function setUpSignIn(form) {
  const field = find("token");
  field.focus();
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    token = field.value.trim();
    let problem = "";
    try {
      const status = await load("./" + location.search);
      if (status !== 200) problem = status === 401 ? "The server does not know this token." : `The server answered ${status}.`;
    } catch (error) {
      problem = error.message; // no valid header, or no connection
    }
    if (problem) {
      token = null;
      refuse(field, "");
      find("signin-note").textContent = problem;
      field.setAttribute("aria-invalid", "true");
      field.select();
    }
  });
}

function setUp() {
  const form = find("form"), signIn = find("signin");
  if (signIn) setUpSignIn(signIn);
  if (form) setUpForm(form);
  if (token !== null)
    for (const link of document.querySelectorAll("#models a, footer a"))
      link.addEventListener("click", async (event) => {
        event.preventDefault();
        if (link.closest("footer")) return showDocument(link);
        await load(link.href);
        history.replaceState(null, "", link.href);
        document.querySelector("#models [aria-current]")?.focus();
      });
}

async function showDocument(link) {
  const response = await fetch(link.href, { headers: headers({}) });
  show(element("pre", (await response.text()).slice(0, 200000)));
  find("result").scrollIntoView({ block: "nearest" });
}

setUp();
