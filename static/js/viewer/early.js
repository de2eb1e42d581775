// What happens while the viewer itself is still on its way: metadata are asked for, the decoders start, and the
// panel may already name its joint. Small on purpose: it is part of the first script of the page.

import { startDecoders } from "./decode-frame.js";
import { ask, holdWithThePage } from "./requests.js";

const asked = new Map();
let structure;

document.addEventListener("rs:activate-structure", ({ detail }) => {
  structure = detail?.structure;
});

holdWithThePage();

/** The joint that the panel named last. */
export function structureSoFar() {
  return structure;
}

/** Start fetching the metadata of the series named in the page's configuration, and what decodes their images. */
export function askEarly(root = document) {
  const element = root.querySelector("rs-viewer");
  const node = element && root.getElementById(element.dataset.config ?? "viewer-config");
  if (!node) return;
  let series;
  try {
    series = JSON.parse(node.textContent).series ?? [];
  } catch {
    return;
  }
  const base = (element.dataset.dicomweb ?? "").replace(/\/$/, "");
  for (const { study_uid: study, series_uid: uid } of series.slice(0, 4)) {
    const answer = ask(
      `${base}/studies/${study}/series/${uid}/metadata`,
      { accept: "application/dicom+json" },
      (response) => response.json(),
    );
    asked.set(
      uid,
      answer.catch(() => undefined),
    );
  }
  if (!series.length) return;
  try {
    startDecoders();
  } catch (error) {
    // The first image will meet it again and say so.
    console.warn("The decoders could not start ahead", error);
  }
}

/** The early answer for a series, once; undefined when none was asked for. */
export function takeEarly(uid) {
  const answer = asked.get(uid);
  asked.delete(uid);
  return answer;
}
