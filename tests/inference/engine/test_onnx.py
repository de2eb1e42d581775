"""ONNX behind the gates: a harmless file grades, a hostile one is refused by name, and nothing of it runs."""

import json
import os
import pickle  # noqa: TID251  (to make a hostile file)
from contextlib import suppress

import numpy as np
import pytest
import torch

from inference.engine import onnx_session
from inference.engine.bundle import load_model, save_model
from inference.engine.facets import grade_case
from inference.engine.manifest import ModelRefused, read_manifest
from inference.engine.networks.grader import GraderConfig
from inference.engine.networks.localiser import Localiser, LocaliserConfig
from inference.engine.onnx_child import refusal_of
from inference.engine.onnx_file import ALLOWED_OPERATORS, OnnxRefused, check_onnx
from inference.engine.onnx_grader import OnnxGrader
from inference.engine.stacks import CaseImages
from tests.inference.engine.helpers import axial_affine, stack_from_function
from tests.inference.engine.onnx_files import HOSTILE, linear_grader

STRUCTURES = tuple(f"{level}-{side}" for level in ("L4-5", "L5-S1") for side in ("right", "left"))
SHAPE, N_GRADES = (3, 16, 16), {"narrowing": 4, "cyst": 2}
CONFIG = GraderConfig(kinds=("CT-axial",), n_grades=N_GRADES)


def write_model(folder, **changes):
    """A model version whose grader is an ONNX file."""
    folder.mkdir(exist_ok=True)
    (folder / "model.onnx").write_bytes(linear_grader(SHAPE, N_GRADES, **changes))
    torch.manual_seed(5)
    crop = dict(zip(("depth", "height", "width"), SHAPE, strict=True)) | {"depth_mm": 2.0, "in_plane_mm": 1.0}
    return save_model(
        folder,
        grader=OnnxGrader(folder / "model.onnx", CONFIG),
        localiser=Localiser(LocaliserConfig(STRUCTURES, shape=(16, 16, 24), channels=4)),
        facts={"name": "linear", "version": "1", "synthetic": True},
        inputs={
            "series": {
                "CT-axial": {"crop": crop, "max_in_plane_mm": 1.0, "max_slice_mm": 2.5, "min_slices": 4}
            },
            "needs": [["CT-axial"]],
        },
        outputs={"structures": list(STRUCTURES), "n_grades": N_GRADES},
        temperatures={"narrowing": 1.3, "cyst": 0.9},
    )


@pytest.fixture
def folder(tmp_path):
    write_model(tmp_path / "model")
    return tmp_path / "model"


def renamed(folder):
    """Let the manifest name the files as they are now: a forger would."""
    from inference.engine.manifest import file_digest

    content = json.loads((folder / "config.json").read_text())
    content["files"] = {name: file_digest(folder / name) for name in content["files"]}
    (folder / "config.json").write_text(json.dumps(content))


def test_a_file_of_allowed_operators_grades_as_its_arithmetic_says(folder):
    model = load_model(folder, threads=1)
    assert model.golden_difference <= 1e-5
    crops = np.random.default_rng(1).normal(size=(5, *SHAPE)).astype(np.float32)
    logits = model.grader(
        {"CT-axial": torch.from_numpy(crops)[None]}, {"CT-axial": torch.ones(1, 5, dtype=torch.bool)}
    )
    rng = np.random.default_rng(0)
    for finding, n in N_GRADES.items():
        weights, bias = rng.normal(0, 0.02, (crops[0].size, n - 1)), rng.normal(0, 1, n - 1)
        wanted = crops.reshape(5, -1) @ weights + bias
        np.testing.assert_allclose(logits[finding][0].numpy(), wanted, atol=1e-4)


def test_it_grades_a_case_at_given_places(folder):
    model = load_model(folder, threads=1)
    stack = stack_from_function(axial_affine(), (32, 128, 128), modality="CT")
    points = {"F": {name: np.array([8.0 * i, 4.0, 6.0]) for i, name in enumerate(STRUCTURES)}}
    result = grade_case(model, CaseImages((stack,), points), batch_joints=3)
    assert result.probabilities.keys() == {(s, f) for s in STRUCTURES for f in N_GRADES}
    assert all(sum(row) == pytest.approx(1) for row in result.probabilities.values())
    assert len({row for (_, f), row in result.probabilities.items() if f == "narrowing"}) == len(STRUCTURES)


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_file_is_refused_by_name(folder, kind):
    changes, words = HOSTILE[kind]
    (folder / "model.onnx").write_bytes(linear_grader(SHAPE, N_GRADES, **changes))
    with pytest.raises(OnnxRefused, match=words):
        check_onnx(folder / "model.onnx")


