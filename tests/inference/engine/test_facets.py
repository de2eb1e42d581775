"""The whole engine on phantoms: unseen joints are graded, and what must not matter does not."""

import numpy as np
import pytest
import torch

from inference.engine.bundle import load_model
from inference.engine.facets import grade_case
from inference.engine.networks.grader import Grader, GraderConfig
from inference.engine.networks.localiser import Localiser, LocaliserConfig
from inference.engine.specification import InputSpecification
from inference.engine.stacks import CaseImages, ImageStack
from inference.engine.training.phantom_joints import STRUCTURES, volume_stack
from readerstudy.phantom import SCANNERS, render_ct, render_disc_axials, render_mr, sample_body
from tests.inference.engine.helpers import flipped_storage, mirrored_patient, reordered
from tests.inference.models_for_tests import SHIPPED


@pytest.fixture(scope="module")
def model():
    return load_model(SHIPPED, threads=1)


def joined(volumes, identifier):
    """Several parallel stacks as one series, as scanners store axials along the discs."""
    parts = [volume_stack(volume, identifier) for volume in volumes]
    return ImageStack(
        identifier,
        "MR",
        np.concatenate([p.pixels for p in parts]),
        np.concatenate([p.origins_mm for p in parts]),
        np.concatenate([p.along_columns_mm for p in parts]),
        np.concatenate([p.along_rows_mm for p in parts]),
        "",
        "T2",
    )


@pytest.fixture(scope="module")
def body():
    return sample_body(np.random.default_rng(990), correlation="independent")


@pytest.fixture(scope="module")
def case(body):
    rng, scanner = np.random.default_rng(991), SCANNERS["A"]
    discs = render_disc_axials(body, "T2", scanner=scanner, rng=rng)
    return CaseImages(
        (
            volume_stack(render_ct(body, scanner=scanner, rng=rng), "ct"),
            volume_stack(render_mr(body, scanner=scanner, rng=rng), "sagittal"),
            joined(discs.values(), "axial"),
        )
    )


@pytest.fixture(scope="module")
def graded(model, case):
    return grade_case(model, case)


def changed(case, change):
    return CaseImages(tuple(change(stack) for stack in case.stacks))


def assert_close(first, second, tolerance=2e-3):
    assert first.probabilities.keys() == second.probabilities.keys()
    for key, row in first.probabilities.items():
        assert np.abs(np.array(row) - second.probabilities[key]).max() < tolerance, key


def test_joints_are_found_where_they_are(body, graded):
    (points,) = graded.points.values()
    errors = [np.linalg.norm(np.array(points[s].point_mm) - body.joints[s].centre_mm) for s in STRUCTURES]
    assert max(errors) < 6.0
    assert np.median(errors) < 3.0


def test_every_given_item_has_probabilities(model, graded):
    given = model.manifest.outputs.given
    assert not graded.refusal
    assert not graded.left_out
    assert set(graded.series) == {"CT-axial", "MR-axial"}
    assert graded.probabilities.keys() == {(s, f) for s in STRUCTURES for f in given}
    for (_, finding), row in graded.probabilities.items():
        assert len(row) == given[finding]
        assert sum(row) == pytest.approx(1, abs=1e-6)


def test_order_of_series_does_not_change_a_bit(model, case, graded):
    backwards = CaseImages(case.stacks[::-1])
    assert grade_case(model, backwards).probabilities == graded.probabilities


def test_order_of_slices_does_not_change_what_it_must_not(model, case, graded):
    rng = np.random.default_rng(5)
    shuffled = changed(case, lambda s: reordered(s, rng.permutation(len(s.pixels))))
    assert_close(grade_case(model, shuffled), graded)


def test_storage_of_pixels_does_not_change_what_it_must_not(model, case, graded):
    turned = changed(case, lambda s: flipped_storage(s, rows=True, transposed=True))
    assert_close(grade_case(model, turned), graded)


def test_a_mirrored_patient_swaps_left_and_right(model, case, graded):
    mirrored = grade_case(model, changed(case, mirrored_patient))
    other = {"right": "left", "left": "right"}
    swapped = {
        (f"{s.rsplit('-', 1)[0]}-{other[s.rsplit('-', 1)[1]]}", f): row
        for (s, f), row in mirrored.probabilities.items()
    }
    assert swapped.keys() == graded.probabilities.keys()
    for key, row in graded.probabilities.items():
        assert np.abs(np.array(row) - swapped[key]).max() < 2e-3, key


@pytest.mark.parametrize("kept", [("ct",), ("axial", "sagittal"), ("axial", "ct")])
def test_any_sufficient_subset_of_series_is_graded(model, case, kept):
    part = CaseImages(tuple(s for s in case.stacks if s.identifier in kept))
    result = grade_case(model, part)
    assert not result.refusal
    assert len(result.probabilities) == len(STRUCTURES) * len(model.manifest.outputs.given)


