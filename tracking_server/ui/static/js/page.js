// What every page does: dialogs, colours, times in words, copying, keys.
import { isTyping } from "./elements.js";
import * as dialogs from "./dialogs.js";
import { listen as listenToJump } from "./jump.js";
import { notice } from "./notices.js";
import * as theme from "./theme.js";
import { localTimes } from "./times.js";

dialogs.listen();
theme.listen();
listenToJump();
localTimes(document);

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  try {
    await navigator.clipboard.writeText(button.dataset.copy);
    notice("Copied.");
  } catch {
    notice("The browser does not let pages copy here; select the text instead.", { bad: true });
  }
});

const ROOMS = { e: "/", m: "/registry", d: "/deployments" };
let afterG = 0;
document.addEventListener("keydown", (event) => {
  if (event.key === "k" && (event.ctrlKey || event.metaKey)) {
    event.preventDefault();
    dialogs.open("jump");
    return;
  }
  if (isTyping(event) || event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
  if (event.key === "/") {
    event.preventDefault();
    dialogs.open("jump");
  } else if (event.key === "?") {
    dialogs.open("keys");
  } else if (event.key === "g") {
    afterG = Date.now();
  } else if (ROOMS[event.key] && Date.now() - afterG < 1000) {
    location.assign(ROOMS[event.key]);
  }
});
