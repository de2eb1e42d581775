"""A network that takes CT, MR and radiographs, trained here on phantoms: any of them may be missing."""

import csv
from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
import torch
from django.core.management import call_command
from django.utils import timezone

from inference.engine.bundle import load_model, save_model
from inference.engine.crops import CropSpec
from inference.engine.facets import grade_case
from inference.engine.networks.grader import GraderConfig
from inference.engine.networks.localiser import Localiser, LocaliserConfig
from inference.engine.networks.radiograph_localiser import RadiographLocaliserConfig
from inference.engine.specification import CT_AXIAL, MR_AXIAL, XR_OBLIQUE
from inference.engine.stacks import CaseImages
from inference.engine.training.grader import TrainSettings, auc_at, predict_logits, train_grader
from inference.engine.training.phantom_joints import (
    FINDINGS,
    LESIONS,
    PROJECTIONS,
    STRUCTURES,
    JointCrops,
    disc_stack,
    make_joint_crops,
    projected,
    volume_stack,
    with_margin,
)
from inference.engine.training.radiograph_localiser import (
    LEVELS,
    make_coarse_pictures,
    train_radiograph_localiser,
)
from inference.models import InferenceRun, ModelVersion, Prediction
from inference.selectors import run_progress
from inference.services.errors import InferenceRefused
from inference.services.points import publish_points
from inference.services.registry import register_model
from inference.services.runs import start_run
from readerstudy.core.jobs import run_job
from readerstudy.core.models import Job
from readerstudy.imaging.models import Instance
from readerstudy.phantom import SCANNERS, render_ct, render_disc_axials, sample_body, write_folder
from readerstudy.phantom.radiograph import render_radiograph
from tests.inference.models_for_tests import N_GRADES, SHIPPED

SPECS = {
    CT_AXIAL: CropSpec(3, 24, 24, 2.0, 1.2),
    MR_AXIAL: CropSpec(3, 24, 24, 4.0, 1.2),
    XR_OBLIQUE: CropSpec(1, 40, 40, 1.0, 0.8),
}
CUTS = {"narrowing": 2, "hypertrophy": 2, "osteophytes": 2, "erosion": 1, "cyst": 1}
#: As the shipped facet protocols ask for them.
ASSESSABLE_ON = {
    "narrowing": ("CT", "MR"),
    "hypertrophy": ("CT", "MR", "XR"),
    "osteophytes": ("CT", "MR", "XR"),
    "erosion": ("CT", "MR"),
    "cyst": ("CT", "MR"),
}
ON_RADIOGRAPHS = {"hypertrophy", "osteophytes"}


def with_radiographs_only(joints, others):
    """Two sets as one; the patients of the first have no CT and no MR."""
    n = len(joints)
    crops = {XR_OBLIQUE: np.concatenate([joints.crops[XR_OBLIQUE], others.crops[XR_OBLIQUE]])}
    for kind in (CT_AXIAL, MR_AXIAL):
        absent = np.zeros((n, *with_margin(SPECS[kind]).shape), dtype=np.uint8)
        crops[kind] = np.concatenate([absent, others.crops[kind]])
    return JointCrops(
        {kind: crops[kind] for kind in SPECS},
        np.concatenate([joints.grades, others.grades]),
        np.concatenate([joints.lesions, others.lesions]),
        np.concatenate([joints.bodies, others.bodies + joints.bodies.max() + 1]),
        np.concatenate([joints.structures, others.structures]),
    )


@pytest.fixture(scope="module")
def held_out(tmp_path_factory):
    """Radiographs of twelve bodies that no training sees."""
    only = {XR_OBLIQUE: SPECS[XR_OBLIQUE]}
    made = make_joint_crops(tmp_path_factory.mktemp("held-out"), n_bodies=12, seed=702, specs=only)
    absent = {
        kind: np.zeros((len(made), *with_margin(spec).shape), np.uint8)
        for kind, spec in SPECS.items()
        if kind != XR_OBLIQUE
    }
    return replace(made, crops={kind: {**absent, **made.crops}[kind] for kind in SPECS})


@pytest.fixture(scope="module")
def grader(tmp_path_factory, held_out):
    """Trained on twenty-two bodies, six of which have CT and MR as well."""
    folder = tmp_path_factory.mktemp("material")
    only = {XR_OBLIQUE: SPECS[XR_OBLIQUE]}
    joints = with_radiographs_only(
        make_joint_crops(folder / "radiographs", n_bodies=16, seed=700, specs=only),
        make_joint_crops(folder / "all", n_bodies=6, seed=701, specs=SPECS),
    )
    config = GraderConfig(
        kinds=tuple(SPECS),
        n_grades=N_GRADES,
        channels=(12, 24, 48),
        width=48,
        lesions={XR_OBLIQUE: len(LESIONS)},
    )
    settings = TrainSettings(
        epochs=14,
        batch=16,
        learning_rate=3e-3,
        drop_share=0.15,
        finding_weights={"osteophytes": 4.0, "narrowing": 0.5, "erosion": 0.5, "cyst": 0.5},
    )
    # The held-out bodies only give the record's figures: no epoch is chosen by them.
    return train_grader(config, SPECS, FINDINGS, joints, held_out, settings, cuts=CUTS).model


