"""Few cases: cervical tumours of three classes from 12 patients each, honest refusals, no signal where none is."""

import numpy as np
import pytest
import torch

from inference.engine.bundle import load_model
from inference.engine.crops import CropSpec, joint_crop
from inference.engine.intensity import scale_crop
from inference.engine.small_sample import TooFewPatients, cross_validate, fit_prototypes, frozen_features
from inference.engine.stacks import ImageStack
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


@pytest.fixture(scope="module")
def tumours():
    """Features of 36 necks from the encoder that learnt on lumbar joints only."""
    labels = [kind for kind in TUMOUR_CLASSES for _ in range(12)]
    crops = np.stack([tumour_crop(kind, 100 + 2 * i) for i, kind in enumerate(labels)])
    encoder = load_model(SHIPPED, threads=1).grader.encoder("CT-axial")
    return frozen_features(encoder, torch.from_numpy(crops)), labels


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
