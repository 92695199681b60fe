// Each change of a registered model or a version: what is asked, and what is sent.
import { api, getJSON, sendJSON, ServerError } from "./server.js";

const IN_USE = ["Staging", "Production"];
const MODELS = "registered-models";
const VERSIONS = "model-versions";

const pageOf = (name) => `/registry/${encodeURIComponent(name)}`;

/** A change by its name. `subject` is what the template says of the page; `key` of an alias or tag. */
export function changeOf(kind, subject, key) {
  const it = subject?.version ? versionChanges(subject) : {};
  return { ...sharedChanges(subject, key), ...it }[kind]?.();
}

function sharedChanges(subject, key) {
  const { name, version } = subject || {};
  const [path, which] = version ? [VERSIONS, { name, version: String(version) }] : [MODELS, { name }];
  const what = version ? `version ${version} of ${name}` : name;
  return {
    create: () => ({
      question: () => ({
        title: "New model",
        text: "A name for versions to come. Registering a first version makes one, too.",
        yes: "Make it",
        fields: [
          { name: "name", label: "Name", required: true, hint: "Such as churn; no slash, no colon." },
          { name: "description", label: "Description", type: "textarea", preview: true, hint: "Markdown." },
        ],
      }),
      send: (values, by) => api("POST", `${MODELS}/create`, { name: values.name, description: values.description, ...by }),
      done: (values) => ({ message: `${values.name} is made.`, href: pageOf(values.name) }),
    }),
    rename: () => ({
      question: () => ({
        title: `Rename ${name}`,
        text: "Addresses with the old name, such as models:/…, then name nothing. Versions, aliases and history stay.",
        yes: "Rename",
        fields: [{ name: "name", label: "New name", value: name, required: true }],
      }),
      send: (values, by) => api("POST", `${MODELS}/rename`, { name, new_name: values.name, ...by }),
      done: (values) => ({ message: `It is called ${values.name} now.`, href: pageOf(values.name) }),
    }),
    delete: () => ({
      question: () => ({
        title: `Delete ${what}?`,
        text: version
          ? "Its aliases go with it, and its number is not given again. The run, the logged model and its files stay."
          : "All its versions and aliases go. Runs, logged models and files stay, and so does the history.",
        yes: "Delete",
        danger: true,
      }),
      send: (values, by) => api("DELETE", `${path}/delete`, { ...which, ...by }),
      done: () => ({ message: `${what} is deleted.`, href: version ? pageOf(name) : "/registry" }),
    }),
    describe: () => ({
      question: () => ({
        title: `Describe ${what}`,
        yes: "Save",
        fields: [{ name: "description", label: "Description", type: "textarea", value: subject.description, preview: true, hint: "Markdown." }],
      }),
      send: (values, by) => describe(subject, which, values.description, by),
      done: () => ({ message: "The description is saved." }),
    }),
    tag: () => ({
      question: () => ({
        title: key === null ? `Add a tag to ${what}` : `Change the tag ${key}`,
        yes: "Save",
        fields: [
          ...(key === null ? [{ name: "key", label: "Key", required: true, hint: "Such as team." }] : []),
          { name: "value", label: "Value", type: "textarea", value: key === null ? "" : subject.tags[key] },
        ],
      }),
      send: (values, by) => api("POST", `${path}/set-tag`, { ...which, key: key ?? values.key, value: values.value, ...by }),
      done: (values) => ({ message: `The tag ${key ?? values.key} is set.` }),
    }),
    untag: () => ({
      question: () => ({ title: `Remove the tag ${key}?`, text: `Of ${what}.`, yes: "Remove", danger: true }),
      send: (values, by) => api("DELETE", `${path}/delete-tag`, { ...which, key, ...by }),
      done: () => ({ message: `The tag ${key} is removed.` }),
    }),
    alias: () => aliasChange(subject, key),
    unalias: () => ({
      question: () => ({
        title: `Remove the alias ${key}?`,
        text: `Programs that load models:/${name}@${key} then fail. It points at version ${subject.aliases[key]} now.`,
        yes: "Remove",
        danger: true,
      }),
      send: (values, by) => api("DELETE", `${MODELS}/alias`, { name, alias: key, ...by }),
      done: () => ({ message: `The alias ${key} is removed.` }),
    }),
  };
}

