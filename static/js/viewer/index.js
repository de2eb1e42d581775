// Entry of the viewer: registers its elements.
import { RsViewer } from "./element.js";
import { RsViewerTools } from "./tools.js";

customElements.define("rs-viewer", RsViewer);
customElements.define("rs-viewer-tools", RsViewerTools);
