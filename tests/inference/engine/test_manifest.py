"""What may be a model: safetensors and JSON. What could run code is refused, and nothing of it runs."""

import io
import json
import os
import pickle  # noqa: TID251  (to make the hostile files)
import struct
import zipfile

import numpy as np
import pytest
import torch

from inference.engine.bundle import load_model, save_model
from inference.engine.manifest import ModelRefused, canonical_digest, read_manifest
from inference.engine.networks.grader import Grader, GraderConfig
from inference.engine.networks.localiser import Localiser, LocaliserConfig

STRUCTURES = tuple(f"{level}-{side}" for level in ("L4-5", "L5-S1") for side in ("right", "left"))


def tiny_model(folder, *, version="1"):
    torch.manual_seed(5)
    crop = {"depth": 3, "height": 16, "width": 16, "depth_mm": 2.0, "in_plane_mm": 1.0}
    grader = Grader(
        GraderConfig(kinds=("CT-axial",), n_grades={"narrowing": 4, "cyst": 2}, channels=(4, 8), width=16)
    )
    localiser = Localiser(LocaliserConfig(STRUCTURES, shape=(16, 16, 24), channels=4))
    return save_model(
        folder,
        grader=grader,
        localiser=localiser,
        facts={"name": "tiny", "version": version, "synthetic": True},
        inputs={
            "series": {
                "CT-axial": {"crop": crop, "max_in_plane_mm": 1.0, "max_slice_mm": 2.0, "min_slices": 4}
            },
            "needs": [["CT-axial"]],
        },
        outputs={"structures": list(STRUCTURES), "n_grades": {"narrowing": 4, "cyst": 2}},
        temperatures={"narrowing": 1.3, "cyst": 0.9},
    )


@pytest.fixture
def model_folder(tmp_path):
    folder = tmp_path / "model"
    tiny_model(folder)
    return folder


class Bomb:
    def __init__(self, marker):
        self.marker = marker

    def __reduce__(self):
        return (os.mkdir, (str(self.marker),))


def hostile_bytes(kind, marker):
    if kind == "pickle":
        return pickle.dumps(Bomb(marker))
    if kind == "joblib":
        import joblib

        stream = io.BytesIO()
        joblib.dump(Bomb(marker), stream, compress=3)
        return stream.getvalue()
    if kind == "pt":
        stream = io.BytesIO()
        torch.save({"state": Bomb(marker)}, stream)
        return stream.getvalue()
    if kind == "torchscript":
        stream = io.BytesIO()
        torch.jit.save(torch.jit.script(torch.nn.Linear(2, 2)), stream)
        return stream.getvalue()
    stream = io.BytesIO()  # .pt2: a zip archive with pickles in it
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("archive_format", "pt2")
        archive.writestr("data/weights/bomb.pkl", pickle.dumps(Bomb(marker)))
    return stream.getvalue()


@pytest.mark.parametrize("kind", ["pickle", "pt", "pt2", "torchscript", "joblib"])
@pytest.mark.parametrize("name", ["weights.safetensors", "extra.bin"])
def test_files_that_can_carry_code_are_refused_and_not_run(model_folder, tmp_path, kind, name):
    marker = tmp_path / "code-was-run"
    (model_folder / name).write_bytes(hostile_bytes(kind, marker))
    with pytest.raises(ModelRefused):
        load_model(model_folder)
    assert not marker.exists()


def test_the_hostile_pickle_would_have_run(tmp_path):
    """The bomb of the test above is live: opened the careless way, it runs."""
    marker = tmp_path / "code-was-run"
    pickle.loads(hostile_bytes("pickle", marker))  # noqa: S301
    assert marker.exists()


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda b: b[:4], "too short"),
        (lambda b: struct.pack("<Q", 1 << 40) + b[8:], "header does not fit"),
        (lambda b: b[:-4], "not well-formed"),
        (lambda b: b + b"\0" * 8, "left over"),
        (lambda b: b[:-1] + bytes([b[-1] ^ 1]), "SHA-256 differs"),
    ],
)
def test_damaged_weights_are_refused_in_words(model_folder, damage, words):
    path = model_folder / "weights.safetensors"
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(ModelRefused, match=words):
        read_manifest(model_folder)


@pytest.mark.parametrize(
    "key", ["format", "preprocessing", "files", "inputs", "outputs", "network", "golden", "name"]
)
def test_an_incomplete_manifest_is_refused(model_folder, key):
    path = model_folder / "config.json"
    content = json.loads(path.read_text())
    del content[key]
    path.write_text(json.dumps(content))
    with pytest.raises(ModelRefused):
        read_manifest(model_folder)


def test_a_link_out_of_the_folder_is_refused(model_folder):
    (model_folder / "MODEL_CARD.md").symlink_to("/etc/hostname")
    with pytest.raises(ModelRefused, match="does not belong"):
        read_manifest(model_folder)


def test_the_digest_is_of_the_content_not_of_the_white_space(model_folder):
    first = read_manifest(model_folder).digest
    path = model_folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text())))
    assert read_manifest(model_folder).digest == first
    content = json.loads(path.read_text())
    content["temperatures"]["cyst"] = 0.91
    assert canonical_digest(content) != first


def test_the_golden_self_test_passes_as_made_and_fails_when_an_answer_changed(model_folder):
    assert load_model(model_folder).golden_difference <= 1e-5
    path = model_folder / "config.json"
    content = json.loads(path.read_text())
    content["golden"]["probabilities"]["cyst"][0][0] += 0.01
    path.write_text(json.dumps(content))
    with pytest.raises(ModelRefused, match="golden self-test"):
        load_model(model_folder)


def test_weights_of_another_network_are_refused(model_folder):
    path = model_folder / "config.json"
    content = json.loads(path.read_text())
    content["network"]["width"] = 32
    path.write_text(json.dumps(content))
    with pytest.raises(ModelRefused, match="do not fit the network"):
        load_model(model_folder)


def test_missing_series_do_not_change_what_the_others_say():
    torch.manual_seed(2)
    config = GraderConfig(kinds=("CT-axial", "MR-axial"), n_grades={"cyst": 2}, channels=(4, 8), width=16)
    grader = Grader(config).eval()
    crops = {kind: torch.randn(1, 4, 6, 16, 16) for kind in config.kinds}
    there = torch.ones(1, 4, dtype=torch.bool)
    both = grader(crops, {"CT-axial": there, "MR-axial": there})["cyst"]
    alone = grader(crops, {"CT-axial": there, "MR-axial": ~there})["cyst"]
    noise = {**crops, "MR-axial": torch.full_like(crops["MR-axial"], float("nan"))}
    masked = grader(noise, {"CT-axial": there, "MR-axial": ~there})["cyst"]
    assert torch.equal(alone, masked)
    assert np.abs((both - alone).detach().numpy()).max() > 1e-4
