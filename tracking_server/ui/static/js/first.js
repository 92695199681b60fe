// Before anything is drawn: the chosen colours, addresses that MLflow's clients print, answers that the page will ask
// for at once, which are read while styles and scripts are on their way; and modules that run when all is there.
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

  // while the page is read, running them would hold up its first frame
  addEventListener("DOMContentLoaded", function () {
    document.querySelectorAll("link[data-module]").forEach(function (link) {
      var script = document.createElement("script");
      script.type = "module";
      script.src = link.getAttribute("href");
      document.head.append(script);
    });
  });

  // server.js takes them; null where there is none, and it asks itself
  window.early = new Map();
  document.querySelectorAll("link[rel=preload][as=fetch]").forEach(function (link) {
    var answer = fetch(link.href, { signal: AbortSignal.timeout(90000) }).then(function (response) {
      return response.text().then(function (text) { return { response: response, text: text }; });
    });
    window.early.set(link.getAttribute("href"), answer.catch(function () { return null; }));
  });
})();
