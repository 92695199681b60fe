// The box above the list of models: a filter, or words of a name.
import { attach } from "./filter.js";
import { MODELS } from "./filter_subjects.js";

const input = document.getElementById("search");
if (input) {
  attach(input, { subject: MODELS, submit: () => input.form.submit(), errorPlace: document.getElementById("search-error") });
}
