// Cornerstone's packages import dcmjs (1 MB) for its logger and for parsing whole DICOM files. The viewer
// reads DICOM JSON itself (viewer/dicomjson.js), and the parts that parse are
// left out (cornerstone-metadata.js), so only the logger is left of it.
import loglevel from "loglevel";

export const log = loglevel;
export const constants = {
  IMPLICIT_LITTLE_ENDIAN: "1.2.840.10008.1.2",
  EXPLICIT_LITTLE_ENDIAN: "1.2.840.10008.1.2.1",
  DEFLATED_EXPLICIT_LITTLE_ENDIAN: "1.2.840.10008.1.2.1.99",
  EXPLICIT_BIG_ENDIAN: "1.2.840.10008.1.2.2",
};
