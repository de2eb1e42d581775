// How an image lies in its viewport: pure transform between image px and canvas px.
//
// A view: {scale: CSS px per display unit, x, y: what stands in the middle of the viewport, in display
// units from the middle of the image, rotation: degrees clockwise (multiple of 90), flipH, flipV}.
// Display units are mm where the file states a spacing, else px of the narrower side. Flips act on the
// image, before it is rotated.

/**
 * Width and height of one pixel in display units: [across columns, across rows].
 *
 * @param {object} frame Record of `framesOfInstance`.
 */
export function pixelSize(frame) {
  if (frame.spacing) return [frame.spacing[1], frame.spacing[0]];
  if (frame.imagerSpacing) return [frame.imagerSpacing[1] / frame.imagerSpacing[0], 1];
  // Pixel Aspect Ratio is vertical : horizontal size (PS3.3 C.7.6.3.1.7).
  const ratio = frame.pixelAspectRatio;
  if (ratio && ratio[0] > 0 && ratio[1] > 0) return [ratio[1] / ratio[0], 1];
  return [1, 1];
}

/** Geometry of an image as `imagePxToCanvasPx` needs it. */
export function displayed(frame) {
  const [width, height] = pixelSize(frame);
  return { columns: frame.columns, rows: frame.rows, pixelWidth: width, pixelHeight: height };
}

const cosine = (degrees) => [1, 0, -1, 0][(((Math.round(degrees / 90) % 4) + 4) % 4)];
const sine = (degrees) => [0, 1, 0, -1][(((Math.round(degrees / 90) % 4) + 4) % 4)];

/** The view that shows the whole image. */
export function fitView(image, canvas, { rotation = 0, flipH = false, flipV = false } = {}) {
  const turned = sine(rotation) !== 0;
  const width = image.columns * image.pixelWidth;
  const height = image.rows * image.pixelHeight;
  const scale = Math.min(canvas.width / (turned ? height : width), canvas.height / (turned ? width : height));
  return { scale: scale > 0 ? scale : 1, x: 0, y: 0, rotation, flipH, flipV };
}

/**
 * Canvas CSS px of an image px.
 *
 * @param {object} image `displayed(frame)`.
 * @param {object} view
 * @param {{width: number, height: number}} canvas CSS px.
 * @param {number[]} px [column, row], 0 at the centre of the first pixel.
 */
export function imagePxToCanvasPx(image, view, canvas, [column, row]) {
  let x = (column - (image.columns - 1) / 2) * image.pixelWidth - view.x;
  let y = (row - (image.rows - 1) / 2) * image.pixelHeight - view.y;
  if (view.flipH) x = -x;
  if (view.flipV) y = -y;
  const [c, s] = [cosine(view.rotation), sine(view.rotation)];
  return [canvas.width / 2 + view.scale * (x * c - y * s), canvas.height / 2 + view.scale * (x * s + y * c)];
}

/** Image px of a canvas CSS px; the inverse of `imagePxToCanvasPx`. */
export function canvasPxToImagePx(image, view, canvas, [u, v]) {
  const [c, s] = [cosine(view.rotation), sine(view.rotation)];
  const a = (u - canvas.width / 2) / view.scale;
  const b = (v - canvas.height / 2) / view.scale;
  let x = a * c + b * s;
  let y = -a * s + b * c;
  if (view.flipH) x = -x;
  if (view.flipV) y = -y;
  return [
    (x + view.x) / image.pixelWidth + (image.columns - 1) / 2,
    (y + view.y) / image.pixelHeight + (image.rows - 1) / 2,
  ];
}

/** View moved so that the image follows a drag of (du, dv) CSS px. */
export function panned(view, du, dv) {
  const [c, s] = [cosine(view.rotation), sine(view.rotation)];
  let x = (du * c + dv * s) / view.scale;
  let y = (-du * s + dv * c) / view.scale;
  if (view.flipH) x = -x;
  if (view.flipV) y = -y;
  return { ...view, x: view.x - x, y: view.y - y };
}

/** View zoomed by a factor about a canvas point, which stays where it is. */
export function zoomed(image, view, canvas, factor, at = [canvas.width / 2, canvas.height / 2]) {
  const fit = fitView(image, canvas, view).scale;
  const scale = Math.min(fit * 40, Math.max(fit * 0.2, view.scale * factor));
  const before = canvasPxToImagePx(image, view, canvas, at);
  const after = canvasPxToImagePx(image, { ...view, scale }, canvas, at);
  return {
    ...view,
    scale,
    x: view.x + (before[0] - after[0]) * image.pixelWidth,
    y: view.y + (before[1] - after[1]) * image.pixelHeight,
  };
}

/** View with an image px in the middle of the viewport. */
export function centredOn(image, view, [column, row]) {
  return {
    ...view,
    x: (column - (image.columns - 1) / 2) * image.pixelWidth,
    y: (row - (image.rows - 1) / 2) * image.pixelHeight,
  };
}

/**
 * Length of a scale bar: a round number of mm that fits the room.
 *
 * @returns {{mm: number, px: number}}
 */
export function scaleBar(pxPerMm, roomPx) {
  const steps = [1, 2, 5, 10, 20, 50, 100, 200];
  const mm = [...steps].reverse().find((step) => step * pxPerMm <= roomPx) ?? steps[0];
  return { mm, px: mm * pxPerMm };
}
