"""One word per case teaches where the lesion lies; windows, places and files of such a model."""

import json

import numpy as np
import pytest
import torch

from inference.engine.bundle import load_any, load_model, load_presence, save_presence
from inference.engine.manifest import ModelRefused
from inference.engine.networks.attention import AttentionConfig, AttentionNetwork
from inference.engine.presence import find_presence, windows_of
from inference.engine.stacks import CaseImages, ImageStack
from inference.engine.training.presence import (
    WINDOW,
    PresenceSettings,
    neck_bags,
    presence_figures,
    take_encoder,
    train_presence,
    wilson,
)
from readerstudy.phantom import render_ct
from readerstudy.phantom.body.cervical import sample_cervical_body
from tests.inference.engine.helpers import axial_affine, flipped_storage, reordered, stack_from_function
from tests.inference.models_for_tests import SHIPPED

KIND = "CT-axial"
INPUTS = {
    "series": {
        KIND: {
            "crop": {"depth": 18, "height": 64, "width": 64, "depth_mm": 2.0, "in_plane_mm": 0.8},
            "max_in_plane_mm": 1.0,
            "max_slice_mm": 3.0,
            "min_slices": 9,
        }
    },
    "needs": [[KIND]],
}


@pytest.fixture(scope="module")
def grader():
    """What the shipped model learnt on lumbar joints; it has never seen a neck or a tumour."""
    torch.set_num_threads(1)
    return load_model(SHIPPED, threads=1).grader


@pytest.fixture(scope="module")
def encoder(grader):
    return grader.encoder(KIND)


@pytest.fixture(scope="module")
def config(grader):
    return AttentionConfig(KIND, channels=grader.config.channels)


@pytest.fixture(scope="module")
def network(config, encoder):
    """Learnt from 360 windows, each with the word "tumour" or "none"."""
    return train_presence(config, encoder, neck_bags(360, seed=1), PresenceSettings())


def test_the_peak_of_attention_lies_in_the_lesion_at_least_twice_as_often_as_by_area(network):
    figures = presence_figures(network, neck_bags(140, seed=2))
    assert figures.n >= 60
    assert figures.auc >= 0.65, figures
    # The intervals stay apart, with the factor of two between them.
    assert figures.hit_low > 2 * figures.share_high, figures
    # It is not only that tumours lie in vertebrae: the same peaks on other necks hit less.
    assert figures.hit_low > figures.by_place, figures


def test_equal_trainings_are_equal_bit_for_bit(config, encoder):
    bags = neck_bags(24, seed=3)
    first, second = (train_presence(config, encoder, bags, PresenceSettings(epochs=2)) for _ in range(2))
    for name, value in first.state_dict().items():
        assert torch.equal(value, second.state_dict()[name]), name
    taken = encoder.state_dict()
    for name, value in first.encoder.state_dict().items():
        # Frozen, its running statistics too; its last layer is not used.
        assert name.startswith("out.") or torch.equal(value, taken[name]), name


def test_the_answer_is_the_sum_of_what_the_tiles_add(network):
    windows = torch.from_numpy(neck_bags(4, seed=5).windows)
    with torch.no_grad():
        logits, shares = network(network.tiles(windows))
    assert shares.shape == (4, 6, 16, 16)
    assert bool((shares >= 0).all())
    assert torch.allclose(logits, network.doubt + shares.sum(dim=(1, 2, 3)), atol=1e-4)


def neck(kind, seed=31):
    """A whole neck as CT, and its body."""
    rng = np.random.default_rng(seed)
    body = sample_cervical_body(rng, tumour=kind)
    volume = render_ct(body, rng=rng, pixels=128, spacing_mm=(2.0, 1.0, 1.0))
    stack = ImageStack.from_affine(
        volume.array.astype(np.float32), volume.affine, modality="CT", identifier="neck"
    )
    return body, stack


@pytest.fixture(scope="module")
def saved(network, tmp_path_factory):
    folder = tmp_path_factory.mktemp("presence") / "m"
    facts = {"name": "weak", "version": "1", "synthetic": True}
    save_presence(folder, network=network, facts=facts, inputs=INPUTS, structure="case", finding="tumour")
    return folder


