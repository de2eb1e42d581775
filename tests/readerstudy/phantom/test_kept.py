"""Phantoms that are kept: drawn once for the same code, libraries and arguments, and whole or not at all."""

import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import readerstudy
from readerstudy.phantom import generator_digest, kept_folder, write_folder

ARGUMENTS = {"cases": 1, "seed": 8, "modalities": ("XR",)}


def contents(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_kept_folder_is_what_would_be_drawn_and_is_not_drawn_again(tmp_path):
    write_folder(tmp_path / "drawn", **ARGUMENTS)
    folder = kept_folder(tmp_path / "kept", **ARGUMENTS)
    assert contents(folder) == contents(tmp_path / "drawn")
    # Whoever draws begins beside it.
    before = folder.parent.stat().st_mtime_ns
    assert kept_folder(tmp_path / "kept", **ARGUMENTS) == folder
    assert folder.parent.stat().st_mtime_ns == before
    other = kept_folder(tmp_path / "kept", **{**ARGUMENTS, "seed": 9})
    assert (other / "cases.csv").exists()
    assert contents(other) != contents(folder)
    assert sorted(folder.parent.iterdir()) == sorted([folder, other])


def test_two_that_draw_at_once_leave_one_whole_folder(tmp_path):
    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(lambda _: kept_folder(tmp_path, **ARGUMENTS), range(2))
    assert first == second
    assert list(first.parent.iterdir()) == [first]
    assert (first / "cases.csv").exists()


def test_a_drawing_that_fails_leaves_nothing(tmp_path):
    with pytest.raises(ValueError, match="unknown centre"):
        kept_folder(tmp_path, **ARGUMENTS, centres=("Z",))
    assert list((tmp_path / generator_digest()).iterdir()) == []


@pytest.mark.parametrize("changed", ["phantom/render.py", "dicom/geometry.py", "core/texts.py"])
def test_other_code_draws_anew(tmp_path, changed):
    package = Path(readerstudy.__file__).parent
    for name in ("phantom", "dicom"):
        shutil.copytree(package / name, tmp_path / "readerstudy" / name)
    (tmp_path / "readerstudy" / "__init__.py").touch()
    target = tmp_path / "readerstudy" / changed
    target.parent.mkdir(exist_ok=True)
    with target.open("a") as stream:
        stream.write("\n# changed\n")
    said = subprocess.run(
        [sys.executable, "-c", "from readerstudy.phantom import generator_digest as d; print(d())"],
        cwd=tmp_path,
        check=True,
        capture_output=True,
        text=True,
    ).stdout.strip()
    draws = changed.split("/")[0] in {"phantom", "dicom"}
    assert (said != generator_digest()) == draws
