"""Few cases: lumbar features tell cervical tumours apart; honest refusals; no signal where there is none."""

import sys

import numpy as np
import pytest
import torch

from inference.engine.anil import Task, learn_to_learn
from inference.engine.bundle import load_model
from inference.engine.crops import CropSpec, joint_crop
from inference.engine.intensity import scale_crop
from inference.engine.small_sample import (
    TooFewPatients,
    cross_validate,
    fit_prototypes,
    frozen_features,
    run_episodes,
)
from inference.engine.stacks import ImageStack
from readerstudy.phantom import joint_crop as render_joint
from readerstudy.phantom import sample_body
from readerstudy.phantom.body.cervical import TUMOUR_CLASSES, sample_cervical_body
from readerstudy.phantom.render import AXIAL, plane_affine
from readerstudy.phantom.scene import Canvas, compose
from tests.inference.models_for_tests import SHIPPED

SPEC = CropSpec(18, 64, 64, 2.0, 0.8)


def tumour_crop(kind, seed):
    """CT of a neck round its marked tumour, as the lumbar encoder takes crops."""
    body = sample_cervical_body(np.random.default_rng(seed), tumour=kind)
    shape = (22, 72, 72)
    affine = plane_affine(body.lesions[0].centre_mm, shape, (2.0, 0.8, 0.8), AXIAL)
    image = compose(body, Canvas(shape, affine), ("CT",))[0]
    image = image + np.random.default_rng(seed + 1).normal(0, 24, shape)
    stack = ImageStack.from_affine(image.astype(np.float32), affine, modality="CT")
    crop = joint_crop(stack, stack.pixels, body.lesions[0].centre_mm, 1.0, SPEC)
    return scale_crop("CT", crop)


N_EACH = 27


@pytest.fixture(scope="module")
def encoder():
    """What the shipped model learnt on lumbar joints, and only there."""
    return load_model(SHIPPED, threads=1).grader.encoder("CT-axial")


@pytest.fixture(scope="module")
def necks(encoder):
    """Features of 27 necks of each class."""
    labels = [kind for kind in TUMOUR_CLASSES for _ in range(N_EACH)]
    crops = np.stack([tumour_crop(kind, 100 + 2 * i) for i, kind in enumerate(labels)])
    return frozen_features(encoder, torch.from_numpy(crops)), labels


@pytest.fixture(scope="module")
def tumours(necks):
    """Twelve of each class."""
    features, labels = necks
    chosen = [i for i in range(len(labels)) if i % N_EACH < 12]
    return features[chosen], [labels[i] for i in chosen]


@pytest.fixture(scope="module")
def anil(encoder):
    """A body that learnt to learn on lumbar joints: which one finding is severe in them."""
    severe = [{}, {"narrowing": 3}, {"hypertrophy": 3}, {"osteophytes": 3}, {"erosion": 2}, {"cyst": 1}]
    crops, labels = [], []
    for label, grades in enumerate(severe):
        for number in range(12):
            rng = np.random.default_rng([label, number])
            structure = ("L3-4-right", "L4-5-right")[number % 2]
            body = sample_body(rng, grades={structure: grades})
            volume = render_joint(body, structure, rng=rng, spacing_mm=(1.1, 0.6, 0.6), shape=(18, 64, 64))
            crops.append(scale_crop("CT", volume.array.astype(np.float32)))
            labels.append(label)
    features = frozen_features(encoder, torch.from_numpy(np.stack(crops)))
    return learn_to_learn([Task(features, np.array(labels))], episodes=150)


@pytest.mark.parametrize("per_class", [5, 10, 20])
@pytest.mark.parametrize("head", ["prototypes", "anil"])
def test_lumbar_features_tell_cervical_tumours_apart(necks, anil, per_class, head):
    fit = anil.fit if head == "anil" else fit_prototypes
    result = run_episodes(*necks, per_class=per_class, rng=np.random.default_rng(per_class), fit=fit)
    # docs/models.md gives these figures.
    sys.stdout.write(f"{head}, {per_class} a class: {result.mean:.3f}, lower bound {result.low:.3f}\n")
    assert len(result.macro_auc) == 20
    assert result.mean >= 0.75
    assert result.low > 0.5


