// The grading side of the reading room. Each page has one of these elements.

import { loadTexts } from "../viewer/texts.js";
import { RsAdjudication } from "./adjudication.js";
import { startDesk } from "./desk.js";
import { RsGrading } from "./grading-panel.js";
import { RsPanel } from "./panel.js";

loadTexts();
customElements.define("rs-grading", RsGrading);
customElements.define("rs-adjudication", RsAdjudication);
customElements.define("rs-panel", RsPanel);
startDesk();
