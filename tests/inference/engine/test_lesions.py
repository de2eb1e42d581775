"""Lesions in three dimensions: exact geometry, figures counted by hand, and what must not matter does not."""

import numpy as np
import pytest
import torch

from inference.engine.bundle import LoadedDetector, load_any, load_detector, load_model, save_detector
from inference.engine.lesions import (
    FoundLesion,
    find_lesions,
    join_planes,
    keep_apart,
    lesions_of_planes,
    overlap,
)
from inference.engine.manifest import ModelRefused
from inference.engine.networks.detector import (
    UNIT_MM,
    Detector,
    DetectorConfig,
    LesionTargets,
    detector_loss,
)
from inference.engine.planes import canonical_planes
from inference.engine.specification import (
    MR_AXIAL,
    MR_SAGITTAL,
    WHOLE_SERIES,
    InputSpecification,
    OutputSchema,
    SeriesRequirement,
    fit_report,
)
from inference.engine.stacks import CaseImages
from inference.engine.train_lesions import INPUTS
from inference.engine.training.detector import (
    DetectorSettings,
    detection_figures,
    train_detector,
    window_of,
)
from inference.engine.training.phantom_lesions import TrainingPlanes
from tests.inference.engine.helpers import (
    axial_affine,
    flipped_storage,
    mirrored_patient,
    reordered,
    sagittal_affine,
    stack_from_function,
    textured_points,
)

STACKS = {
    "axial": stack_from_function(axial_affine(), (32, 128, 128), identifier="axial"),
    "sagittal": stack_from_function(sagittal_affine(), (20, 120, 120), identifier="sagittal"),
}
CONFIG = DetectorConfig(("a", "b"), {MR_SAGITTAL: 1.4, MR_AXIAL: 1.2}, (4, 8, 8, 8))


def planes_of(stack, step=1.0):
    (group,) = stack.groups
    return canonical_planes(stack, stack.pixels, group, step)


def lesion(name="a", score=0.5, centre=(0.0, 0.0, 0.0), half=(5.0, 5.0, 5.0), **more):
    return FoundLesion(name, score, centre, half, **more)


@pytest.fixture(scope="module")
def restless():
    """A detector that has learnt nothing and marks all over, so that every mark's way can be followed."""
    torch.manual_seed(4)
    detector = Detector(CONFIG).eval()
    with torch.no_grad():
        for kind in CONFIG.in_plane_mm:
            detector.of(kind).score.bias.fill_(0.5)
            detector.of(kind).score.weight.mul_(6)
    return detector


@pytest.mark.parametrize("name", STACKS)
@pytest.mark.parametrize("step", [0.9, 1.4])
def test_planes_show_the_places_that_their_affine_names(name, step):
    planes = planes_of(STACKS[name], step)
    index = np.stack(np.meshgrid(*[np.arange(n) for n in planes.values.shape], indexing="ij"), axis=-1)
    wanted = textured_points(planes.to_patient_mm(index))
    assert np.abs(planes.values - wanted)[:, 4:-4, 4:-4].max() < 3.0
    np.testing.assert_allclose(planes.to_place(planes.to_patient_mm(index[3, 5:9])), index[3, 5:9], atol=1e-9)


@pytest.mark.parametrize("name", STACKS)
def test_planes_are_canonical(name):
    axes = planes_of(STACKS[name]).affine[:3, :3]
    towards = {"axial": ([0, 0, 1], [0, 1, 0], [1, 0, 0]), "sagittal": ([1, 0, 0], [0, 0, -1], [0, 1, 0])}[
        name
    ]
    for axis, direction in enumerate(towards):
        assert axes[:, axis] @ np.array(direction) == pytest.approx(np.linalg.norm(axes[:, axis]))


@pytest.mark.parametrize("name", STACKS)
@pytest.mark.parametrize("storage", [{"rows": True}, {"columns": True}, {"transposed": True, "rows": True}])
def test_the_way_pixels_are_stored_does_not_change_planes(name, storage):
    plain, stored = planes_of(STACKS[name]), planes_of(flipped_storage(STACKS[name], **storage))
    np.testing.assert_allclose(stored.values, plain.values, atol=1e-3)
    np.testing.assert_allclose(stored.affine, plain.affine, atol=1e-9)


def found_of(detector, *stacks):
    manifest = type("M", (), {"inputs": ANYTHING, "content": {}})()
    return find_lesions(LoadedDetector(manifest, detector, 0.0), CaseImages(stacks)).lesions


#: Takes every series of these tests: the specification has its own.
ANYTHING = InputSpecification(
    {kind: SeriesRequirement(WHOLE_SERIES, 50.0, 50.0) for kind in (MR_AXIAL, MR_SAGITTAL)},
    ((MR_AXIAL,), (MR_SAGITTAL,)),
)


