// The images of a case on the results pages: the viewer alone, without a grading panel; a model's maps over it.
import "./viewer/ask-now.js";
import { RsHeat } from "./viewer/heat-overlay.js";
import "./viewer/index.js";

customElements.define("rs-heat", RsHeat);
