// Asking the server. What goes wrong is one kind of error, with a message for people.

export class ServerError extends Error {
  constructor(message, status) {
    super(message);
    this.status = status; // 0: the server did not answer
  }
}

const DOWN = "The server does not answer. It may be restarting; what is on the page stays.";
const SLOW = "The server has not answered for a long time. What was asked may still happen; look before you repeat it.";
const FOREIGN = "Something else answers in the server's place, such as the login of a proxy. Reload the page.";
const STATUS = {
  413: "That is larger than the server, or a proxy before it, takes.",
  429: "Too many requests at once. Try again in a moment.",
  502: "A proxy answers, and the server behind it does not. It may be restarting; what is on the page stays.",
  503: "The server is busy or restarting. Try again in a moment.",
  504: "A proxy answers, and the server behind it takes too long. Try again in a moment.",
};
const LONGEST = 90_000; // milliseconds; a call that scores may take 65 seconds

/** The JSON that an address answers. `query` may hold lists; empty values are left out. */
export async function getJSON(path, query = {}, { signal } = {}) {
  return parsed(await ask(withQuery(path, query), { signal }));
}

/** The HTML of a part of a page, as elements of a template. */
export async function getPart(path, query = {}, { signal } = {}) {
  const text = await getText(path, query, { signal });
  if (/^\s*<(!doctype|html)/i.test(text)) throw new ServerError(FOREIGN, 0); // a page is no part
  return drawnByServer(text);
}

/** HTML that our server rendered, as elements; nothing else may be given to it. */
export function drawnByServer(html) {
  const template = document.createElement("template");
  template.innerHTML = html;
  return template.content;
}

/** The text of a part or a file. */
export function getText(path, query = {}, { signal } = {}) {
  return ask(withQuery(path, query), { signal });
}

/** Send an object, and get the answer's. */
export async function sendJSON(path, content, { method = "POST", signal } = {}) {
  const headers = { "Content-Type": "application/json" };
  return parsed(await ask(path, { method, headers, body: JSON.stringify(content), signal }));
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

/** The text of an answer; whatever keeps it from coming whole is a `ServerError`. */
async function ask(path, { signal, ...options }) {
  const limit = AbortSignal.timeout(LONGEST);
  const stop = signal ? AbortSignal.any([signal, limit]) : limit;
  let response, text;
  try {
    const early = await takeEarly(path);
    response = early?.response ?? (await fetch(path, { credentials: "same-origin", ...options, signal: stop }));
    text = early?.text ?? (await response.text());
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ServerError(limit.aborted ? SLOW : DOWN, 0);
  }
  if (response.ok) return text;
  throw new ServerError(told(text) || STATUS[response.status] || `The server answered ${response.status}.`, response.status);
}

/** What first.js asked for before there was a script to ask, once. */
function takeEarly(path) {
  const answer = window.early?.get(path);
  window.early?.delete(path);
  return answer;
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    throw new ServerError(FOREIGN, 0);
  }
}

/** What an error of our server says; nothing of a proxy's page. */
function told(text) {
  try {
    const { message } = JSON.parse(text);
    return typeof message === "string" ? message : "";
  } catch {
    return "";
  }
}
