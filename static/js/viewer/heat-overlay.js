// <rs-heat data-address="...">: where a model looked, over the images. Off until it is asked for; what it shows
// is fetched then and not before.

import { html, svg } from "./dom.js";
import { bytesOf, heatColour, heatOnPlane, LEAST_SHARE, mapsOf } from "./heat.js";
import { loadTexts, t } from "./texts.js";

const OPACITY = { least: 10, most: 90, first: 50 };

/** The layer of the viewer that draws the maps of one item. */
export class HeatLayer {
  maps = [];
  opacity = OPACITY.first;

  draw(pane) {
    const { plane } = pane;
    if (!plane || !this.maps.length) return [];
    const group = svg("g", { class: "rs-heat-map", opacity: this.opacity / 100, "shape-rendering": "crispEdges" });
    for (const map of this.maps) {
      if (map.frame !== (plane.frameOfReferenceUid ?? "")) continue;
      for (const { outline, share } of heatOnPlane(map, plane)) {
        const points = outline.map((px) => pane.surface.imagePxToCanvasPx(px).map((at) => at.toFixed(1)).join(","));
        group.append(svg("polygon", { points: points.join(" "), fill: heatColour(share) }));
      }
    }
    return group.childElementCount ? [group] : [];
  }
}

/** Edges of cells in words: "6.0 × 6.4 × 6.4 mm", each size once. */
function resolution(maps) {
  return [...new Set(maps.map(({ cell_mm: edges }) => edges.map((edge) => edge.toFixed(1)).join(" × ")))].join(", ");
}

export class RsHeat extends HTMLElement {
  connectedCallback() {
    if (this.childElementCount) return;
    loadTexts();
    this.layer = new HeatLayer();
    this.classList.add("rs-heat");
    this.toggle = html(
      "button",
      { type: "button", class: "rs-button", "aria-pressed": "false", onclick: () => this.#turn() },
      t("Where the model looked"),
    );
    this.body = html("div", { class: "rs-heat-body", hidden: true });
    this.word = html("span", { class: "rs-heat-word", role: "status" });
    this.append(this.toggle, this.body, this.word);
  }

  get on() {
    return this.toggle.getAttribute("aria-pressed") === "true";
  }

  get viewer() {
    return document.querySelector("rs-viewer");
  }

  async #turn() {
    const on = !this.on;
    this.toggle.setAttribute("aria-pressed", String(on));
    if (on && !this.answer && !(await this.#fetch())) return;
    this.body.hidden = !this.on;
    this.toggleAttribute("data-on", this.on);
    if (!this.on) this.word.textContent = "";
    this.#show();
  }

  async #fetch() {
    this.word.textContent = t("Loading");
    try {
      const response = await fetch(this.dataset.address, { headers: { Accept: "application/json" } });
      if (!response.ok) throw new Error(`status ${response.status}`);
      const answer = await response.json();
      for (const map of answer.maps) map.values = bytesOf(map.values);
      this.answer = answer;
    } catch (error) {
      console.warn("The heat maps did not come", error);
      this.toggle.setAttribute("aria-pressed", "false");
      this.word.textContent = t("The maps did not come. Try again.");
      return false;
    }
    this.word.textContent = "";
    this.#build();
    return true;
  }

  #build() {
    const { findings, structures } = this.answer;
    const choice = (label, options) => {
      const select = html(
        "select",
        { "aria-label": label, onchange: () => this.#show() },
        ...options.map(({ id, label: words }) => html("option", { value: id }, words)),
      );
      return select;
    };
    this.finding = choice(t("Finding"), findings);
    this.structure = choice(t("Structure"), structures);
    this.opacity = html("input", {
      type: "range", min: OPACITY.least, max: OPACITY.most, step: 5, value: OPACITY.first,
      "aria-label": t("Opacity"), oninput: () => this.#show(),
    });
    const key = svg("svg", { class: "rs-heat-key", width: 120, height: 10, role: "img", "aria-label": t("Weak to strong") });
    for (let i = 0; i < 24; i += 1) {
      const share = LEAST_SHARE + ((1 - LEAST_SHARE) * i) / 23;
      key.append(svg("rect", { x: i * 5, y: 0, width: 5, height: 10, fill: heatColour(share) }));
    }
    this.fact = html("p", { class: "rs-heat-fact" });
    this.body.replaceChildren(
      html("label", {}, t("Finding"), this.finding),
      html("label", {}, t("Structure"), this.structure),
      html("label", {}, t("Opacity"), this.opacity),
      html("span", { class: "rs-heat-scale" }, t("weak"), key, t("strong")),
      this.fact,
    );
    // The viewer draws what lies lowest first: marks and lines stay on top.
    this.viewer.layers.unshift(this.layer);
  }

  #show() {
    if (!this.answer) return;
    const [structure, finding] = [this.structure.value, this.finding.value];
    const maps = mapsOf(this.answer, structure, finding);
    this.layer.maps = this.on ? maps : [];
    this.layer.opacity = Number(this.opacity.value);
    this.fact.textContent = maps.length
      ? [
          t("{model}: what raised its grade, not where a lesion is.", { model: this.answer.model }),
          t("True resolution {size} mm; nothing finer is known.", { size: resolution(maps) }),
        ].join(" ")
      : t("Nothing raised the grade of this item, or the model did not grade it.");
    if (this.on && structure !== this.shown) {
      this.shown = structure;
      document.dispatchEvent(new CustomEvent("rs:activate-structure", { detail: { structure } }));
    }
    this.viewer.redrawOverlays();
  }
}
