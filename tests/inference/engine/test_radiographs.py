"""Radiographs: patches where they belong whatever the storage, and refusals that a doctor understands."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from inference.engine.crops import CropSpec
from inference.engine.networks.grader import Grader, GraderConfig
from inference.engine.networks.radiograph_localiser import RadiographLocaliser, RadiographLocaliserConfig
from inference.engine.radiographs import AP, LATERAL, LEFT, OBLIQUE, RIGHT, Radiograph, radiograph_crop
from inference.engine.specification import (
    XR_AP,
    XR_LATERAL,
    XR_OBLIQUE,
    InputSpecification,
    OutputSchema,
    SeriesRequirement,
)
from inference.engine.stacks import CaseImages
from inference.engine.training.phantom_joints import PROJECTIONS, projected
from readerstudy.phantom import SCANNERS, mirror_body, sample_body
from readerstudy.phantom.radiograph import render_radiograph

SPEC = CropSpec(1, 24, 32, 1.0, 1.0)
TURNED = {"L": "R", "R": "L", "A": "P", "P": "A", "H": "F", "F": "H"}


def picture_of(view=AP, *, spacing=(0.5, 0.4), columns_to="L", rows_to="F", shape=(90, 110), **more):
    rng = np.random.default_rng(3)
    pixels = rng.random(shape).astype(np.float32)
    return Radiograph("x", pixels, spacing, view, columns_to, rows_to, **more)


def stored(picture, point, *, rows=False, columns=False, transposed=False):
    """The same picture stored otherwise, with the letters that say so, and where the point went."""
    pixels, (row, column) = picture.pixels, point
    down, across, spacing = picture.rows_to, picture.columns_to, picture.spacing_mm
    if rows:
        pixels, row, down = pixels[::-1], len(pixels) - 1 - row, "".join(TURNED[each] for each in down)
    if columns:
        pixels, column = pixels[:, ::-1], pixels.shape[1] - 1 - column
        across = "".join(TURNED[each] for each in across)
    if transposed:
        pixels, row, column, down, across, spacing = pixels.T, column, row, across, down, spacing[::-1]
    turned = replace(
        picture, pixels=np.ascontiguousarray(pixels), columns_to=across, rows_to=down, spacing_mm=spacing
    )
    return turned, (row, column)


@pytest.mark.parametrize("view", [AP, LATERAL, OBLIQUE])
@pytest.mark.parametrize(
    "change",
    [
        {"rows": True},
        {"columns": True},
        {"transposed": True},
        {"rows": True, "columns": True, "transposed": True},
    ],
)
def test_storage_does_not_change_a_patch(view, change):
    letters = {AP: "L", LATERAL: "P", OBLIQUE: "LP"}[view]
    picture, point = picture_of(view, columns_to=letters), (40.3, 61.8)
    turned, moved = stored(picture, point, **change)
    assert turned.sides == picture.sides
    for side in picture.sides:
        first, second = (
            radiograph_crop(each, place, side, SPEC) for each, place in ((picture, point), (turned, moved))
        )
        assert first.shape == SPEC.shape
        assert np.allclose(first, second, atol=1e-5)


def test_a_patch_holds_the_pixels_round_its_point():
    picture = picture_of(spacing=(1.0, 1.0))
    left = radiograph_crop(picture, (40.5, 60.5), LEFT, CropSpec(1, 4, 4, 1.0, 1.0))
    assert np.allclose(left[0], picture.pixels[39:43, 59:63], atol=1e-6)
    # Away from the midline is the other way for a right joint.
    right = radiograph_crop(picture, (40.5, 60.5), RIGHT, CropSpec(1, 4, 4, 1.0, 1.0))
    assert np.allclose(right[0], left[0][:, ::-1], atol=1e-6)
    assert radiograph_crop(picture, (-30.0, 60.0), LEFT, SPEC) is None


@pytest.mark.parametrize("kind", list(PROJECTIONS))
def test_a_mirrored_patient_gives_the_patches_of_the_other_side(kind):
    body = sample_body(np.random.default_rng(8))
    twin = mirror_body(body)
    for side, view in PROJECTIONS[kind].items():
        other = {RIGHT: LEFT, LEFT: RIGHT}[side]
        name, partner = f"L3-4-{side}", f"L3-4-{other}"
        mine, theirs = (
            render_radiograph(each, shown, scanner=SCANNERS["A"])
            for each, shown in ((body, view), (twin, PROJECTIONS[kind][other]))
        )
        patches = [
            radiograph_crop(projected(p, kind, ""), p.pixel_of(b.joints[n].centre_mm), s, SPEC)
            for p, b, n, s in ((mine, body, name, side), (theirs, twin, partner, other))
        ]
        # The phantom's exposure differs a little in the mirror; the shadows are the same.
        first, second = (patch.ravel() for patch in patches)
        assert np.corrcoef(first, second)[0, 1] > 0.99
        if kind != XR_LATERAL:
            backwards = patches[1][:, :, ::-1].ravel()
            assert np.corrcoef(first, backwards)[0, 1] < 0.9


def test_an_oblique_view_shows_the_joints_of_one_side():
    for letters, side in {"LP": RIGHT, "PL": RIGHT, "RA": RIGHT, "LA": LEFT, "RP": LEFT}.items():
        assert picture_of(OBLIQUE, columns_to=letters).sides == (side,)
    for code, side in {"RPO": RIGHT, "LAO": RIGHT, "LPO": LEFT, "RAO": LEFT}.items():
        assert picture_of(OBLIQUE, columns_to="L", oblique=code).sides == (side,)
    assert picture_of(OBLIQUE, columns_to="L").sides == ()
    assert picture_of(AP).sides == (RIGHT, LEFT)


def specification(*kinds, max_in_plane_mm=0.6):
    return InputSpecification(
        {kind: SeriesRequirement(SPEC, max_in_plane_mm) for kind in kinds}, tuple((kind,) for kind in kinds)
    )


@pytest.mark.parametrize(
    ("picture", "why"),
    [
        (picture_of(""), "X-ray: its file does not say which view it is (AP, lateral or oblique)."),
        (picture_of(spacing=()), "AP X-ray: its file does not say how many millimetres a pixel is."),
        (
            picture_of(columns_to="", rows_to=""),
            "AP X-ray: its file does not say to which sides of the patient its rows and columns lead.",
        ),
        (picture_of(OBLIQUE), "Oblique X-ray: its file does not say which oblique it is."),
        (
            picture_of(spacing=(0.5, 0.8)),
            "AP X-ray: its pixels are 0.8 mm wide, the model takes 0.6 mm or finer.",
        ),
    ],
)
def test_a_radiograph_that_does_not_do_is_left_with_a_reason(picture, why):
    taken = specification(XR_AP, XR_OBLIQUE)
    chosen, notes = taken.choose_radiographs(CaseImages((), {}, (picture,)))
    assert not chosen
    assert notes == [why]
    refusal = taken.refusal(chosen, notes)
    assert "it needs AP X-ray or oblique X-ray" in refusal
    assert why in refusal


def test_the_best_radiograph_of_a_view_and_side_is_chosen():
    coarse = replace(picture_of(spacing=(0.6, 0.6)), identifier="a")
    fine = replace(picture_of(spacing=(0.4, 0.4)), identifier="b")
    magnified = replace(picture_of(spacing=(0.1, 0.1), at_detector=True), identifier="c")
    right = replace(picture_of(OBLIQUE, columns_to="LP"), identifier="d")
    case = CaseImages((), {}, (coarse, fine, magnified, right))
    chosen, notes = specification(XR_AP, XR_OBLIQUE).choose_radiographs(case)
    assert {kind: {side: p.identifier for side, p in own.items()} for kind, own in chosen.items()} == {
        XR_AP: {RIGHT: "b", LEFT: "b"},
        XR_OBLIQUE: {RIGHT: "d"},
    }
    assert notes == ["AP X-ray: its pixels are measured at the detector, where the patient is magnified."]
    assert specification("CT-axial").choose_radiographs(case) == ({}, ["X-ray: the model takes none."])


def test_a_manifest_with_a_thick_radiograph_is_refused():
    content = {
        "series": {
            XR_AP: {
                "crop": {"depth": 3, "height": 8, "width": 8, "depth_mm": 1, "in_plane_mm": 1},
                "max_in_plane_mm": 1,
            }
        },
        "needs": [[XR_AP]],
    }
    with pytest.raises(ValueError, match="a radiograph has no slices"):
        InputSpecification.from_json(content)


def test_what_a_protocol_does_not_assess_on_radiographs_is_not_given_from_them():
    schema = OutputSchema(("a",), {"narrowing": 4, "osteophytes": 4}, {}, {})
    protocol = {"narrowing": ("CT", "MR"), "osteophytes": ("CT", "MR", "XR")}
    assert schema.given_from([XR_AP], protocol) == {"osteophytes": 4}
    assert schema.given_from([XR_AP, "CT-axial"], protocol) == {"narrowing": 4, "osteophytes": 4}
    assert schema.given_from([XR_AP]) == {"narrowing": 4, "osteophytes": 4}


@pytest.mark.parametrize("encoder", ["slabs", "resnet18-3d"])
@pytest.mark.parametrize("share_encoder", [False, True])
def test_both_networks_take_radiographs_and_ignore_those_that_are_missing(encoder, share_encoder):
    torch.manual_seed(0)
    kinds = ("CT-axial", XR_AP, XR_LATERAL)
    config = GraderConfig(
        kinds=kinds,
        n_grades={"osteophytes": 4},
        encoder=encoder,
        channels=(4, 8, 8),
        widen=0.125,
        width=16,
        share_encoder=share_encoder,
    )
    network = Grader(GraderConfig.from_json(config.to_json())).eval()
    crops = {
        "CT-axial": torch.rand(1, 4, 6, 24, 24),
        **{kind: torch.rand(1, 4, 1, 24, 24) for kind in kinds[1:]},
    }
    there = torch.ones(1, 4, dtype=torch.bool)
    with torch.no_grad():
        everything = network(crops, dict.fromkeys(kinds, there))["osteophytes"]
        for missing in kinds:
            present = {kind: there if kind != missing else ~there for kind in kinds}
            out = network(crops, present)["osteophytes"]
            garbage = {**crops, missing: torch.full_like(crops[missing], float("inf"))}
            assert torch.equal(network(garbage, present)["osteophytes"], out)
            assert not torch.equal(out, everything)


def test_the_localiser_finds_mirrored_places_on_a_mirrored_picture():
    torch.manual_seed(1)
    config = RadiographLocaliserConfig((AP,), ("L1-2", "L2-3"), shape=(24, 32), pixel_mm=2.0, channels=4)
    localiser = RadiographLocaliser(RadiographLocaliserConfig.from_json(config.to_json())).eval()
    picture = picture_of()
    mirrored = replace(picture, pixels=picture.pixels[:, ::-1])
    width = picture.pixels.shape[1] - 1
    found, turned = localiser.locate(picture, LEFT), localiser.locate(mirrored, RIGHT)
    for level, (row, column, sure) in found.items():
        assert turned[level] == pytest.approx((row, width - column, sure), abs=1e-3)