def test_the_gate_stands_before_every_way_in(folder):
    """Reading, registering and loading a version go through one check, in a process of its own."""
    changes, words = HOSTILE["a foreign operator"]
    (folder / "model.onnx").write_bytes(linear_grader(SHAPE, N_GRADES, **changes))
    renamed(folder)
    for way_in in (read_manifest, load_model):
        with pytest.raises(ModelRefused, match=f"model.onnx is refused: .*{words}.*Nothing of it was run"):
            way_in(folder)


def test_a_pickle_in_its_place_is_refused_and_not_run(folder, tmp_path):
    class Bomb:
        def __reduce__(self):
            return (os.mkdir, (str(tmp_path / "code-was-run"),))

    (folder / "model.onnx").write_bytes(pickle.dumps(Bomb()))
    renamed(folder)
    with pytest.raises(ModelRefused, match="is refused: a pickle"):
        load_model(folder)
    assert not (tmp_path / "code-was-run").exists()


@pytest.mark.parametrize("cut", [1, 7, 100, 2000])
def test_a_damaged_file_is_refused_in_words(folder, cut):
    whole = linear_grader(SHAPE, N_GRADES)
    (folder / "model.onnx").write_bytes(whole[:-cut])
    assert "it is not an ONNX model" in refusal_of(folder / "model.onnx")


def test_random_damage_never_gets_past_the_gate_with_an_exception(folder):
    """Whatever bytes come, the reader answers with facts or with a refusal."""
    rng = np.random.default_rng(2)
    whole = linear_grader((3, 4, 4), N_GRADES)
    path = folder / "model.onnx"
    for _ in range(300):
        data = bytearray(whole)
        for place in rng.integers(0, len(data), 3):
            data[place] = int(rng.integers(256))
        path.write_bytes(bytes(data))
        with suppress(OnnxRefused):
            check_onnx(path)


def test_a_graph_that_the_runtime_cannot_run_is_refused_before_it_is_loaded_here(folder):
    from tests.inference.engine.onnx_files import node

    broken = linear_grader(SHAPE, N_GRADES, extra_nodes=[node("Add", ["nowhere", "flat"], ["sum"])])
    (folder / "model.onnx").write_bytes(broken)
    renamed(folder)
    with pytest.raises(ModelRefused, match=r"model\.onnx is refused: it cannot be run"):
        load_model(folder)


def test_a_file_that_takes_or_gives_something_else_is_refused(tmp_path):
    (tmp_path / "model.onnx").write_bytes(linear_grader(SHAPE, {"narrowing": 4}))
    with pytest.raises(ModelRefused, match="gives narrowing; the manifest says cyst, narrowing"):
        OnnxGrader(tmp_path / "model.onnx", CONFIG)
    (tmp_path / "model.onnx").write_bytes(linear_grader(SHAPE, N_GRADES, kind="MR-axial"))
    with pytest.raises(ModelRefused, match=r"takes MR-axial, MR-axial\.present"):
        OnnxGrader(tmp_path / "model.onnx", CONFIG)


def test_an_onnx_file_that_no_manifest_names_is_refused(folder):
    content = json.loads((folder / "config.json").read_text())
    del content["executor"], content["files"]["model.onnx"]
    (folder / "config.json").write_text(json.dumps(content))
    with pytest.raises(ModelRefused, match=r"model\.onnx is not named by the manifest"):
        read_manifest(folder)


def test_without_onnxruntime_the_refusal_says_how_to_get_it(folder, monkeypatch):
    monkeypatch.setattr(onnx_session, "find_spec", lambda name: None)
    assert read_manifest(folder).executor == "onnx"
    with pytest.raises(ModelRefused, match="pip install onnxruntime"):
        load_model(folder)


def test_nothing_that_reads_files_or_loops_is_let_in():
    assert not ALLOWED_OPERATORS & {"If", "Loop", "Scan", "SequenceMap", "StringNormalizer", "ImageDecoder"}
