// What Cornerstone's core uses of @cornerstonejs/metadata, and no more. The whole package
// brings the DICOM dictionary and a compiler of display-set rules, which run when the page loads; metadata
// reach Cornerstone through viewer/metadata.js instead.
import CalibrationTypes from "cornerstone-metadata/enums/CalibrationTypes.js";
import MetadataModules from "cornerstone-metadata/enums/MetadataModules.js";
import calibratedPixelSpacingMetadataProvider from "cornerstone-metadata/utilities/calibratedPixelSpacingMetadataProvider.js";
import {
  calculateRadiographicPixelSpacing,
  getERMF,
  getPixelSpacingInformation,
} from "cornerstone-metadata/utilities/getPixelSpacingInformation.js";
import imageIdToURI from "cornerstone-metadata/utilities/imageIdToURI.js";
import isVideoTransferSyntax, { videoUIDs } from "cornerstone-metadata/utilities/isVideoTransferSyntax.js";

export * as metaData from "cornerstone-metadata/metaData.js";
export * as logging from "cornerstone-metadata/utilities/logging.js";
export const Enums = { CalibrationTypes, MetadataModules };

function fourDimensional() {
  throw new Error("4-D series are shown image by image");
}
export const utilities = {
  calculateRadiographicPixelSpacing,
  calibratedPixelSpacingMetadataProvider,
  generateFrameImageId: fourDimensional,
  getERMF,
  getPixelSpacingInformation,
  handleMultiframe4D: fourDimensional,
  imageIdToURI,
  isVideoTransferSyntax,
  splitImageIdsBy4DTags: fourDimensional,
  videoUIDs,
};
