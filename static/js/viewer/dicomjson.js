// Reading DICOM JSON (PS3.18 annex F) into plain instance records. Pure; no DOM, no Cornerstone.

const TAG = {
  seals: "00991001", // our own: the check sum of each frame (multipart.js)
  sopClassUid: "00080016",
  sopInstanceUid: "00080018",
  modality: "00080060",
  seriesUid: "0020000E",
  studyUid: "0020000D",
  frameOfReferenceUid: "00200052",
  instanceNumber: "00200013",
  imagePosition: "00200032",
  imageOrientation: "00200037",
  patientOrientation: "00200020",
  imageLaterality: "00200062",
  samplesPerPixel: "00280002",
  photometricInterpretation: "00280004",
  planarConfiguration: "00280006",
  numberOfFrames: "00280008",
  rows: "00280010",
  columns: "00280011",
  pixelSpacing: "00280030",
  pixelAspectRatio: "00280034",
  bitsAllocated: "00280100",
  bitsStored: "00280101",
  highBit: "00280102",
  pixelRepresentation: "00280103",
  windowCenter: "00281050",
  windowWidth: "00281051",
  rescaleIntercept: "00281052",
  rescaleSlope: "00281053",
  voiLutFunction: "00281056",
  imagerPixelSpacing: "00181164",
  sliceThickness: "00180050",
  sharedGroups: "52009229",
  perFrameGroups: "52009230",
  planePositionSequence: "00209113",
  planeOrientationSequence: "00209116",
  pixelMeasuresSequence: "00289110",
  frameVoiLutSequence: "00289132",
  pixelValueTransformationSequence: "00289145",
};

/** All values of one attribute as an array; empty when absent. */
export function values(dataset, tag) {
  return dataset?.[tag]?.Value ?? [];
}

function first(dataset, tag) {
  return values(dataset, tag)[0];
}

function number(dataset, tag) {
  const value = Number(first(dataset, tag));
  return first(dataset, tag) === undefined || first(dataset, tag) === null || Number.isNaN(value) ? undefined : value;
}

function numbers(dataset, tag, length) {
  const list = values(dataset, tag).map(Number);
  return list.length === length && list.every(Number.isFinite) ? list : undefined;
}

/** First item of a functional group, per frame first, then shared. */
function functionalGroup(dataset, frame, sequence) {
  const perFrame = values(dataset, TAG.perFrameGroups)[frame];
  const shared = first(dataset, TAG.sharedGroups);
  return first(perFrame, sequence) ?? first(shared, sequence);
}

/**
 * One record per frame of one instance.
 *
 * Positions and orientation are DICOM's: patient LPS in mm, position of the centre of the first pixel, row
 * cosines (direction of growing column index) first. Spacing is [row spacing, column spacing] in mm, that
 * is the distance between rows first (PS3.3 10.7.1.3).
 *
 * @param {object} dataset DICOM JSON of one instance.
 * @returns {object[]} Frame records, frame numbers starting at 1.
 */
export function framesOfInstance(dataset) {
  const nFrames = Math.max(1, number(dataset, TAG.numberOfFrames) ?? 1);
  const common = {
    sopClassUid: first(dataset, TAG.sopClassUid),
    sopUid: first(dataset, TAG.sopInstanceUid),
    seriesUid: first(dataset, TAG.seriesUid),
    studyUid: first(dataset, TAG.studyUid),
    frameOfReferenceUid: first(dataset, TAG.frameOfReferenceUid) || "",
    modality: first(dataset, TAG.modality) || "OT",
    instanceNumber: number(dataset, TAG.instanceNumber),
    patientOrientation: values(dataset, TAG.patientOrientation).filter(Boolean),
    rows: number(dataset, TAG.rows),
    columns: number(dataset, TAG.columns),
    samplesPerPixel: number(dataset, TAG.samplesPerPixel) ?? 1,
    photometricInterpretation: first(dataset, TAG.photometricInterpretation) || "MONOCHROME2",
    planarConfiguration: number(dataset, TAG.planarConfiguration) ?? 0,
    bitsAllocated: number(dataset, TAG.bitsAllocated) ?? 16,
    bitsStored: number(dataset, TAG.bitsStored) ?? number(dataset, TAG.bitsAllocated) ?? 16,
    highBit: number(dataset, TAG.highBit),
    pixelRepresentation: number(dataset, TAG.pixelRepresentation) ?? 0,
    nFrames,
  };
  const records = [];
  for (let index = 0; index < nFrames; index += 1) {
    const position = functionalGroup(dataset, index, TAG.planePositionSequence) ?? dataset;
    const orientation = functionalGroup(dataset, index, TAG.planeOrientationSequence) ?? dataset;
    const measures = functionalGroup(dataset, index, TAG.pixelMeasuresSequence) ?? dataset;
    const voi = functionalGroup(dataset, index, TAG.frameVoiLutSequence) ?? dataset;
    const rescale = functionalGroup(dataset, index, TAG.pixelValueTransformationSequence) ?? dataset;
    const spacing = numbers(measures, TAG.pixelSpacing, 2);
    const imagerSpacing = numbers(dataset, TAG.imagerPixelSpacing, 2);
    records.push({
      ...common,
      frame: index + 1,
      seal: values(dataset, TAG.seals)[index],
      position: numbers(position, TAG.imagePosition, 3),
      orientation: numbers(orientation, TAG.imageOrientation, 6),
      spacing: spacing && spacing[0] > 0 && spacing[1] > 0 ? spacing : undefined,
      // Spacing at the detector, not in the patient: good for the shape of pixels only, never for mm.
      imagerSpacing: imagerSpacing && imagerSpacing[0] > 0 && imagerSpacing[1] > 0 ? imagerSpacing : undefined,
      pixelAspectRatio: numbers(dataset, TAG.pixelAspectRatio, 2),
      windows: pairs(values(voi, TAG.windowCenter), values(voi, TAG.windowWidth)),
      voiLutFunction: first(voi, TAG.voiLutFunction) || "LINEAR",
      rescaleSlope: number(rescale, TAG.rescaleSlope) ?? 1,
      rescaleIntercept: number(rescale, TAG.rescaleIntercept) ?? 0,
    });
  }
  return records;
}

function pairs(centers, widths) {
  const windows = [];
  for (let i = 0; i < Math.min(centers.length, widths.length); i += 1) {
    const center = Number(centers[i]);
    const width = Number(widths[i]);
    if (Number.isFinite(center) && Number.isFinite(width) && width >= 1) windows.push({ center, width });
  }
  return windows;
}
