"""Where the network looked: Grad-CAM by its definition, on cells whose place and size in the patient are right."""

import numpy as np
import pytest
import torch

from inference.engine.bundle import load_model
from inference.engine.crops import CropSpec, crop_affine, joint_crop
from inference.engine.facets import grade_case
from inference.engine.networks.grader import Grader, GraderConfig
from inference.engine.saliency import answers_with_maps, cell_affine, expected_grades, scaled_maps
from inference.engine.stacks import CaseImages
from inference.engine.training.phantom_joints import disc_stack, volume_stack
from readerstudy.phantom import SCANNERS, render_disc_axials, render_mr, sample_body
from tests.inference.engine.helpers import (
    affine,
    axial_affine,
    flipped_storage,
    mirrored_patient,
    sagittal_affine,
    stack_from_function,
    textured_points,
)
from tests.inference.models_for_tests import SHIPPED

N_GRADES = {"narrowing": 4, "cyst": 2}


def small_grader(**changes):
    torch.manual_seed(3)
    options = {"channels": (4, 8, 8), "width": 16, "lesions": {"MR-axial": 2}} | changes
    return Grader(GraderConfig(kinds=("MR-axial", "CT-axial"), n_grades=N_GRADES, **options)).eval()


def crops_of(grader, joints=3, depth=6):
    generator = torch.Generator().manual_seed(4)
    crops = {kind: torch.rand(1, joints, depth, 16, 16, generator=generator) for kind in grader.config.kinds}
    present = {kind: torch.ones(1, joints, dtype=torch.bool) for kind in crops}
    present["CT-axial"][0, 1:2] = False
    return crops, present


@pytest.mark.parametrize(
    "changes",
    [{}, {"lesions": {}}, {"attention": "case"}, {"encoder": "resnet18-3d", "widen": 0.125, "lesions": {}}],
)
def test_asking_where_changes_no_answer(changes):
    grader = small_grader(**changes)
    crops, present = crops_of(grader)
    levels = torch.tensor([0, 0, 1])
    with torch.no_grad():
        plain = grader(crops, present, levels)
    logits, maps = answers_with_maps(grader, crops, present, levels)
    for finding, value in plain.items():
        assert torch.allclose(value, logits[finding], atol=1e-6)
    for kind, own in maps.items():
        for values in own.values():
            assert values.min() >= 0
            assert values.shape[0] == 3
            assert not values[1].any() or bool(present[kind][0, 1])
    assert not any(parameter.grad is not None for parameter in grader.parameters())


def test_a_map_is_what_its_definition_says():
    """Channel weights by finite differences: what the expected grade gains when a whole channel rises."""
    grader = small_grader().double()
    crops, present = crops_of(grader, joints=1)
    crops = {kind: values.double() for kind, values in crops.items()}
    present["CT-axial"][:] = True
    _, maps = answers_with_maps(grader, crops, present, torch.tensor([0]))
    kind, finding = "MR-axial", "narrowing"
    encoder = grader.encoder(kind)
    with torch.no_grad():
        fine, deep = encoder.deep_maps(crops[kind][0])

        def grade(changed):
            tokens, there = grader.tokens(crops, present)
            tokens[0, 0, 0] = (
                encoder.pool(changed, encoder.lesion_logits(fine, changed))[0] + grader.kind_marks[0]
            )
            return float(expected_grades(grader.combine(tokens, there)[finding]).sum())

        step, weights = 1e-5, []
        for channel in range(deep.shape[2]):
            rise = torch.zeros_like(deep)
            rise[:, :, channel] = step
            n_cells = deep[0, :, channel].numel()
            weights.append((grade(deep + rise) - grade(deep - rise)) / (2 * step) / n_cells)
        wanted = (torch.tensor(weights)[None, None, :, None, None] * deep).sum(dim=2).clamp_min(0)
    np.testing.assert_allclose(maps[kind][finding], wanted.numpy(), rtol=1e-3, atol=1e-9)
    assert wanted.max() > 0


OBLIQUE = affine((0, 0.9, 2.8), (0.05, 0.66, -0.21), (0.7, -0.04, 0.02), (-45, -40, -30))
STORAGES = [{}, {"rows": True}, {"columns": True}, {"transposed": True}, {"rows": True, "transposed": True}]


@pytest.mark.parametrize("storage", STORAGES)
@pytest.mark.parametrize("lateral", [1.0, -1.0])
@pytest.mark.parametrize(
    "matrix", [axial_affine(), sagittal_affine(), OBLIQUE], ids=["axial", "sagittal", "oblique"]
)
def test_the_samples_of_a_crop_lie_where_its_affine_says(matrix, lateral, storage):
    stack = flipped_storage(stack_from_function(matrix, (24, 120, 130)), **storage)
    middle = stack.origins_mm.mean(axis=0) + 60 * stack.along_rows_mm[0] + 60 * stack.along_columns_mm[0]
    spec = CropSpec(6, 20, 24, 3.0, 1.0)
    crop = joint_crop(stack, stack.pixels, middle, lateral, spec)
    places = np.stack(np.meshgrid(*[np.arange(n) for n in spec.shape], indexing="ij"), axis=-1)
    matrix_of_crop = crop_affine(stack, middle, lateral, spec)
    wanted = textured_points(places @ matrix_of_crop[:3, :3].T + matrix_of_crop[:3, 3])
    inner = np.s_[1:-1, 2:-2, 2:-2]
    assert np.abs(crop[inner] - wanted[inner]).max() < 4.0
    assert np.corrcoef(crop[inner].ravel(), wanted[inner].ravel())[0, 1] > 0.995


