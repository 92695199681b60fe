// MLflow's clients print addresses such as /#/experiments/0/runs/<id>: show our page instead.
(function () {
  "use strict";
  function follow() {
    var run = location.hash.match(/^#\/experiments\/[\w-]+\/runs\/([\w-]+)/);
    var experiment = location.hash.match(/^#\/experiments\/([\w-]+)/);
    var model = location.hash.match(/^#\/experiments\/[\w-]+\/models\/([\w-]+)/);
    if (run) location.replace("/runs/" + run[1]);
    else if (model) location.replace("/models/" + model[1]);
    else if (experiment) location.replace("/experiments/" + experiment[1]);
  }
  addEventListener("hashchange", follow);
  follow();
})();