def assert_same_lesions(first, second):
    assert len(first) == len(second) > 3
    for a, b in zip(first, second, strict=True):
        assert a.lesion_class == b.lesion_class
        assert a.score == pytest.approx(b.score, abs=1e-4)
        np.testing.assert_allclose(a.centre_mm, b.centre_mm, atol=0.02)
        np.testing.assert_allclose(a.half_mm, b.half_mm, atol=0.02)


def test_order_of_series_and_slices_and_storage_change_no_lesion(restless):
    plain = found_of(restless, *STACKS.values())
    assert found_of(restless, *reversed(STACKS.values())) == plain
    order = np.random.default_rng(3)
    shuffled = [reordered(s, order.permutation(len(s.pixels))) for s in STACKS.values()]
    assert_same_lesions(found_of(restless, *shuffled), plain)
    turned = [flipped_storage(s, rows=True, transposed=True) for s in STACKS.values()]
    assert_same_lesions(found_of(restless, *turned), plain)


def test_a_moved_patient_has_moved_lesions(restless):
    from dataclasses import replace as changed

    shift = np.array([3.0, -7.0, 11.0])
    moved = [changed(s, origins_mm=s.origins_mm + shift) for s in STACKS.values()]
    for a, b in zip(found_of(restless, *STACKS.values()), found_of(restless, *moved), strict=True):
        np.testing.assert_allclose(np.array(b.centre_mm) - a.centre_mm, shift, atol=1e-6)