def test_cells_lie_on_every_eighth_sample_and_on_the_middle_of_their_slab():
    crop = np.diag([2.0, 0.8, 0.8, 1.0])
    crop[:3, 3] = 10, 20, 30
    cells = cell_affine(crop, (18, 64, 64), (6, 8, 8), 3)
    np.testing.assert_allclose(cells @ [0, 0, 0, 1], [12, 20, 30, 1])
    np.testing.assert_allclose(cells @ [1, 2, 3, 1], [18, 20 + 16 * 0.8, 30 + 24 * 0.8, 1])


def test_the_place_of_a_cell_is_where_its_input_matters_most():
    """Cells of the shipped encoder answer to a bright spot on their own place, not half a cell beside it."""
    encoder = load_model(SHIPPED, threads=1).grader.encoder("MR-axial")
    shift = []
    with torch.no_grad():
        base = encoder.deep_maps(torch.full((1, 3, 64, 64), 0.5))[1]
        for at in (24, 28, 32, 36, 40):
            crop = torch.full((1, 3, 64, 64), 0.5)
            crop[0, :, 31:34, at - 1 : at + 2] += 0.5
            moved = (encoder.deep_maps(crop)[1] - base).abs().sum(dim=2)[0, 0].numpy()
            shift.append((moved.sum(axis=0) * np.arange(8)).sum() / moved.sum() * 8 - at)
    assert abs(np.mean(shift)) < 2.5


def test_maps_are_scaled_by_item_over_all_series():
    strong, weak = np.array([[[0.0, 2.0]]]), np.array([[[0.5, 0.0]]])
    item, other, nothing = ("a", "cyst"), ("b", "cyst"), ("c", "cyst")
    found = scaled_maps({"CT": {item: strong, other: weak, nothing: 0 * weak}, "MR": {item: weak}})
    items, values = found["CT"]
    assert items == (item, other)
    assert values[0].max() == 255
    assert values[1].max() == 255
    assert found["MR"][1][0].max() == 64
    assert scaled_maps({"CT": {nothing: 0 * weak}}) == {}


@pytest.fixture(scope="module")
def seen():
    """A body with one severe joint, seen by the shipped model, as it is and in a mirror."""
    rng = np.random.default_rng(12)
    body = sample_body(rng, grades={"L4-5-right": {"narrowing": 3, "hypertrophy": 3, "osteophytes": 3}})
    stacks = (
        disc_stack(render_disc_axials(body, "T2", scanner=SCANNERS["A"], rng=rng).values()),
        volume_stack(render_mr(body, scanner=SCANNERS["A"], rng=rng), "sagittal"),
    )
    model = load_model(SHIPPED, threads=1)
    plain = grade_case(model, CaseImages(stacks))
    asked = grade_case(model, CaseImages(stacks), saliency=True)
    mirrored = grade_case(
        model, CaseImages(tuple(mirrored_patient(stack) for stack in stacks)), saliency=True
    )
    return body, plain, asked, mirrored


def test_a_case_says_where_it_was_looked_at_only_when_asked(seen):
    _, plain, asked, _ = seen
    assert plain.heat == []
    assert plain.probabilities.keys() == asked.probabilities.keys()
    for key, row in plain.probabilities.items():
        np.testing.assert_allclose(row, asked.probabilities[key], atol=1e-6)
    (heat,) = asked.heat
    assert (heat.kind, heat.series, heat.method) == ("MR-axial", asked.series["MR-axial"], "grad-cam")
    assert set(heat.items) <= set(asked.probabilities)
    assert len(heat.items) > 5
    assert (heat.values.reshape(len(heat.items), -1).max(axis=1) == 255).all()
    # As coarse as it is: an eighth of the crop's samples, three slices.
    assert heat.values.shape[2:] == (8, 8)
    assert min(heat.cell_mm) >= 3


def test_maps_of_a_mirrored_patient_are_mirrored(seen):
    _, _, asked, mirrored = seen
    (first,), (second,) = asked.heat, mirrored.heat
    other = {item: place for place, item in enumerate(second.items)}
    compared = 0
    for place, (structure, finding) in enumerate(first.items):
        swapped = structure.replace("right", "x").replace("left", "right").replace("x", "left")
        if (swapped, finding) not in other:
            continue
        match = other[swapped, finding]
        assert np.abs(first.values[place].astype(int) - second.values[match]).max() <= 12
        wanted = np.diag([-1.0, 1.0, 1.0, 1.0]) @ first.affines[place]
        np.testing.assert_allclose(second.affines[match], wanted, atol=0.05)
        compared += 1
    assert compared > 5


def test_a_severe_joint_is_looked_at_round_the_joint(seen):
    body, _, asked, _ = seen
    (heat,) = asked.heat
    place = heat.items.index(("L4-5-right", "narrowing"))
    cells = np.stack(np.meshgrid(*[np.arange(n) for n in heat.values.shape[1:]], indexing="ij"), axis=-1)
    points = cells @ heat.affines[place, :3, :3].T + heat.affines[place, :3, 3]
    weights = heat.values[place].astype(float)
    middle = (points * weights[..., None]).sum(axis=(0, 1, 2)) / weights.sum()
    assert np.linalg.norm(middle - body.joints["L4-5-right"].centre_mm) < 15