def test_a_whole_neck_gets_its_chance_and_its_map_in_millimetres(saved):
    body, stack = neck("malignant")
    result = find_presence(load_any(saved, threads=1), CaseImages((stack,)))
    assert result.refusal == ""
    low, high = result.probabilities["case", "tumour"]
    assert low + high == pytest.approx(1)
    (heat,) = result.heat
    assert heat.method == "attention"
    np.testing.assert_allclose(heat.cell_mm, (6.0, 3.2, 3.2))
    # The map spans the neck, cells where the patient is.
    ends = [heat.affines[0] @ [*place, 1] for place in ((0, 0, 0), np.array(heat.values.shape[1:]) - 1)]
    assert ends[1][2] - ends[0][2] > 100
    for vertebra in body.vertebrae[1:6]:
        assert ends[0][0] < vertebra.centre_mm[0] < ends[1][0]
        assert ends[0][2] < vertebra.centre_mm[2] < ends[1][2]


def test_storage_and_order_of_slices_change_nothing(saved):
    _, stack = neck("borderline")
    model = load_presence(saved, threads=1)
    plain = find_presence(model, CaseImages((stack,)))
    order = np.random.default_rng(0).permutation(len(stack.pixels))
    for changed in (
        flipped_storage(stack, rows=True),
        flipped_storage(stack, columns=True, transposed=True),
        reordered(stack, order),
    ):
        again = find_presence(model, CaseImages((changed,)))
        np.testing.assert_allclose(
            again.probabilities["case", "tumour"], plain.probabilities["case", "tumour"], atol=1e-4
        )
        np.testing.assert_allclose(again.heat[0].affines, plain.heat[0].affines, atol=1e-3)
        assert np.abs(again.heat[0].values.astype(int) - plain.heat[0].values).max() <= 3


def test_windows_follow_one_another_and_say_what_they_leave_out():
    short = windows_of(
        stack_from_function(axial_affine((2.0, 0.8, 0.8)), (20, 90, 90), modality="CT"), WINDOW
    )
    assert short.values.shape == (1, *WINDOW.shape)
    assert short.left_out_mm == 0
    long = windows_of(
        stack_from_function(axial_affine((2.0, 0.8, 0.8)), (200, 90, 90), modality="CT"), WINDOW
    )
    assert len(long.values) == 8
    assert long.left_out_mm == pytest.approx(400 - 8 * 36, abs=3)


def test_a_series_that_is_too_coarse_is_refused(saved):
    coarse = stack_from_function(axial_affine((2.0, 1.5, 1.5)), (40, 90, 90), modality="CT")
    result = find_presence(load_presence(saved, threads=1), CaseImages((coarse,)))
    assert result.refusal
    assert not result.probabilities
    assert not result.heat


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda c: c["outputs"].update(n_grades={"tumour": 4}), "one finding of two grades"),
        (lambda c: c["outputs"].update(structures=["a", "b"]), "one finding of two grades"),
        (lambda c: c.pop("temperature"), "incomplete"),
        (lambda c: c["network"].update(width=16), "do not fit"),
        (lambda c: c["golden"].update(chances=[0.1, 0.2]), "self-test"),
        (lambda c: c.update(task="miracles"), "names the task"),
    ],
)
def test_a_data_sheet_that_does_not_hold_is_refused(saved, tmp_path, change, words):
    folder = tmp_path / "m"
    folder.mkdir()
    for path in saved.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    content = json.loads((folder / "config.json").read_text())
    change(content)
    (folder / "config.json").write_text(json.dumps(content))
    with pytest.raises(ModelRefused, match=words):
        load_any(folder, threads=1)
    with pytest.raises(
        ModelRefused, match=r"gives presence, not grades|names the task|one finding|incomplete"
    ):
        load_model(folder)


def test_an_encoder_of_other_channels_is_not_taken(encoder):
    other = AttentionNetwork(AttentionConfig(KIND, channels=(4, 8, 8)))
    with pytest.raises(RuntimeError, match="size mismatch"):
        take_encoder(other, encoder)


def test_wilsons_interval_is_the_published_one():
    """Newcombe RG, Stat Med 1998;17:857-872, table I: 81 of 263 and 1 of 29, without continuity correction."""
    np.testing.assert_allclose(wilson(81, 263), (0.2553, 0.3662), atol=5e-5)
    np.testing.assert_allclose(wilson(1, 29), (0.0061, 0.1718), atol=5e-5)