@pytest.mark.parametrize("head", ["prototypes", "anil"])
def test_episodes_of_shuffled_classes_give_nothing(necks, anil, head):
    features, labels = necks
    rng = np.random.default_rng(4)
    fit = anil.fit if head == "anil" else fit_prototypes
    means = []
    for _ in range(6):
        shuffled = [labels[i] for i in rng.permutation(len(labels))]
        means.append(run_episodes(features, shuffled, per_class=10, rng=rng, fit=fit, n_episodes=4).mean)
    assert abs(np.mean(means) - 0.5) < 0.12


def test_episodes_from_too_few_are_refused(necks):
    rng = np.random.default_rng(0)
    with pytest.raises(TooFewPatients, match="4 patients of a class; 5 are the least"):
        run_episodes(*necks, per_class=4, rng=rng)
    with pytest.raises(TooFewPatients, match="leave fewer than 5 to judge by"):
        run_episodes(*necks, per_class=N_EACH - 4, rng=rng)


def test_learning_to_learn_makes_the_steps_count():
    """Tasks that differ in which of many noisy directions matters: the body finds the two that ever do."""
    rng = np.random.default_rng(3)

    def task(seed):
        own = np.random.default_rng(seed)
        labels = np.repeat([0, 1], 20)
        x = own.normal(size=(40, 60))
        x[:, own.integers(2)] += 2.0 * own.choice([-1, 1]) * (2 * labels - 1)
        return Task(x, labels)

    before = learn_to_learn([task(i) for i in range(40)], episodes=1, seed=2)
    after = learn_to_learn([task(i) for i in range(40)], episodes=300, seed=2)

    def macro(body):
        new = [task(1000 + i) for i in range(10)]
        return np.mean(
            [
                run_episodes(
                    t.features, ["ab"[k] for k in t.labels], per_class=5, rng=rng, fit=body.fit, n_episodes=4
                ).mean
                for t in new
            ]
        )

    assert macro(after) > macro(before) + 0.03
    with pytest.raises(ValueError, match="no task has two classes with 10 cases"):
        learn_to_learn([Task(np.zeros((4, 3)), np.array([0, 0, 1, 1]))])
    with pytest.raises(ValueError, match="no case of class b"):
        after.fit(np.zeros((2, 60)), ["a", "a"], ["a", "b"])


def test_tumour_classes_are_told_apart_from_twelve_patients_each(tumours):
    features, labels = tumours
    result = cross_validate(features, labels, range(36), n_repeats=20, rng=np.random.default_rng(1))
    assert result.n_patients == dict.fromkeys(sorted(TUMOUR_CLASSES), 12)
    assert len(result.macro_auc) == 20
    assert result.mean >= 0.75
    assert result.low > 0.5


def test_shuffled_classes_give_nothing(tumours):
    features, labels = tumours
    rng = np.random.default_rng(2)
    means = []
    for _ in range(8):
        shuffled = [labels[i] for i in rng.permutation(36)]
        means.append(cross_validate(features, shuffled, range(36), n_repeats=4, rng=rng).mean)
    assert abs(np.mean(means) - 0.5) < 0.12


def test_fewer_than_five_patients_are_refused(tumours):
    features, labels = tumours
    keep = [i for i, label in enumerate(labels) if label != "malignant" or i >= 32]
    with pytest.raises(TooFewPatients, match="'malignant' has 4 patients"):
        cross_validate(features[keep], [labels[i] for i in keep], keep, rng=np.random.default_rng(0))
    # Many cases of four patients are four patients.
    with pytest.raises(TooFewPatients):
        cross_validate(
            np.repeat(features[keep], 3, axis=0),
            [labels[i] for i in keep for _ in range(3)],
            [i for i in keep for _ in range(3)],
            rng=np.random.default_rng(0),
        )


def test_a_patient_of_two_classes_is_refused(tumours):
    features, labels = tumours
    with pytest.raises(ValueError, match="two classes"):
        cross_validate(features, labels, [0] * 36, rng=np.random.default_rng(0))


def test_probabilities_follow_distance():
    prototypes = fit_prototypes([[0.0], [1.0], [10.0], [11.0]], ["a", "a", "b", "b"], ["a", "b"])
    p = prototypes.probabilities([[0.5], [5.5], [10.5]])
    np.testing.assert_allclose(p.sum(axis=1), 1)
    assert p[0, 0] > 0.9
    assert p[1, 0] == pytest.approx(0.5)
    assert p[2, 1] > 0.9
    with pytest.raises(ValueError, match="no case of class c"):
        fit_prototypes([[0.0]], ["a"], ["a", "c"])