def test_a_case_without_what_is_needed_is_refused(model, case):
    result = grade_case(model, CaseImages(tuple(s for s in case.stacks if s.identifier == "sagittal")))
    assert "it needs axial CT or axial MR" in result.refusal
    assert not result.probabilities


def test_given_places_replace_found_ones(model, case, body):
    exact = {"": {name: joint.centre_mm for name, joint in body.joints.items()}}
    result = grade_case(model, CaseImages(case.stacks, exact))
    assert result.input_points == "corrected"
    assert {p.source for p in result.points[""].values()} == {"corrected"}
    assert result.points[""]["L4-5-left"].point_mm == pytest.approx(tuple(body.joints["L4-5-left"].centre_mm))


def test_memory_that_runs_out_halves_the_batch(model, case, graded, monkeypatch):
    sizes = []
    whole = Grader.forward

    def scarce(self, crops, present, *rest, **more):
        n = next(iter(present.values())).shape[1]
        sizes.append(n)
        if n > 3:
            raise torch.OutOfMemoryError("no room")
        return whole(self, crops, present, *rest, **more)

    monkeypatch.setattr(Grader, "forward", scarce)
    assert_close(grade_case(model, case), graded, 1e-5)
    assert sizes[:3] == [10, 5, 2]


def test_stopping_is_possible_between_stages(model, case):
    class Stop(Exception):
        pass

    calls = []

    def check():
        calls.append(1)
        if len(calls) == 2:
            raise Stop

    with pytest.raises(Stop):
        grade_case(model, case, check=check)


def test_the_localiser_is_exactly_symmetric():
    torch.manual_seed(0)
    localiser = Localiser(LocaliserConfig(STRUCTURES, shape=(16, 16, 24), channels=4)).eval()
    volume = torch.rand(2, 16, 16, 24)
    flag = torch.tensor([0.0, 1.0])
    with torch.no_grad():
        side, front = localiser(volume, flag)
        side_m, front_m = localiser(volume.flip(1), flag)
    partner = localiser.config.mirrored
    assert torch.equal(side_m[:, partner], side)
    assert torch.equal(front_m.flip(2)[:, partner], front)


@pytest.mark.parametrize("attention", ["joint", "case"])
def test_the_reference_network_runs_with_any_series_missing(attention):
    torch.manual_seed(0)
    kinds = ("CT-axial", "MR-axial", "MR-sagittal")
    config = GraderConfig(
        kinds=kinds,
        n_grades={"narrowing": 4, "cyst": 2},
        encoder="resnet18-3d",
        widen=0.125,
        width=16,
        attention=attention,
        share_encoder=True,
    )
    network = Grader(config).eval()
    crops = {kind: torch.rand(1, 4, 6, 24, 24) for kind in kinds}
    there = torch.ones(1, 4, dtype=torch.bool)
    levels = torch.tensor([0, 0, 1, 1])
    with torch.no_grad():
        for missing in kinds:
            present = {kind: there if kind != missing else ~there for kind in kinds}
            out = network(crops, present, levels)
            assert out["narrowing"].shape == (1, 4, 3)
            garbage = {**crops, missing: torch.full_like(crops[missing], float("inf"))}
            assert torch.equal(network(garbage, present, levels)["cyst"], out["cyst"])


def test_two_frames_of_reference_are_located_apart(model, case):
    stacks = tuple(
        ImageStack(
            s.identifier,
            s.modality,
            s.pixels,
            s.origins_mm + (np.array([0.0, 0.0, 500.0]) if s.modality == "CT" else 0.0),
            s.along_columns_mm,
            s.along_rows_mm,
            s.modality,
            s.weighting,
        )
        for s in case.stacks
    )
    result = grade_case(model, CaseImages(stacks))
    assert set(result.points) == {"CT", "MR"}
    gap = result.points["CT"]["L4-5-left"].point_mm[2] - result.points["MR"]["L4-5-left"].point_mm[2]
    assert gap == pytest.approx(500, abs=8)


def test_the_finer_series_is_chosen_and_the_coarse_one_named(model, case):
    specification: InputSpecification = model.manifest.inputs
    ct = case.stacks[0]
    coarse = ImageStack(
        "a", "CT", ct.pixels[::2], ct.origins_mm[::2], ct.along_columns_mm[::2], ct.along_rows_mm[::2]
    )
    chosen, faults = specification.choose(CaseImages((coarse, ct)))
    assert chosen["CT-axial"].identifier == "ct"
    assert faults == ["Axial CT: its slices lie 2.5 mm apart, the model takes 1.6 mm or less."]