/** Only if nobody wrote another meanwhile; theirs is told, and the next attempt replaces it. */
async function describe(subject, which, text, by) {
  const before = subject.description;
  const found = await sendJSON("/ui/registry/description", { ...which, text, before, ...by });
  if (!found.conflict) return;
  subject.description = found.text;
  const theirs = found.text.slice(0, 2000) || "(none)";
  throw new ServerError(`Somebody else changed it meanwhile. Saving again replaces theirs with yours. Theirs:\n\n${theirs}`, 0);
}

/** Only if it still points where the page said: what others did meanwhile is told, not undone. */
function aliasChange(subject, key) {
  const { name, version, aliases } = subject;
  const fixed = key === null ? [] : [key];
  const aliasOf = (values) => fixed[0] ?? values.alias.trim().replace(/^@/, "");
  const versionOf = (values) => String(version ?? values.version).trim();
  const told = Object.entries(aliases).map(([alias, number]) => `@${alias} → ${number}`).slice(0, 12).join(", ");
  return {
    question: () => ({
      title: key === null ? (version ? `Point an alias at version ${version}` : "Add an alias") : `Move the alias ${key}`,
      text: key === null
        ? `An alias points at one version; one that exists is moved. ${told ? `Now: ${told}.` : "There are none yet."}`
        : `It points at ${subject.aliases[key] ? `version ${subject.aliases[key]}` : "no version"} now. Programs that load models:/${name}@${key} follow it.`,
      yes: key === null ? "Set" : "Move",
      fields: [
        ...(key === null ? [{ name: "alias", label: "Alias", required: true, hint: "Such as champion; letters, digits, _ and -." }] : []),
        ...(version ? [] : [{ name: "version", label: "Version", type: "number", value: String(subject.newest ?? ""), required: true }]),
      ],
    }),
    send: (values, by) => {
      const alias = aliasOf(values);
      const expected = subject.aliases[alias] ?? 0;
      return api("POST", `${MODELS}/alias`, { name, alias, version: versionOf(values), expected, ...by });
    },
    conflict: () => learn(subject),
    done: (values) => ({ message: `@${aliasOf(values)} points at version ${versionOf(values)}.` }),
  };
}

function versionChanges(subject) {
  const { name, version } = subject;
  const there = () => IN_USE.map((stage) => `${stage} has ${subject.newest_of[stage] ? `version ${subject.newest_of[stage]}` : "none"}`).join(", ");
  return {
    stage: () => ({
      question: () => ({
        title: `Change the stage of version ${version}`,
        text: `It is in ${subject.stage === "None" ? "no stage" : subject.stage} now. ${there()}.`,
        yes: "Change the stage",
        fields: [
          { name: "stage", label: "Stage", type: "select", options: subject.stages, value: subject.stage },
          { name: "archive", label: "Archive what is in Staging or Production now, if it goes there", type: "checkbox", value: true },
        ],
      }),
      send: ({ stage, archive }, by) => {
        const isUsed = IN_USE.includes(stage);
        const guard = isUsed ? { expected: subject.newest_of[stage] ?? 0, archive_existing_versions: archive } : {};
        return api("POST", `${VERSIONS}/transition-stage`, { name, version: String(version), stage, ...guard, ...by });
      },
      conflict: () => learn(subject),
      done: ({ stage }) => ({ message: `Version ${version} is in ${stage}.` }),
    }),
  };
}

/** What the registry says now of aliases and stages. */
async function learn(subject) {
  const { name, version } = subject;
  const { registered_model: model } = await getJSON(`/ajax-api/2.0/mlflow/${MODELS}/get`, { name });
  subject.aliases = Object.fromEntries((model.aliases || []).map((each) => [each.alias, Number(each.version)]));
  subject.newest_of = Object.fromEntries((model.latest_versions || []).map((each) => [each.current_stage, Number(each.version)]));
  if (!version) return;
  const { model_version: now } = await getJSON(`/ajax-api/2.0/mlflow/${VERSIONS}/get`, { name, version: String(version) });
  subject.stage = now.current_stage;
}
