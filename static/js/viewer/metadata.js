// What Cornerstone asks about an image that it draws, answered from our own frame records.
//
// Cornerstone gets the pixels and their shape only: every image lies in a plane of its own with the origin
// at 0. Places in the patient are ours (geometry.js), so that one stack may hold images of any
// orientation (axials of several discs) without the camera being rebuilt from image to image.

import { frameOf } from "./frames.js";
import { pixelSize } from "./view.js";

export function cornerstoneModule(type, imageId) {
  if (typeof imageId !== "string" || !imageId.startsWith("rs:")) return undefined;
  const frame = frameOf(imageId);
  if (!frame) return undefined;
  switch (type) {
    case "imagePixelModule":
      return {
        samplesPerPixel: frame.samplesPerPixel,
        photometricInterpretation: frame.samplesPerPixel > 1 ? "RGB" : frame.photometricInterpretation,
        planarConfiguration: 0,
        rows: frame.rows,
        columns: frame.columns,
        bitsAllocated: frame.bitsAllocated,
        bitsStored: frame.bitsStored,
        highBit: frame.highBit ?? frame.bitsStored - 1,
        pixelRepresentation: frame.pixelRepresentation,
      };
    case "imagePlaneModule": {
      const [pixelWidth, pixelHeight] = pixelSize(frame);
      return {
        rows: frame.rows,
        columns: frame.columns,
        frameOfReferenceUID: `plane of ${imageId}`,
        imageOrientationPatient: [1, 0, 0, 0, 1, 0],
        rowCosines: [1, 0, 0],
        columnCosines: [0, 1, 0],
        imagePositionPatient: [0, 0, 0],
        columnPixelSpacing: pixelWidth,
        rowPixelSpacing: pixelHeight,
        pixelSpacing: [pixelHeight, pixelWidth],
        usingDefaultValues: false,
      };
    }
    case "generalSeriesModule":
      // "OT" for all: Cornerstone treats PT and RTDOSE values specially, readers see stored values rescaled.
      return { modality: "OT" };
    case "modalityLutModule":
      // The values are rescaled already (pixels.js).
      return { rescaleSlope: 1, rescaleIntercept: 0 };
    case "voiLutModule":
      return frame.windows.length
        ? { windowCenter: [frame.windows[0].center], windowWidth: [frame.windows[0].width], voiLUTFunction: "LINEAR" }
        : {};
    case "sopCommonModule":
      return { sopClassUID: frame.sopClassUid, sopInstanceUID: frame.sopUid };
    default:
      return undefined;
  }
}