@pytest.fixture(scope="module")
def folder(tmp_path_factory, grader):
    """The trained network as a model version that takes any of the three."""
    config = RadiographLocaliserConfig(("oblique",), LEVELS, shape=(80, 64))
    pictures = make_coarse_pictures(config, n_bodies=16, seed=703)
    finder = train_radiograph_localiser(config, pictures, epochs=45)
    limits = {
        CT_AXIAL: {"max_in_plane_mm": 1.2, "max_slice_mm": 2.5, "min_slices": 12},
        MR_AXIAL: {"max_in_plane_mm": 1.0, "max_slice_mm": 5.0, "min_slices": 3},
        XR_OBLIQUE: {"max_in_plane_mm": 0.6},
    }
    out = tmp_path_factory.mktemp("model")
    torch.manual_seed(4)
    save_model(
        out,
        grader=grader,
        localiser=Localiser(LocaliserConfig(STRUCTURES, shape=(24, 24, 40), voxel_mm=6.0, channels=4)),
        facts={"name": "three-kinds", "version": "1", "synthetic": True},
        inputs={
            "series": {
                kind: {"crop": {k: getattr(spec, k) for k in spec.__dataclass_fields__}, **limits[kind]}
                for kind, spec in SPECS.items()
            },
            "needs": [[kind] for kind in SPECS],
        },
        outputs={"structures": list(STRUCTURES), "n_grades": N_GRADES},
        temperatures=dict.fromkeys(N_GRADES, 1.0),
        radiograph_localiser=finder,
    )
    return out


@pytest.fixture(scope="module")
def model(folder):
    return load_model(folder, threads=1)


@pytest.fixture(scope="module")
def whole():
    """An unseen body in CT, MR and both obliques, with the places of its joints."""
    body, rng, scanner = sample_body(np.random.default_rng(704)), np.random.default_rng(705), SCANNERS["A"]
    ct = render_ct(body, scanner=scanner, rng=rng, spacing_mm=(2.0, 1.0, 1.0), pixels=160)
    mr = render_disc_axials(body, "T2", scanner=scanner, rng=rng)
    points = {name: joint.centre_mm for name, joint in body.joints.items()}
    pictures, pixels = [], {}
    for side, view in PROJECTIONS[XR_OBLIQUE].items():
        picture = render_radiograph(body, view, scanner=scanner, rng=rng)
        pictures.append(projected(picture, XR_OBLIQUE, view))
        pixels[view] = {name: picture.pixel_of(p) for name, p in points.items() if name.endswith(side)}
    return CaseImages(
        (volume_stack(ct, "ct"), disc_stack(mr.values())), {"": points}, tuple(pictures), pixels
    )


def with_lower_bound(logits, joints, number, cut):
    """Area under the curve and its lower bound of 95 % over resampled bodies."""
    rng, grades = np.random.default_rng(0), joints.grades[:, number]
    groups = [np.flatnonzero(joints.bodies == body) for body in np.unique(joints.bodies)]
    draws = []
    for _ in range(300):
        chosen = np.concatenate([groups[i] for i in rng.integers(0, len(groups), len(groups))])
        draws.append(auc_at(logits[torch.from_numpy(chosen)], grades[chosen], cut))
    return auc_at(logits, grades, cut), float(np.nanpercentile(draws, 2.5))


def part_of(case, modalities):
    return replace(
        case,
        stacks=tuple(stack for stack in case.stacks if stack.modality in modalities),
        radiographs=case.radiographs if "XR" in modalities else (),
    )


SUBSETS = [chosen for n in (1, 2, 3) for chosen in combinations(("CT", "MR", "XR"), n)]


def test_osteophytes_are_learnt_from_radiographs_alone(grader, held_out):
    logits = predict_logits(grader, SPECS, held_out)
    auc, low = {}, {}
    for number, finding in enumerate(FINDINGS):
        auc[finding], low[finding] = with_lower_bound(logits[finding], held_out, number, CUTS[finding])
    # 0.9 is usual, and 0.5 is chance.
    assert auc["osteophytes"] > 0.7
    assert low["osteophytes"] > 0.55
    # Nothing of a joint's surfaces is drawn on a radiograph, and nothing is learnt from one.
    for finding in ("narrowing", "erosion", "cyst"):
        assert low[finding] < 0.6, finding


@pytest.mark.parametrize("kinds", SUBSETS, ids="+".join)
def test_any_of_the_three_may_be_missing(model, whole, kinds):
    case = part_of(whole, kinds)
    result = grade_case(model, case, assessable_on=ASSESSABLE_ON)
    assert not result.refusal
    assert not result.left_out
    assert {kind.split("-")[0] for kind in result.series} == set(kinds)
    given = set(N_GRADES) if set(kinds) != {"XR"} else ON_RADIOGRAPHS
    assert result.probabilities.keys() == {(s, f) for s in STRUCTURES for f in given}
    for row in result.probabilities.values():
        assert sum(row) == pytest.approx(1, abs=1e-6)
    unasked = "is not given from X-ray alone: the protocol does not assess it there."
    assert {note for note in result.notes if "X-ray" in note} == {
        f"{finding} {unasked}" for finding in N_GRADES.keys() - given
    }


