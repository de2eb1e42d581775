// Entry of the viewer: registers the <rs-viewer> element.
import { RsViewer } from "./element.js";

customElements.define("rs-viewer", RsViewer);
