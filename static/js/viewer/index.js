// Entry of the viewer: registers its elements.
import { RsViewer } from "./element.js";

customElements.define("rs-viewer", RsViewer);
