"""Training: the same twice, the same after a stop, early stopping, no leakage, lesions at their places."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from inference.engine.calibration import fit_temperatures
from inference.engine.crops import CropSpec
from inference.engine.networks.grader import GraderConfig
from inference.engine.networks.ordinal import corn_probabilities
from inference.engine.training.augment import drop_series
from inference.engine.training.evaluation import co_occurrence_auc
from inference.engine.training.grader import (
    TrainSettings,
    auc_at,
    check_leakage,
    predict_logits,
    train_grader,
)
from inference.engine.training.lesion_maps import lesion_loss, lesion_targets
from inference.engine.training.phantom_joints import (
    LESIONS,
    MARGIN_DEPTH,
    MARGIN_IN_PLANE,
    MAX_LESIONS,
    JointCrops,
    joint_lesions,
)
from readerstudy.phantom import sample_body

SPECS = {"CT-axial": CropSpec(3, 16, 16, 2.0, 1.0), "MR-axial": CropSpec(3, 16, 16, 3.0, 1.0)}
CONFIG = GraderConfig(
    kinds=tuple(SPECS),
    n_grades={"narrowing": 3},
    channels=(4, 8, 8),
    width=16,
    lesions={"CT-axial": len(LESIONS)},
)
SETTINGS = TrainSettings(epochs=4, batch=8, learning_rate=5e-3, seed=3)


def made_up_joints(n, seed):
    """Noise with a bright bar whose width is the grade."""
    rng = np.random.default_rng(seed)
    grades = rng.integers(0, 3, (n, 1))
    crops = {}
    for kind, spec in SPECS.items():
        shape = spec.grown(MARGIN_DEPTH, MARGIN_IN_PLANE).shape
        values = rng.integers(60, 100, (n, *shape))
        for i in range(n):
            values[i, :, 10 : 12 + 4 * grades[i, 0]] += 100
        crops[kind] = values.astype(np.uint8)
    lesions = np.full((n, MAX_LESIONS, 5), -1, dtype=np.float32)
    return JointCrops(crops, grades, lesions, np.arange(n), np.zeros(n, dtype=int))


TRAIN, VALIDATION = made_up_joints(48, 1), made_up_joints(32, 2)


def trained(settings=SETTINGS, **more):
    return train_grader(
        CONFIG, SPECS, ("narrowing",), TRAIN, VALIDATION, settings, cuts={"narrowing": 1}, **more
    )


def same_weights(first, second):
    a, b = first.model.state_dict(), second.model.state_dict()
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


@pytest.fixture(scope="module")
def four_epochs():
    return trained()


def test_two_equal_trainings_give_bit_equal_weights(four_epochs):
    assert same_weights(trained(), four_epochs)
    assert not same_weights(trained(replace(SETTINGS, seed=4)), four_epochs)


def test_four_epochs_equal_two_and_two_after_a_stop(four_epochs, tmp_path):
    class Stopped(Exception):
        pass

    def stop_after_two(record):
        if record.epoch == 1:
            raise Stopped

    with pytest.raises(Stopped):
        trained(checkpoint=tmp_path / "c.safetensors", after_epoch=stop_after_two)
    resumed = trained(checkpoint=tmp_path / "c.safetensors")
    assert same_weights(resumed, four_epochs)
    assert [r.validation_loss for r in resumed.epochs] == [r.validation_loss for r in four_epochs.epochs]


def test_it_learns():
    result = trained(replace(SETTINGS, epochs=12))
    assert result.epochs[-1].auc["narrowing"] > 0.95
    assert result.epochs[-1].validation_loss < 0.7 * result.epochs[0].validation_loss


def test_early_stopping_keeps_the_best_epoch(tmp_path):
    hasty = replace(SETTINGS, epochs=30, learning_rate=0.05, patience=2)
    stopped = trained(hasty, checkpoint=tmp_path / "c.safetensors")
    losses = [record.validation_loss for record in stopped.epochs]
    assert stopped.best_epoch == int(np.argmin(losses))
    assert len(losses) <= stopped.best_epoch + 3
    logits = predict_logits(stopped.model, SPECS, VALIDATION)["narrowing"]
    assert auc_at(logits, VALIDATION.grades[:, 0], 1) == pytest.approx(
        stopped.epochs[stopped.best_epoch].auc["narrowing"]
    )
    again = trained(hasty, checkpoint=tmp_path / "c.safetensors")
    assert same_weights(again, stopped)


def test_an_image_in_both_sets_is_refused():
    both = JointCrops(
        {kind: np.concatenate([VALIDATION.crops[kind], TRAIN.crops[kind][:1]]) for kind in SPECS},
        np.concatenate([VALIDATION.grades, TRAIN.grades[:1]]),
        np.concatenate([VALIDATION.lesions, TRAIN.lesions[:1]]),
        np.arange(33),
        np.zeros(33, dtype=int),
    )
    check_leakage(TRAIN, VALIDATION)
    with pytest.raises(ValueError, match="1 images are in both"):
        check_leakage(TRAIN, both)


def test_withholding_series_never_takes_the_last():
    generator = torch.Generator().manual_seed(0)
    there = {"a": torch.ones(500, dtype=torch.bool), "b": torch.arange(500) % 2 == 0}
    kept = drop_series(there, 0.9, generator)
    assert bool((kept["a"] | kept["b"]).all())
    assert not bool((kept["b"] & ~there["b"]).any())
    assert bool((~kept["a"]).any())


def test_temperature_repairs_overconfidence():
    generator = torch.Generator().manual_seed(1)
    honest = torch.randn(4000, 1, generator=generator, dtype=torch.float64) * 1.5
    grades = (torch.rand(4000, generator=generator) < torch.sigmoid(honest[:, 0])).long()
    fitted = fit_temperatures({"cyst": honest * 3}, {"cyst": grades})
    assert fitted["cyst"] == pytest.approx(3.0, rel=0.1)
    assert corn_probabilities(honest).shape == (4000, 2)


def test_lesion_targets_lie_at_the_lesions():
    spec = CropSpec(18, 64, 64, 1.1, 0.6)
    table = torch.full((1, MAX_LESIONS, 5), -1.0)
    table[0, 0] = torch.tensor([5.0, 1.0, 2.75, -7.0, 11.0])  # a cyst 2.75 mm up, 7 in front, 11 outside
    centred = torch.tensor([[MARGIN_DEPTH, MARGIN_IN_PLANE, MARGIN_IN_PLANE]])
    target = lesion_targets(table, centred, spec, (16, 16))
    assert target.shape == (1, 6, len(LESIONS), 16, 16)
    slab, channel, row, column = np.unravel_index(int(target[0].argmax()), target[0].shape)
    assert (channel, LESIONS[channel]) == (5, "cyst-1")
    # Slabs of 3.3 mm, cells of 2.4 mm, counted from the crop's edge.
    assert slab == int((2.75 + 9.9) / 3.3)
    assert row == int((-7.0 + 19.2) / 2.4)
    assert column == int((11.0 + 19.2) / 2.4)
    moved = lesion_targets(table, centred + torch.tensor([[0, 4, 0]]), spec, (16, 16))
    assert np.unravel_index(int(moved[0].argmax()), moved[0].shape)[2] == row - 1
    assert float(target[:, :, :5].max()) == 0


def test_lesion_loss_prefers_the_right_place():
    target = torch.zeros(1, 2, 1, 4, 4)
    target[0, 1, 0, 2, 2] = 1
    right, wrong = torch.full_like(target, -4), torch.full_like(target, -4)
    right[0, 1, 0, 2, 2] = 4
    wrong[0, 0, 0, 1, 1] = 4
    assert float(lesion_loss(right, target)) < 0.1 * float(lesion_loss(wrong, target))


def test_a_phantoms_lesions_mirror_with_its_joint():
    """The table is in the joint's own directions: away from the midline is positive on both sides."""
    body = sample_body(
        np.random.default_rng(4),
        grades={name: {"osteophytes": 3, "erosion": 2, "cyst": 1} for name in ("L4-5-right", "L4-5-left")},
    )
    for name in ("L4-5-right", "L4-5-left"):
        table = joint_lesions(body.joints[name])
        used = table[table[:, 0] >= 0]
        assert {0.0, 3.0, 5.0} == set(used[:, 0])
        assert np.abs(used[:, 2:]).max() < 24
        front = used[(used[:, 0] == 0) & (used[:, 3] < -5)]
        assert len(front)


