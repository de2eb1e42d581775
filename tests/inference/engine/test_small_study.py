"""Few patients of a study: only heads are fitted, honestly judged, and what comes out is an ordinary model."""

import numpy as np
import pytest
import torch

from inference.engine.bundle import load_model
from inference.engine.networks.ordinal import corn_probabilities
from inference.engine.specification import CT_AXIAL, MR_AXIAL
from inference.engine.training.grader import auc_at, predict_logits
from inference.engine.training.phantom_joints import (
    FINDINGS,
    MARGIN_DEPTH,
    MARGIN_IN_PLANE,
    JointCrops,
    make_joint_crops,
)
from inference.engine.training.small_study import fit_head, folds_of, train_small_sample
from inference.engine.training.study import Scale, TrainingRefused
from inference.engine.training_plan import PlanRefused, TrainingPlan
from tests.inference.models_for_tests import SHIPPED

#: Findings that the shipped model does not have: fresh heads on transferred features.
SCALES = (Scale("tight", 2, 1), Scale("bony", 3, 2))
FACTS = {
    "synthetic": True,
    "material": {
        "study": "s",
        "protocol_digest": "p",
        "training_set": 1,
        "training_set_digest": "d",
        "train_patients": 6,
        "validation_patients": 2,
        "test_patients": 1,
        "left_out": {},
    },
}


def plan(**changes):
    given = {"name": "few", "version": "1", "start_from": "facet-demo", "mode": "small-sample", "repeats": 3}
    return TrainingPlan.from_json({**given, **changes})


@pytest.fixture(scope="module")
def base():
    return load_model(SHIPPED, threads=1)


@pytest.fixture(scope="module")
def joints(base, tmp_path_factory):
    """Eight bodies' joints, CT only, graded as a study with other scales would."""
    specs = {kind: each.crop for kind, each in base.manifest.inputs.requirements.items()}
    made = make_joint_crops(
        tmp_path_factory.mktemp("few"), n_bodies=8, seed=4711, specs={CT_AXIAL: specs[CT_AXIAL]}
    )
    mr = specs[MR_AXIAL].grown(MARGIN_DEPTH, MARGIN_IN_PLANE)
    narrowing = made.grades[:, FINDINGS.index("narrowing")]
    hypertrophy = made.grades[:, FINDINGS.index("hypertrophy")]
    crops = {CT_AXIAL: np.array(made.crops[CT_AXIAL]), MR_AXIAL: np.zeros((80, *mr.shape), np.uint8)}
    grades = np.stack([(narrowing >= 2).astype(int), np.minimum(hypertrophy, 2)], axis=1)
    grades[::17, 0] = -1
    return JointCrops(crops, grades, made.lesions, made.bodies, made.structures)


@pytest.mark.parametrize("head", ["prototypes", "anil"])
def test_heads_on_frozen_features_make_a_model(base, joints, tmp_path, head):
    manifest = train_small_sample(plan(head=head), base, SCALES, joints, facts=FACTS, out=tmp_path / "m")
    model = load_model(tmp_path / "m")
    before, after = base.grader.state_dict(), model.grader.state_dict()
    kept = [name for name in after if not name.startswith("heads.")]
    assert kept
    assert all(torch.equal(before[name], after[name]) for name in kept)
    figures = manifest.content["small_sample"]
    assert set(figures) == {"tight", "bony"}
    for row in figures.values():
        assert row["auc_low"] <= row["auc"] <= row["auc_high"]
        assert row["repeats"] == 3
        assert min(row["patients_below"], row["patients_above"]) >= 5
    assert figures["tight"]["n"] == int((joints.grades[:, 0] >= 0).sum())
    # Patients that the heads did not see, by features of a lumbar model: far above chance.
    assert figures["tight"]["auc"] > 0.9
    assert figures["bony"]["auc"] > 0.8
    specs = {kind: each.crop for kind, each in base.manifest.inputs.requirements.items()}
    logits = predict_logits(model.grader, specs, joints)
    assert auc_at(logits["bony"], joints.grades[:, 1], 2) > 0.8
    assert manifest.outputs.seen_on["tight"] == (CT_AXIAL,)
    card = (tmp_path / "m" / "MODEL_CARD.md").read_text()
    assert "Few patients" in card
    assert f"({figures['tight']['auc_low']:.3f} to {figures['tight']['auc_high']:.3f})" in card


def test_grades_without_an_image_of_them_are_not_learnt(base, joints, tmp_path):
    """Shuffled grades: cross-validation does not see what is not there."""
    rng = np.random.default_rng(1)
    shuffled = JointCrops(
        joints.crops,
        joints.grades[rng.permutation(len(joints))],
        joints.lesions,
        joints.bodies,
        joints.structures,
    )
    manifest = train_small_sample(plan(), base, SCALES, shuffled, facts=FACTS, out=tmp_path / "m")
    for row in manifest.content["small_sample"].values():
        assert abs(row["auc"] - 0.5) < 0.17


def test_fewer_than_five_patients_of_a_class_are_refused_by_name(base, joints, tmp_path):
    grades = joints.grades.copy()
    grades[joints.bodies >= 4, 0] = 0
    few = JointCrops(joints.crops, grades, joints.lesions, joints.bodies, joints.structures)
    with pytest.raises(TrainingRefused, match=r"tight \(8 patients below its cut, [1-4] at or above\)"):
        train_small_sample(plan(), base, SCALES, few, facts=FACTS, out=tmp_path / "m")
    assert not (tmp_path / "m").exists()


def test_patients_stay_whole_and_classes_are_dealt_out_evenly():
    positive = {p: p < 10 for p in range(30)}
    folds = folds_of(positive, np.random.default_rng(0))
    assert folds.keys() == positive.keys()
    for fold in range(5):
        assert sum(folds[p] == fold and positive[p] for p in positive) == 2
        assert sum(folds[p] == fold and not positive[p] for p in positive) == 4


def test_a_step_without_patients_takes_the_share_and_no_feature():
    rng = np.random.default_rng(0)
    x, grades, patients = rng.normal(size=(40, 6)), np.repeat([0, 1], 20), np.arange(40) % 20
    grades[:2] = 2
    patients[:2] = 0
    head = fit_head(x, grades, patients, 3)
    assert np.any(head.weights[0])
    assert not np.any(head.weights[1])
    passed = (grades[grades >= 1] > 1).mean()
    p = corn_probabilities(head.logits(x[:1]))[0]
    assert float(p[2] / (p[1] + p[2])) == pytest.approx(passed, abs=0.03)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"mode": "tiny"}, "network or small-sample"),
        ({"head": "forest"}, "prototypes or anil"),
        ({"repeats": 1}, "from 2 to 200"),
        ({"fine_tune": False}, "set fine_tune: true"),
    ],
)
def test_plans_that_cannot_be_are_refused(changes, words):
    with pytest.raises(PlanRefused, match=words):
        plan(**changes)
