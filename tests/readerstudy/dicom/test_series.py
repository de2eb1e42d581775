"""Plane, order, weighting and label of a series, from geometry and codes alone."""

import math

import pytest

from readerstudy.dicom.attributes import element
from readerstudy.dicom.series import describe, plane_of, weighting_of

SAGITTAL = (0, 1, 0, 0, 0, -1)
CORONAL = (1, 0, 0, 0, 0, -1)
AXIAL = (1, 0, 0, 0, 1, 0)


def tilted(degrees: float) -> tuple[float, ...]:
    """An axial image turned about the left-right axis, as along a tilted disc."""
    angle = math.radians(degrees)
    return (1, 0, 0, 0, math.cos(angle), -math.sin(angle))


def instance(cosines=None, position=None, *, modality="MR", kinds=(), **codes) -> dict:
    out = {
        "00080060": element("CS", modality),
        "00280010": element("US", 100),
        "00280011": element("US", 80),
        "00280030": element("DS", 1, 1),
    }
    if cosines is not None:
        out["00200037"] = element("DS", *cosines)
        out["00200032"] = element("DS", *position)
    if kinds:
        out["00080008"] = element("CS", *kinds)
    return out | codes


def described(instances, numbers=None, weightings=None):
    return describe(
        instances, numbers=numbers or [0] * len(instances), weightings=weightings or [""] * len(instances)
    )


@pytest.mark.parametrize(
    ("cosines", "plane"),
    [
        (SAGITTAL, "sagittal"),
        (CORONAL, "coronal"),
        (AXIAL, "axial"),
        (tilted(43), "axial"),
        (tilted(45), "oblique"),
        (tilted(47), "coronal"),
        ((0, -1, 0, 0, 0, -1), "sagittal"),
    ],
)
def test_plane_of_one_image(cosines, plane):
    assert plane_of(cosines) == plane


@pytest.mark.parametrize(
    ("cosines", "axis", "wanted"),
    [(SAGITTAL, 0, "right to left"), (CORONAL, 1, "front to back"), (AXIAL, 2, "head to foot")],
)
def test_images_are_scrolled_in_one_direction_whatever_the_files_order(cosines, axis, wanted):
    places = [(5.0, 5.0, 5.0)] * 4
    along = [10.0, -20.0, 40.0, 0.0]
    instances = [
        instance(cosines, [value if k == axis else part for k, part in enumerate(place)])
        for place, value in zip(places, along, strict=True)
    ]
    facts = described(instances)
    shown = [along[index] for index in facts.order]
    assert shown == sorted(along, reverse=wanted == "head to foot")
    # The same images turned over are shown in the same order.
    turned = (*cosines[3:], *cosines[:3])
    again = described([instance(turned, entry["00200032"]["Value"]) for entry in instances])
    assert again.order == facts.order


def test_stacks_along_discs_follow_each_other_from_head_to_foot():
    stacks = [(tilted(angle), z) for angle, z in ((5, 100), (-5, 60), (-20, 20), (-35, -20))]
    instances, heights = [], []
    for cosines, z in reversed(stacks):
        for step in (-4, 0, 4):
            instances.append(instance(cosines, (-40, -50, z + step)))
            heights.append(z + step)
    facts = described(instances, weightings=["T2"] * 12)
    assert (facts.plane, facts.label) == ("axial", "Axial T2")
    assert [heights[index] for index in facts.order] == sorted(heights, reverse=True)


def test_images_without_a_place_are_ordered_by_number_and_come_last():
    instances = [instance(), instance(AXIAL, (0, 0, 5)), instance(), instance(AXIAL, (0, 0, 9))]
    facts = described(instances, numbers=[8, 1, 2, 2])
    assert facts.order == (3, 1, 2, 0)
    assert (facts.plane, facts.has_geometry, facts.label) == ("unknown", False, "MR")


def test_images_at_one_place_both_stay():
    instances = [instance(AXIAL, (0, 0, 5)), instance(AXIAL, (0, 0, 5)), instance(AXIAL, (0, 0, 0))]
    assert described(instances, numbers=[2, 1, 3]).order == (1, 0, 2)


def test_three_planes_in_one_series_are_a_localiser():
    instances = [instance(cosines, (0, 0, 0)) for cosines in (SAGITTAL, CORONAL, AXIAL)]
    assert (described(instances).plane, described(instances).label) == ("oblique", "MR localiser")
    stated = [instance(AXIAL, (0, 0, 0), modality="CT", kinds=("ORIGINAL", "PRIMARY", "LOCALIZER"))]
    assert described(stated).label == "CT localiser"


@pytest.mark.parametrize(
    ("codes", "label"),
    [
        ({"00185101": element("CS", "PA")}, "AP X-ray"),
        ({"00185101": element("CS", "LL")}, "Lateral X-ray"),
        ({"00200020": element("CS", "L", "F")}, "AP X-ray"),
        ({"00200020": element("CS", "A", "F")}, "Lateral X-ray"),
        ({"00185101": element("CS", "RPO")}, "Oblique X-ray, RPO"),
        ({"00185101": element("CS", "OBLIQUE")}, "Oblique X-ray"),
        ({"00200020": element("CS", "LP", "F")}, "Oblique X-ray"),
        ({"00200020": element("CS", "AR", "F")}, "Oblique X-ray"),
        ({"00185101": element("CS", "AP"), "00200020": element("CS", "LP", "F")}, "AP X-ray"),
        ({"00200020": element("CS", "LF", "FR")}, "AP X-ray"),
        ({}, "X-ray"),
    ],
)
def test_radiographs_are_projections_named_by_their_view(codes, label):
    facts = described([instance(modality="DX", **codes)])
    assert (facts.plane, facts.label, facts.has_geometry) == ("projection", label, False)


def test_frames_of_an_enhanced_object_have_their_own_places():
    def group(z):
        return {"00209113": {"vr": "SQ", "Value": [{"00200032": element("DS", 0, 0, z)}]}}

    enhanced = instance() | {
        "00280008": element("IS", 3),
        "52009229": {
            "vr": "SQ",
            "Value": [{"00209116": {"vr": "SQ", "Value": [{"00200037": element("DS", *SAGITTAL)}]}}],
        },
        "52009230": {"vr": "SQ", "Value": [group(0), group(3), group(6)]},
    }
    facts = described([enhanced])
    assert (facts.plane, facts.n_frames, facts.has_geometry) == ("sagittal", 3, True)


@pytest.mark.parametrize(
    ("names", "times", "weighting"),
    [
        (["t2_tse_sag"], (None, None, None), "T2"),
        (["SAG T1 FLAIR"], (None, None, None), "FLAIR"),
        (["T1_TIRM"], (None, None, None), "STIR"),
        (["MPRAGE"], (None, None, None), "T1"),
        (["SPD_LOC"], (None, None, None), ""),
        (["AT20"], (None, None, None), ""),
        ([""], (500, 12, None), "T1"),
        ([""], (3500, 100, None), "T2"),
        ([""], (3500, 20, None), "PD"),
        ([""], (4000, 60, 160), "STIR"),
        ([""], (9000, 100, 2500), "FLAIR"),
        ([""], (1200, 50, None), ""),
    ],
)
def test_weighting_by_name_and_by_times(names, times, weighting):
    tr, te, ti = times
    assert weighting_of(names=names, tr_ms=tr, te_ms=te, ti_ms=ti) == weighting