@pytest.mark.parametrize("kinds", [("XR",), ("CT", "XR")], ids="+".join)
def test_what_must_not_matter_on_radiographs_does_not(model, whole, kinds):
    case = part_of(whole, kinds)
    first = grade_case(model, case).probabilities
    backwards = replace(case, stacks=case.stacks[::-1], radiographs=case.radiographs[::-1])
    assert grade_case(model, backwards).probabilities == first
    useless = replace(case.radiographs[0], identifier="a", spacing_mm=())
    crowded = grade_case(model, replace(case, radiographs=(useless, *case.radiographs)))
    assert crowded.probabilities == first
    assert "Oblique X-ray: its file does not say how many millimetres a pixel is." in crowded.notes


def test_a_patient_in_the_mirror_swaps_sides_on_radiographs(model, whole):
    case = part_of(whole, ("XR",))
    other = {"R": "L", "L": "R"}
    pictures = tuple(
        replace(
            each,
            columns_to="".join(other.get(letter, letter) for letter in each.columns_to),
            oblique=f"{other[each.oblique[0]]}{each.oblique[1:]}",
        )
        for each in case.radiographs
    )
    swap = {"right": "left", "left": "right"}

    def partner(name):
        level, side = name.rsplit("-", 1)
        return f"{level}-{swap[side]}"

    places = {p: {partner(n): at for n, at in own.items()} for p, own in case.points_px.items()}
    mirrored = grade_case(model, replace(case, radiographs=pictures, points_px=places)).probabilities
    first = grade_case(model, case).probabilities
    for (structure, finding), row in first.items():
        assert mirrored[partner(structure), finding] == pytest.approx(row, abs=1e-5)


def test_joints_without_a_place_on_the_radiograph_are_left_out(model, whole):
    case = part_of(whole, ("XR",))
    blind = replace(model, radiograph_localiser=None)
    known = {view: {n: at for n, at in own.items() if "L4-5" in n} for view, own in case.points_px.items()}
    result = grade_case(blind, replace(case, points_px=known))
    assert {structure for structure, _ in result.probabilities} == {"L4-5-right", "L4-5-left"}
    assert set(result.left_out.values()) == {"its place was not found with enough certainty"}
    assert result.input_points == "corrected"


@pytest.mark.django_db
def test_a_run_over_a_study_with_radiographs_uses_them(study, data_root, folder, tmp_path):
    write_folder(tmp_path / "x", cases=1, seed=706, centres=("A",), modalities=("XR",))
    call_command("import_dicom", "facets", str(tmp_path / "x"), laterality="established")
    call_command("screen_cases", "facets", include_all=True, numbering="5")
    version = register_model(folder=folder, actor=None, at=timezone.now())
    ModelVersion.objects.filter(pk=version.pk).update(state=ModelVersion.State.VALIDATED)
    version.refresh_from_db()
    study_run = start_run(study=study, model=version, actor=None, at=timezone.now())
    (run,) = study_run.runs.all()
    assert run_job(Job.objects.get(public_id=run.job_id).pk).state == Job.State.DONE
    run.refresh_from_db()
    assert run.state in {InferenceRun.State.DONE, InferenceRun.State.IN_PART}
    assert set(run.series_used) == {XR_OBLIQUE}
    assert run.input_points == "automatic"
    given = Prediction.objects.filter(run=run)
    assert set(given.values_list("finding", flat=True)) == ON_RADIOGRAPHS
    assert any(note.startswith("narrowing is not given from X-ray alone") for note in run.notes)

    # The places that were sure enough to be graded are those of the phantom.
    truth = {}
    (table,) = (tmp_path / "x").rglob("radiograph_joints.csv")
    with table.open(encoding="utf-8") as stream:
        for row in csv.DictReader(stream):
            truth[row["view"], row["structure"]] = float(row["row_px"]), float(row["column_px"])
    graded = set(given.values_list("structure", flat=True))
    errors = []
    for picture, places in run.pixels.items():
        assert Instance.objects.filter(blinded_uid=picture).exists()
        for structure, (row, column, _sure, source) in places.items():
            assert source == "automatic"
            view = PROJECTIONS[XR_OBLIQUE][structure.rsplit("-", 1)[1]]
            if structure in graded:
                errors.append(np.hypot(*np.subtract((row, column), truth[view, structure])) * 0.4)
    assert np.median(errors) < 8.0

    progress = run_progress(study_run)
    assert progress.places_case == run.case.pseudonym
    # Places on a picture are none in the patient: they move no viewport.
    with pytest.raises(InferenceRefused, match="no point to publish"):
        publish_points(study_run=study_run, points=None, actor=None, at=timezone.now())


def test_the_shipped_model_refuses_radiographs_in_words(whole):
    result = grade_case(load_model(SHIPPED, threads=1), part_of(whole, ("XR",)))
    assert result.refusal == (
        "Outside the model's input specification: it needs axial CT or axial MR. X-ray: the model takes none."
    )
