import { init as initCore } from "@cornerstonejs/core";
import { init as initTools } from "@cornerstonejs/tools";
import { init as initLoader } from "@cornerstonejs/dicom-image-loader";

/** The image side of the reading page. */
export class RsViewer extends HTMLElement {
  async connectedCallback() {
    await initCore();
    initLoader({ maxWebWorkers: 2 });
    initTools();
  }
}
