// Lists of the reading room: one key goes on with the first case.

import { fillScreen, startDesk } from "./grading/desk.js";
import { loadTexts } from "./viewer/texts.js";

loadTexts();
startDesk();
fillScreen();

document.querySelector("[data-print]")?.addEventListener("click", () => window.print());

document.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.closest?.("a, button, input, select, textarea, summary")) return;
  document.getElementById("continue")?.click();
});
