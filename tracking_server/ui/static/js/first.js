// Before anything is drawn: the chosen colours, and addresses that MLflow's clients print.
(function () {
  "use strict";
  try {
    var theme = localStorage.getItem("theme");
    if (theme) document.documentElement.dataset.theme = theme;
  } catch { /* a browser that keeps nothing */ }

  var ways = [
    [/^#\/experiments\/[\w-]+\/runs\/([\w-]+)/, "/runs/"],
    [/^#\/experiments\/[\w-]+\/models\/([\w-]+)/, "/models/"],
    [/^#\/experiments\/([\w-]+)/, "/experiments/"],
    [/^#\/models\/([^/?]+)\/versions\/(\d+)/, "/registry/"],
    [/^#\/models\/([^/?]+)/, "/registry/"],
    [/^#\/models\/?$/, "/registry"],
  ];
  function follow() {
    for (var i = 0; i < ways.length; i++) {
      var found = location.hash.match(ways[i][0]);
      if (found) return location.replace(ways[i][1] + found.slice(1).join("/"));
    }
  }
  addEventListener("hashchange", follow);
  follow();
})();
