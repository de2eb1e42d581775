import assert from "node:assert/strict";
import test from "node:test";
import { levelsOf, middleFor, middleOfSides, placeOf, placesOf } from "../../static/js/viewer/places.js";

const config = {
  structures: [
    { id: "L4-5-right", group: "L4/5", side: "right" },
    { id: "L4-5-left", group: "L4/5", side: "left" },
    { id: "L5-S1-right", group: "L5/S1", side: "right" },
  ],
  landmarks: [
    { structure: "L4-5-right", frame_of_reference: "a", point_mm: [-20, 0, 10] },
    { structure: "L4-5-left", frame_of_reference: "a", point_mm: [24, 0, 12] },
    { structure: "L4-5-right", frame_of_reference: "b", point_mm: [1, 2, 3] },
  ],
};

test("a place belongs to one frame of reference", () => {
  assert.deepEqual(placeOf(config, "L4-5-right", "a"), [-20, 0, 10]);
  assert.equal(placeOf(config, "L4-5-left", "b"), undefined);
  assert.deepEqual(placesOf(config, "L4-5-right").map(({ frame }) => frame), ["a", "b"]);
});

test("a level lies between its joints, and a joint without a level is its own middle", () => {
  assert.deepEqual(levelsOf(config, "a"), [{ group: "L4/5", point: [2, 0, 11] }]);
  const place = { frame: "a", point: [-20, 0, 10] };
  assert.deepEqual(middleFor(config, config.structures[0], place), [2, 0, 11]);
  assert.deepEqual(middleFor(config, config.structures[2], place), [-20, 0, 10]);
});

test("left and right meet between the joints where both sides are known", () => {
  const stack = (frame) => ({ series: { frame_of_reference: frame }, middle: { x: 5, known: false } });
  assert.deepEqual(middleOfSides(config, stack("a")), { x: 2, known: true });
  assert.deepEqual(middleOfSides(config, stack("b")), { x: 5, known: false });
});
