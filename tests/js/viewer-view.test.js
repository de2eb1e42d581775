import assert from "node:assert/strict";
import test from "node:test";
import {
  canvasPxToImagePx,
  centredOn,
  displayed,
  fitView,
  imagePxToCanvasPx,
  panned,
  pixelSize,
  scaleBar,
  zoomed,
} from "../../static/js/viewer/view.js";

const image = displayed({ rows: 100, columns: 50, spacing: [2, 1] });
const canvas = { width: 300, height: 400 };
const near = (actual, expected) =>
  actual.forEach((value, i) => assert.ok(Math.abs(value - expected[i]) < 1e-9, `${actual} is not ${expected}`));

test("a fitted image touches the edges that limit it", () => {
  const view = fitView(image, canvas);
  assert.equal(view.scale, 2); // 200 mm high in 400 px
  near(imagePxToCanvasPx(image, view, canvas, [-0.5, -0.5]), [100, 0]);
  near(imagePxToCanvasPx(image, view, canvas, [49.5, 99.5]), [200, 400]);
});

test("a turned image is fitted by its turned size", () => {
  assert.equal(fitView(image, canvas, { rotation: 90 }).scale, 1.5);
});

test("image px to canvas px and back, under every rotation and flip", () => {
  for (const rotation of [0, 90, 180, 270]) {
    for (const flipH of [false, true]) {
      for (const flipV of [false, true]) {
        const view = { scale: 3.7, x: 4, y: -11, rotation, flipH, flipV };
        const px = [12.25, 77];
        near(canvasPxToImagePx(image, view, canvas, imagePxToCanvasPx(image, view, canvas, px)), px);
      }
    }
  }
});

test("rotation is clockwise", () => {
  const view = fitView(image, canvas, { rotation: 90 });
  const [u, v] = imagePxToCanvasPx(image, view, canvas, [24.5, -0.5]); // middle of the upper edge
  near([u, v], [300, 200]); // stands at the right
});

test("panning moves the image with the mouse, also when turned and mirrored", () => {
  for (const view of [fitView(image, canvas), { scale: 2, x: 3, y: 5, rotation: 270, flipH: true, flipV: false }]) {
    const before = imagePxToCanvasPx(image, view, canvas, [10, 20]);
    const after = imagePxToCanvasPx(image, panned(view, 7, -9), canvas, [10, 20]);
    near(after, [before[0] + 7, before[1] - 9]);
  }
});

test("zooming keeps the point under the mouse", () => {
  const view = { ...fitView(image, canvas), rotation: 90, flipV: true };
  const at = [40, 50];
  const px = canvasPxToImagePx(image, view, canvas, at);
  near(imagePxToCanvasPx(image, zoomed(image, view, canvas, 1.6, at), canvas, px), at);
});

test("zoom has bounds", () => {
  const view = fitView(image, canvas);
  assert.equal(zoomed(image, view, canvas, 1e9).scale, view.scale * 40);
  assert.equal(zoomed(image, view, canvas, 1e-9).scale, view.scale * 0.2);
});

test("a point can be put into the middle", () => {
  const view = centredOn(image, fitView(image, canvas), [3, 90]);
  near(imagePxToCanvasPx(image, view, canvas, [3, 90]), [150, 200]);
});

test("pixel size: spacing, else shape only", () => {
  assert.deepEqual(pixelSize({ spacing: [2, 1] }), [1, 2]);
  assert.deepEqual(pixelSize({ imagerSpacing: [0.2, 0.1] }), [0.5, 1]);
  assert.deepEqual(pixelSize({ pixelAspectRatio: [2, 1] }), [0.5, 1]);
  assert.deepEqual(pixelSize({}), [1, 1]);
});

test("the scale bar is a round number of mm that fits", () => {
  assert.deepEqual(scaleBar(2, 110), { mm: 50, px: 100 });
  assert.deepEqual(scaleBar(9.1, 110), { mm: 10, px: 91 });
  assert.deepEqual(scaleBar(300, 110), { mm: 1, px: 300 });
});
