// <rs-viewer-tools>: the tools of the images, for the page's top bar. Presentational: it sends actions to
// the viewer of the page and shows which tool is active.

import { html, icon } from "./dom.js";
import { capOf, DEFAULT_KEYMAP } from "./keymap.js";
import { loadTexts, t } from "./texts.js";
import { ToolsMenu } from "./tools-menu.js";

const ICONS = {
  "tool-window": "M8 1.8a6.2 6.2 0 1 0 0 12.4zM8 1.8a6.2 6.2 0 0 1 0 12.4",
  "tool-pan": "M8 1.5v13M1.5 8h13M8 1.5 6.2 3.3M8 1.5l1.8 1.8M8 14.5l-1.8-1.8M8 14.5l1.8-1.8M1.5 8l1.8-1.8M1.5 8l1.8 1.8M14.5 8l-1.8-1.8M14.5 8l-1.8 1.8",
  "tool-zoom": "M6.8 2.2a4.6 4.6 0 1 0 0 9.2 4.6 4.6 0 0 0 0-9.2zM10.2 10.2 14 14M6.8 4.8v4M4.8 6.8h4",
  "tool-length": "M2.5 13.5 13.5 2.5M1.5 12.5l2 2M12.5 1.5l2 2M6.2 8.2l1.2 1.2M8.2 6.2l1.2 1.2",
  "tool-angle": "M3 2.5v10.8h11M3 8.2a5 5 0 0 1 5 5",
  "tool-cobb": "M2.5 3.5 13 2M2.5 12.5 13 14M6.5 3v10",
  "tool-roi": "M8 3c3.6 0 6.3 2.2 6.3 5S11.6 13 8 13s-6.3-2.2-6.3-5S4.4 3 8 3z",
  "tool-crosshair": "M8 1.5v5M8 9.5v5M1.5 8h5M9.5 8h5",
  invert: "M2.5 2.5h11v11h-11zM13.5 2.5l-11 11z",
  cine: "M4.5 2.8v10.4L13 8z",
  "next-hanging": "M2 2.5h12v11H2zM7 2.5v11M7 8h7",
  mpr: "M2 2.5h5v5H2zM9 2.5h5v5H9zM2 9.5h5v4H2zM9 11.5h5M11.5 9.2v4.6",
  reset: "M3 8a5 5 0 1 1 1.5 3.6M3 4.5V8h3.5",
};

const GROUPS = [
  ["tool-window", "tool-pan", "tool-zoom"],
  ["tool-length", "tool-angle", "tool-cobb", "tool-roi"],
  ["tool-crosshair", "invert", "cine", "next-hanging", "mpr", "reset"],
];

/** Words of the actions; also used by the page's list of keys. */
export function actionNames() {
  return {
    "tool-window": t("Window"),
    "tool-pan": t("Pan"),
    "tool-zoom": t("Zoom"),
    "tool-length": t("Length"),
    "tool-angle": t("Angle"),
    "tool-cobb": t("Cobb angle"),
    "tool-roi": t("Region"),
    "tool-crosshair": t("Crosshair"),
    invert: t("Invert"),
    cine: t("Play"),
    "next-hanging": t("Next layout"),
    mpr: t("Three planes"),
    reset: t("Reset view"),
    "previous-image": t("Previous image"),
    "next-image": t("Next image"),
    "first-image": t("First image"),
    "last-image": t("Last image"),
    "previous-series": t("Previous series"),
    "next-series": t("Next series"),
    "previous-viewport": t("Previous view"),
    "next-viewport": t("Next view"),
    "zoom-in": t("Enlarge"),
    "zoom-out": t("Reduce"),
    fit: t("Fit"),
    "rotate-right": t("Turn right"),
    "rotate-left": t("Turn left"),
    "flip-across": t("Mirror across"),
    "flip-down": t("Mirror down"),
    "own-view": t("The study's own view"),
    maximise: t("One view large"),
    undo: t("Undo"),
    redo: t("Redo"),
    "delete-mark": t("Delete the mark"),
    "finish-mark": t("Finish the mark"),
    deeper: t("Mark reaches one image on"),
    shallower: t("Mark reaches one image back"),
    "retry-image": t("Try the image again"),
    "to-panel": t("Keys to the panel"),
  };
}

/** The keys of the person at this page, as its configuration gives them. */
function ownKeys() {
  const node = document.getElementById("viewer-config");
  return node ? JSON.parse(node.textContent).keymap : {};
}

export class RsViewerTools extends HTMLElement {
  connectedCallback() {
    if (this.childElementCount) return;
    loadTexts();
    const names = actionNames();
    const keymap = { ...DEFAULT_KEYMAP, ...ownKeys() };
    this.classList.add("rs-tools");
    this.setAttribute("role", "toolbar");
    this.setAttribute("aria-label", t("Image tools"));
    this.buttons = new Map();
    GROUPS.forEach((group, i) => {
      if (i) this.append(html("span", { class: "rs-tools-gap", "aria-hidden": "true" }));
      for (const action of group) {
        const keys = [keymap[action] ?? []].flat();
        const name = keys.length ? `${names[action]} (${capOf(keys[0])})` : names[action];
        const button = html(
          "button",
          {
            type: "button",
            class: "rs-tool",
            title: name,
            "aria-label": names[action],
            "aria-keyshortcuts": keys.length ? capOf(keys[0]) : undefined,
            "aria-pressed": action.startsWith("tool-") ? String(action === "tool-window") : action === "cine" ? "false" : undefined,
            // The keyboard stays where it is.
            onpointerdown: (event) => event.preventDefault(),
            onclick: () => document.querySelector("rs-viewer")?.actions?.run(action),
          },
          icon(ICONS[action]),
        );
        this.buttons.set(action, button);
        this.append(button);
      }
    });
    document.addEventListener("rs:viewer-cine", ({ detail }) => {
      this.buttons.get("cine").setAttribute("aria-pressed", String(detail.running));
    });
    const menu = new ToolsMenu({ names, keymap, viewer: () => document.querySelector("rs-viewer") });
    this.append(menu.button, menu.list);
    document.addEventListener("rs:viewer-tool", ({ detail }) => {
      for (const [action, button] of this.buttons) {
        if (action.startsWith("tool-")) button.setAttribute("aria-pressed", String(action === `tool-${detail.tool}`));
      }
    });
  }
}
