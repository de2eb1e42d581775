// The aid that was released to an aided read: what it says of an item, how it stands beside the scale, and how
// long it has been there. It chooses nothing: an item without an answer stays without one.

import { t } from "../viewer/texts.js";
import { make } from "./dom.js";

export class Aid {
  /**
   * @param {object|undefined} said {item: {grade, percent}} as the page was told; undefined in an unaided read
   * @param {() => number} now milliseconds of a clock that only goes forward
   */
  constructor(said, now = () => performance.now()) {
    this.said = said;
    this.now = now;
    this.since = now();
    this.seen = new Map();
  }

  /** Whether this is an aided read. */
  get isThere() {
    return this.said !== undefined;
  }

  /** What the aid says of an item; undefined where it says nothing. */
  of(key) {
    return this.said?.[key];
  }

  /** Remember that an item's shares are on the screen. */
  look(key) {
    if (this.of(key) && !this.seen.has(key)) this.seen.set(key, this.now());
  }

  /** How long page and item had been shown, in ms: what a save carries; null for an item not looked at. */
  times(key) {
    const seen = this.seen.get(key);
    return { page: Math.round(this.now() - this.since), item: seen === undefined ? null : Math.round(this.now() - seen) };
  }

  /** The line above the scale; "" in an unaided read. */
  line(key) {
    if (!this.isThere) return "";
    this.look(key);
    const said = this.of(key);
    return make("p", { class: "aid-line" }, make("span", { class: "aid-name" }, t("Aid")),
      said ? make("span", { class: "chip is-plain" }, String(said.grade)) : "",
      said ? t("{share} for this grade. The answer is yours.", { share: `${said.percent[said.grade]} %` }) : t("says nothing on this item."));
  }

  /** The share of one grade, on its option; "" where the aid has none. */
  share(key, grade) {
    const said = this.of(key);
    if (!said) return "";
    return make("span", { class: "aid-share" }, make("progress", { class: "aid-bar", max: 100, value: said.percent[grade], "aria-hidden": "true" }), make("span", {}, t("Aid {percent} %", { percent: said.percent[grade] })));
  }
}