def test_co_occurrence_sees_shared_severity_and_nothing_where_there_is_none():
    rng = np.random.default_rng(0)
    severity = rng.normal(size=(1500, 1))
    shared = np.clip(np.round(severity + 0.5 * rng.normal(size=(1500, 3)) + 1), 0, 3).astype(int)
    alone = rng.integers(0, 4, (1500, 3))
    groups = np.repeat(np.arange(150), 10)
    assert co_occurrence_auc(shared, groups, 0, 2) > 0.8
    assert abs(co_occurrence_auc(alone, groups, 0, 2) - 0.5) < 0.06


def test_balanced_grades_give_rare_ones_more_say():
    """Nine of ten joints have grade 0 and nothing in the image tells: a balanced training is less sure of 0."""
    joints = made_up_joints(80, 5)
    grades = np.zeros_like(joints.grades)
    grades[::10] = 2
    train = replace(joints, grades=grades, crops={k: np.full_like(v, 90) for k, v in joints.crops.items()})
    validation = replace(made_up_joints(20, 6), grades=grades[:20])
    plain, balanced = (
        corn_probabilities(
            predict_logits(
                train_grader(
                    CONFIG,
                    SPECS,
                    ("narrowing",),
                    train,
                    validation,
                    replace(SETTINGS, balance_grades=balance),
                    cuts={"narrowing": 1},
                ).model,
                SPECS,
                train,
            )["narrowing"]
        )[:, 1:].sum(dim=1)
        for balance in (False, True)
    )
    assert float(plain.mean()) < 0.25
    assert float(balanced.mean()) > 1.3 * float(plain.mean())