def test_a_box_comes_out_where_the_maps_say(restless):
    """Peak, offset and edges of a made-up answer, through an oblique run of slices."""
    planes = planes_of(STACKS["axial"], 1.2)

    class Says(torch.nn.Module):
        def forward(self, values):
            depth, height, width = values.shape
            scores = torch.full((2, depth, height // 2, width // 2), -9.0)
            boxes = torch.zeros(6, depth, height // 2, width // 2)
            scores[1, 6, 20, 11] = 2.0
            boxes[:3, 6, 20, 11] = torch.tensor([0.4, -0.6, 1.0]) / UNIT_MM
            boxes[3:, 6, 20, 11] = torch.log(torch.tensor([7.0, 3.0, 2.0]) / UNIT_MM)
            return scores, boxes

    detector = type("D", (), {"config": CONFIG, "of": lambda self, kind: Says()})()
    (found,) = lesions_of_planes(detector, MR_AXIAL, planes)
    assert found.lesion_class == "b"
    assert found.score == pytest.approx(1 / (1 + np.exp(-2.0)), abs=1e-6)
    # Depth grows to the head, height to the back, width to the left.
    place = planes.to_patient_mm(np.array([6, 40, 22])) + np.array([1.0, -0.6, 0.4])
    np.testing.assert_allclose(found.centre_mm, place, atol=1e-4)
    np.testing.assert_allclose(found.half_mm, (7, 3, 2), rtol=1e-5)


def test_training_windows_carry_their_lesions_along():
    """Mirrored or not, shifted or not: the bright voxel is where the target says."""
    values = np.zeros((9, 150, 130), np.uint8)
    values[6, 100, 31] = 255
    one = TrainingPlanes(
        values, np.array([1]), np.array([[6.0, 100.0, 31.0]]), np.array([[4.0, 3.0, 2.0]]), 4.0
    )
    rng = np.random.default_rng(0)
    seen = set()
    for _ in range(40):
        for kind in (MR_SAGITTAL, MR_AXIAL):
            window, lesions = window_of(one, kind, 96, rng)
            assert window.shape[1:] == (96, 96)
            if not len(lesions.places):
                continue
            bright = np.unravel_index(int(window.argmax()), window.shape)
            assert tuple(lesions.places[0].int().tolist()) == bright
            assert lesions.half_mm[0].tolist() == [4.0, 3.0, 2.0]
            seen.add((kind, bright[0] == 6))
    assert seen == {(MR_SAGITTAL, True), (MR_SAGITTAL, False), (MR_AXIAL, True)}


def test_the_loss_is_least_at_the_right_answer():
    depth, height, width = 5, 20, 20
    lesions = LesionTargets(
        torch.tensor([1]), torch.tensor([[2.0, 20.0, 14.0]]), torch.tensor([[6.0, 4.0, 3.0]])
    )
    spacing = {"depth_mm": 4.0, "in_plane_mm": 1.2}

    def answer(row=10, label=1, edges=(6.0, 4.0, 3.0)):
        scores = torch.full((2, depth, height, width), -7.0)
        scores[label, 2, row, 7] = 7.0
        cells = torch.stack(torch.meshgrid(*[torch.arange(n) for n in (depth, height, width)], indexing="ij"))
        at = torch.tensor([2 * 4.0, 20 * 1.2, 14 * 1.2])
        steps = torch.tensor([4.0, 2.4, 2.4])
        offsets = (at[:, None, None, None] - cells * steps[:, None, None, None]) / UNIT_MM
        half = torch.log(torch.tensor(edges) / UNIT_MM)[:, None, None, None].expand(3, depth, height, width)
        return float(detector_loss(scores, torch.cat([offsets, half]), lesions, **spacing))

    right = answer()
    for wrong in (answer(row=16), answer(label=0), answer(edges=(3.0, 8.0, 3.0))):
        assert wrong > right + 0.05


def test_a_detector_learns_bright_balls_and_not_dark_ones():
    """From scratch in seconds, on made-up slices: class, place and size."""
    rng = np.random.default_rng(0)

    def made_up(n):
        result = []
        for _ in range(n):
            values = rng.normal(70, 6, (5, 64, 64))
            grid = np.stack(np.meshgrid(*[np.arange(k) for k in (5, 64, 64)], indexing="ij"), axis=-1)
            classes, places, half = [], [], []
            for _ in range(3):
                place = np.array([rng.integers(1, 4), rng.integers(8, 56), rng.integers(8, 56)])
                radius, label = rng.uniform(3, 6), int(rng.integers(3))
                distance = np.linalg.norm((grid - place) * np.array([4.0, 1.2, 1.2]), axis=-1)
                values[distance < radius] = (150, 230, 20)[label]
                if label < 2:  # dark ones are no lesions
                    classes.append(label)
                    places.append(place)
                    half.append([radius] * 3)
            result.append(
                TrainingPlanes(
                    np.clip(values, 0, 255).astype(np.uint8),
                    np.array(classes, dtype=np.int64),
                    np.array(places, dtype=float).reshape(-1, 3),
                    np.array(half, dtype=float).reshape(-1, 3),
                    4.0,
                )
            )
        return result

    torch.set_num_threads(1)
    config = DetectorConfig(("grey", "white"), {MR_AXIAL: 1.2}, (8, 8, 8, 8))
    settings = DetectorSettings(epochs=12, learning_rate=5e-3, window=64)
    detector = train_detector(config, {MR_AXIAL: made_up(48)}, settings)
    from inference.engine.planes import Planes

    found, truth = [], []
    for planes in made_up(16):
        affine = np.diag([1.0, 1.0, 1.0, 1.0])
        affine[:3, :3] = np.array([[0, 0, 1.2], [0, 1.2, 0], [4.0, 0, 0]])
        shown = Planes(planes.values.astype(np.float32) / 255 * 1.5, affine)
        found.append(keep_apart(lesions_of_planes(detector, MR_AXIAL, shown)))
        truth.append(
            [
                lesion(config.classes[c], 1.0, tuple(shown.to_patient_mm(p)), tuple(h))
                for c, p, h in zip(planes.classes, planes.places, planes.half_mm, strict=True)
            ]
        )
    figures = detection_figures(found, truth, classes=config.classes)
    assert figures.sensitivity >= 0.8
    assert figures.false_marks <= 1.0


def test_training_resumes_to_the_same_weights(tmp_path):
    rng = np.random.default_rng(1)
    planes = [
        TrainingPlanes(
            rng.integers(0, 255, (4, 40, 40)).astype(np.uint8),
            np.array([0]),
            np.array([[1.0, 20.0, 20.0]]),
            np.array([[4.0, 4.0, 4.0]]),
            4.0,
        )
        for _ in range(3)
    ]
    config = DetectorConfig(("a",), {MR_AXIAL: 1.2}, (4, 4, 4, 4))
    settings = DetectorSettings(epochs=4, window=32)
    whole = train_detector(config, {MR_AXIAL: planes}, settings).state_dict()

    class Stopped(Exception):
        pass

    def stop(epoch, loss, seconds):
        if epoch == 1:
            raise Stopped

    path = tmp_path / "c.safetensors"
    with pytest.raises(Stopped):
        train_detector(config, {MR_AXIAL: planes}, settings, checkpoint=path, after_epoch=stop)
    resumed = train_detector(config, {MR_AXIAL: planes}, settings, checkpoint=path).state_dict()
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)


def test_figures_are_those_counted_by_hand():
    truth = [
        [lesion("a", centre=(0, 0, 0)), lesion("b", centre=(30, 0, 0))],
        [lesion("a", centre=(0, 0, 0))],
        [],
    ]
    found = [
        [
            lesion("a", 0.9, (1, 1, 1)),  # hit
            lesion("a", 0.8, (2, 0, 0)),  # the same lesion again: false
            lesion("a", 0.7, (30, 0, 0)),  # the wrong class: false
        ],
        [lesion("a", 0.6, (4.9, 0, 0)), lesion("a", 0.3, (90, 0, 0))],  # hit, false
        [lesion("b", 0.5, (0, 0, 0))],  # false
    ]
    figures = detection_figures(found, truth, classes=("a", "b"), false_marks_per_case=2 / 3)
    assert (figures.n_cases, figures.n_lesions) == (3, 3)
    assert figures.sensitivity == pytest.approx(2 / 3)
    assert figures.false_marks == pytest.approx(2 / 3)
    assert figures.threshold == 0.6
    assert figures.by_class == {"a": (2, 2), "b": (0, 1)}
    strict = detection_figures(found, truth, classes=("a", "b"), false_marks_per_case=0)
    assert (strict.sensitivity, strict.threshold) == (pytest.approx(1 / 3), 0.9)


def test_one_lesion_seen_twice_is_given_once():
    twice = [
        lesion(score=0.6),
        lesion(score=0.8, centre=(2.0, 0, 0)),
        lesion("b", 0.7),
        lesion(centre=(40, 0, 0)),
    ]
    assert [each.score for each in keep_apart(twice)] == [0.8, 0.7, 0.5]
    sagittal = [lesion(score=0.6, planes=(MR_SAGITTAL,)), lesion("b", 0.4, planes=(MR_SAGITTAL,))]
    axial = [lesion(score=0.2, centre=(4.0, 0, 0), planes=(MR_AXIAL,))]
    first, second = join_planes([sagittal, axial])
    assert first.planes == (MR_AXIAL, MR_SAGITTAL)
    assert first.score == pytest.approx(1 - 0.4 * 0.8)
    assert first.centre_mm == pytest.approx((1.0, 0, 0))
    assert (second.lesion_class, second.score) == ("b", 0.4)
    assert overlap(lesion(), lesion(centre=(5.0, 0, 0))) == pytest.approx(1 / 3)
    elsewhere = lesion(score=0.9, planes=(MR_AXIAL,), frame_of_reference="other")
    assert len(join_planes([sagittal, [elsewhere]])) == 3


def test_a_detector_is_a_model_version(restless, tmp_path):
    facts = {"name": "restless", "version": "1", "synthetic": True}
    manifest = save_detector(tmp_path / "m", detector=restless, facts=facts, inputs=INPUTS)
    loaded = load_any(tmp_path / "m")
    assert isinstance(loaded, LoadedDetector)
    assert loaded.golden_difference <= 1e-5
    assert manifest.outputs.lesion_classes == ("a", "b")
    assert found_of(loaded.detector, STACKS["axial"]) == found_of(restless, STACKS["axial"])
    with pytest.raises(ModelRefused, match="gives lesions, not grades"):
        load_model(tmp_path / "m")
    from tests.inference.models_for_tests import SHIPPED

    with pytest.raises(ModelRefused, match="gives grades, not lesions"):
        load_detector(SHIPPED)
    text = (tmp_path / "m" / "config.json").read_text()
    (tmp_path / "m" / "config.json").write_text(text.replace('"task": "lesions"', '"task": "anything"'))
    with pytest.raises(ModelRefused, match="names the task 'anything'"):
        load_any(tmp_path / "m")


def test_a_case_without_a_fitting_series_is_refused_with_the_reason(restless, tmp_path):
    facts = {"name": "restless", "version": "1", "synthetic": True}
    save_detector(tmp_path / "m", detector=restless, facts=facts, inputs=INPUTS)
    model = load_detector(tmp_path / "m")
    thick = stack_from_function(axial_affine((9.0, 0.7, 0.7)), (8, 128, 128))
    result = find_lesions(model, CaseImages((thick,)))
    assert "it needs sagittal MR or axial MR" in result.refusal
    assert "its slices lie 9 mm apart, the model takes 5 mm or less" in result.refusal
    assert not result.lesions


@pytest.mark.parametrize(
    ("boxes", "findings", "fits"),
    [
        ({"lesion": ("a", "b", "c")}, {}, True),
        ({"lesion": ("a",)}, {}, False),
        ({}, {}, False),
        ({"lesion": ("a", "b")}, {"cyst": 2}, False),
    ],
)
def test_it_fits_a_protocol_that_asks_for_its_boxes_and_nothing_else(boxes, findings, fits):
    schema = OutputSchema((), {}, {}, {}, ("a", "b"))
    report = fit_report(schema, structures=("L4-5",), n_grades=findings, boxes=boxes)
    assert all(line.fits for line in report) == fits
    if boxes == {"lesion": ("a", "b", "c")}:
        assert report[0].detail == "boxes of 2 classes; c it never marks"


def test_a_mirrored_patient_has_mirrored_planes():
    """Exchanged sides are exchanged places: the planes of the mirror image are the planes read backwards."""
    for name, axis in (("sagittal", 0), ("axial", 2)):
        plain, mirrored = planes_of(STACKS[name]), planes_of(mirrored_patient(STACKS[name]))
        np.testing.assert_allclose(mirrored.values, np.flip(plain.values, axis), atol=1e-3)
