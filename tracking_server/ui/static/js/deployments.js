// The deployments' filter: choices count at once; words when Enter is pressed.

const form = document.getElementById("deployments-filter");
form?.addEventListener("change", (event) => {
  if (event.target.name !== "words") form.requestSubmit();
});
