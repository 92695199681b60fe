// Asking the server. What goes wrong is one kind of error, with a message for people.

export class ServerError extends Error {
  constructor(message, status) {
    super(message);
    this.status = status; // 0: the server did not answer
  }
}

const DOWN = "The server does not answer. It may be restarting; what is on the page stays.";

/** The JSON that an address answers. `query` may hold lists; empty values are left out. */
export async function getJSON(path, query = {}, { signal } = {}) {
  return (await ask(withQuery(path, query), { signal })).json();
}

/** The HTML of a part of a page, as elements of a template. */
export async function getPart(path, query = {}, { signal } = {}) {
  const template = document.createElement("template");
  template.innerHTML = await (await ask(withQuery(path, query), { signal })).text();
  return template.content;
}

/** Send an object, and get the answer's. */
export async function sendJSON(path, content, { method = "POST", signal } = {}) {
  const headers = { "Content-Type": "application/json" };
  return (await ask(path, { method, headers, body: JSON.stringify(content), signal })).json();
}

/** A call of MLflow's REST API, as any client makes it: `api("POST", "runs/set-tag", {...})`. */
export function api(method, path, content) {
  return sendJSON(`/ajax-api/2.0/mlflow/${path}`, content, { method });
}

export function withQuery(path, query) {
  const fields = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    for (const each of Array.isArray(value) ? value : [value]) {
      if (each !== undefined && each !== null && each !== "") fields.append(name, each);
    }
  }
  const text = fields.toString();
  return text ? `${path}${path.includes("?") ? "&" : "?"}${text}` : path;
}

async function ask(path, options) {
  let response;
  try {
    response = await fetch(path, { credentials: "same-origin", ...options });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ServerError(DOWN, 0);
  }
  if (response.ok) return response;
  const text = await response.text();
  let message = "";
  try {
    message = JSON.parse(text).message;
  } catch { /* a proxy's page */ }
  throw new ServerError(message || `The server answered ${response.status}.`, response.status);
}
