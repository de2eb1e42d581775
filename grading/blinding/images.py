"""What the viewer of a blinded page is told: series by neutral labels, places, marks to draw."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from django.urls import get_script_prefix

from grading.blinding.protocol import display_words, language
from grading.places import presentation_alias
from grading.required_images import required_series
from readerstudy.imaging.selectors import SeriesRow, blinded_frame, study_table
from readerstudy.studies.models import Assignment, Landmark
from readerstudy.studies.protocols.document import ProtocolDocument


def viewer_words(
    assignment: Assignment,
    document: ProtocolDocument,
    resume: dict[str, Any],
    marks: Sequence[dict[str, Any]] = (),
) -> dict[str, Any]:
    """Return what the viewer needs: series by neutral labels, hanging protocols, places, marks to draw."""
    case = assignment.case
    alias = presentation_alias(assignment)
    series: Sequence[SeriesRow] = study_table(case.image_set, alias=alias) if case.image_set else ()
    established = all(each.laterality == "established" for each in series)
    laterality = (
        "established"
        if established
        else ("by-convention" if case.sides_accepted_by_convention else "unknown")
    )
    landmarks = Landmark.objects.filter(case=case).order_by("structure", "frame_of_reference_uid")
    return {
        **display_words(document),
        "laterality": laterality,
        "series": [asdict(each) for each in series],
        "required": [each.series_uid for each in required_series(document, series)],
        "landmarks": [
            {
                "structure": each.structure,
                "frame_of_reference": blinded_frame(each.frame_of_reference_uid, alias=alias),
                "point_mm": [each.x_mm, each.y_mm, each.z_mm],
            }
            for each in landmarks
        ],
        "marks": list(marks),
        "resume": resume,
        "keymap": assignment.user.key_map.get("viewer", {}),
        "panel_keymap": assignment.user.key_map.get("panel", {}),
        "language": language(),
    }


def images_ahead(upcoming: Assignment | None) -> dict[str, Any] | None:
    """Return where the images of the reader's next case are."""
    if upcoming is None or upcoming.case.image_set is None:
        return None
    series = study_table(upcoming.case.image_set, alias=presentation_alias(upcoming))
    return {
        "dicomweb": f"{get_script_prefix()}dicomweb/{upcoming.presentation}",
        "series": [{"study_uid": each.study_uid, "series_uid": each.series_uid} for each in series],
    }
