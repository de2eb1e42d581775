// The grading side of the reading room. Each page has one of these elements.

import { loadTexts } from "../viewer/texts.js";
import { RsAdjudication } from "./adjudication.js";
import { startDesk } from "./desk.js";
import { RsGrading } from "./grading-panel.js";
import { usePanelKeys } from "./keys.js";
import { RsPanel } from "./panel.js";

loadTexts();
const given = document.getElementById("viewer-config");
if (given) usePanelKeys(JSON.parse(given.textContent).panel_keymap);
customElements.define("rs-grading", RsGrading);
customElements.define("rs-adjudication", RsAdjudication);
customElements.define("rs-panel", RsPanel);
startDesk();
