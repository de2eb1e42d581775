"""The columns of the exchange files, in order: what leaves and what comes in have one form."""

READS = (
    "case_id", "patient_id", "centre", "partition", "presentation", "structure", "finding", "reader_id",
    "reader_role", "condition", "session", "occasion", "read_version", "protocol_version", "kind", "grade",
    "value", "unit", "reason", "confidence", "status", "submitted_at",
)  # fmt: skip
REFERENCE = (
    "case_id", "patient_id", "structure", "finding", "kind", "grade", "value", "provenance",
    "decided_by_roles", "reader_contributed",
)  # fmt: skip
PREDICTIONS = (
    "case_id", "patient_id", "structure", "finding", "model", "version", "input_points",
)  # fmt: skip
CASES = (
    "case_id", "patient_id", "centre", "centre_is_external", "partition", "status", "exclusion_reason",
    "sides",
)  # fmt: skip
# The coordinator's own table of imported images; the last two may be absent, and every other column is a value.
CLINICAL = ("dicom_patient_id", "case_id", "patient_id", "centre", "laterality", "one_case")
CLINICAL_VALUES = ("case_id", "patient_id", "name", "value")
ADJUDICATIONS = (
    "case_id", "patient_id", "structure", "finding", "was_audit", "choice", "kept_reader_id", "kind", "grade",
    "value", "reason_code", "covered_kind", "covered_grade", "status", "settled_at",
    "sent_back_reason", "sent_back_at",
)  # fmt: skip
PLACE = (
    "frame_of_reference", "x_mm", "y_mm", "z_mm", "dx_mm", "dy_mm", "dz_mm", "series", "instance", "frame",
    "points_px",
)  # fmt: skip
LESIONS = ("case_id", "patient_id", "lesion_id", "class", "weight", *PLACE)
MARKS = (
    "case_id", "patient_id", "reader_id", "model", "condition", "mark_id", "shape", "class", "confidence",
    "value", "unit", *PLACE, "lesion_id",
)  # fmt: skip
IMRMC = ("readerID", "caseID", "modalityID", "score")

# What each column means: the data dictionary that travels with every export.
MEANING = {
    "dicom_patient_id": "the patient's number in the files, by which their images are found; kept nowhere else",
    "name": "name of a clinical value, as the coordinator's table calls it",
    "laterality": "established, by-convention or unknown: what is known of left and right in the files",
    "case_id": "pseudonym of the case: the images of one patient that are read as one",
    "patient_id": "pseudonym of the patient: the cluster of every interval",
    "centre": "code of the hospital that gave the case",
    "centre_is_external": "yes: kept apart from the drawn partitions",
    "partition": "train, validation, test or external; drawn by patient",
    "presentation": "the image set read together, or one modality read alone",
    "structure": "code of the place that was graded",
    "finding": "code of what was graded",
    "reader_id": "neutral code of the reader",
    "reader_role": "truther: this reader's grades make the reference; comparison: they do not",
    "condition": "unaided or aided",
    "session": "number of the reading session",
    "occasion": "1: first reading; 2 and more: repeats of the same case",
    "read_version": "1: as first submitted; later ones after reopening",
    "protocol_version": "version of the protocol to which the read is pinned",
    "kind": "grade, value, not_assessable, absent or fused",
    "grade": "place on the finding's scale, 0 the least; empty unless kind is grade",
    "value": "measured value; empty unless kind is value",
    "unit": "unit of value",
    "reason": "why not assessable, by the protocol's codes",
    "confidence": "0 to 100 where the reader gave one",
    "status": "final: stands; superseded: replaced by a later version",
    "submitted_at": "when the read was submitted, by the server's clock, UTC",
    "provenance": "how the reference grade stands",
    "decided_by_roles": "who decided it, by role",
    "reader_contributed": "codes of the readers whose own grade made it, separated by semicolons",
    "model": "name of the model",
    "version": "version of the model",
    "input_points": "automatic or corrected joint points",
    "p_k": "probability of grade k",
    "score": "a score without a scale of grades; higher is more suspicious",
    "exclusion_reason": "criterion of the protocol by which the case was excluded",
    "sides": "established, or accepted by convention",
    "was_audit": "yes: an agreed item that was sent along unmarked",
    "choice": "kept: one of the first reads; own: the adjudicator's own answer",
    "kept_reader_id": "reader whose answer was kept",
    "reason_code": "reason of the decision, by the protocol's codes",
    "covered_kind": "the adjudicator's answer while the readers' were covered",
    "covered_grade": "its grade",
    "lesion_id": "name of a lesion in its case; of a mark: the lesion that it hits, empty for none",
    "class": "class of the lesion or of the mark, by the protocol",
    "weight": "share of the lesion in its case; empty: all lesions of a case count alike",
    "mark_id": "name of the mark among those of one person, case and condition",
    "shape": "box3d, box, point, ellipse, polygon, line or angle",
    "frame_of_reference": "frame of the millimetres",
    "x_mm": "centre, towards the patient's left",
    "y_mm": "centre, towards the patient's back",
    "z_mm": "centre, towards the patient's head",
    "dx_mm": "extent along x",
    "dy_mm": "extent along y",
    "dz_mm": "extent along z",
    "series": "series of the image, where the place is in pixels",
    "instance": "image, where the place is in pixels",
    "frame": "frame of the image",
    "points_px": "corners in pixels of the image: x,y pairs separated by blanks",
    "settled_at": "when it was settled, UTC",
    "sent_back_reason": "why the panel sent it back, by the protocol's codes, or in words where it has none",
    "sent_back_at": "when the panel sent it back, UTC; empty where it did not",
}
