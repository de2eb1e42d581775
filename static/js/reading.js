// The reading room: viewer and grading panel. They are independent and talk by DOM events. The viewer
// is loaded apart, so that the first key of the panel works before the viewer is up and a viewer that
// fails to load leaves the panel alive.
import "./viewer/ask-now.js";
import "./grading/index.js";

performance.mark("rs:script");
import("./viewer/index.js").catch((error) => {
  console.error("The viewer could not be loaded", error);
  document.dispatchEvent(
    new CustomEvent("rs:image-failed", { bubbles: true, detail: { label: "", reason: "viewer-not-loaded" } }),
  );
});
