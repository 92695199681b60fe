// Handing the browser a file that a script made.
import { make } from "./elements.js";

/** Save a blob under a name. */
export function saveFile(blob, name) {
  const link = make("a", { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
