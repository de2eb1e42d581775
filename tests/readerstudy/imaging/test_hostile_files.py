"""Hostile and damaged files: no uncaught error, no child past its memory or time, no file unaccounted for."""

import os
import random
import shutil
import signal
import time
import zipfile
from collections import Counter

import pytest

from readerstudy.dicom.limits import Limits
from readerstudy.imaging import stores
from readerstudy.imaging.models import Instance
from readerstudy.imaging.reader_process import DIED, TOO_SLOW, ReaderProcess
from readerstudy.imaging.selectors import import_report
from tests.readerstudy.imaging.images import NOT_DICOM, image
from tests.readerstudy.imaging.mutations import mutated

MEBIBYTE = 2**20


@pytest.mark.shared
def test_every_malformed_file_ends_with_a_reason_or_is_shown_safely(take_in, shared_data, data_root):
    start = time.monotonic()
    batch = take_in(shared_data / "malformed")
    report = {row.name: row for row in import_report(batch)}

    listed = {
        str(path.relative_to(shared_data / "malformed"))
        for path in (shared_data / "malformed").rglob("*")
        if path.is_file()
    }
    archives = {name for name in listed if name.endswith(".zip")}
    assert listed - archives <= set(report)
    assert all(any(name.startswith(archive) for name in report) for archive in archives)
    for row in report.values():
        assert row.outcome == "stored" or row.reason
        for part in ("Traceback", "Error", "Exception", "<", "{", "/"):
            assert part not in row.reason, row
    assert time.monotonic() - start < 60
    # Safe to show: names of files in the cache are made of digits, whatever the files called themselves.
    for path in stores.cache_root().rglob("*"):
        name = path.name.removesuffix(".json.gz")
        assert name == "metadata" or set(name) <= set("0123456789abcdef.-_base")


@pytest.mark.shared
def test_archives_are_taken_apart_within_bounds(take_in, shared_data, tmp_path):
    made = shared_data / "malformed" / "made"
    folder = tmp_path / "in"
    folder.mkdir()
    for path in made.glob("zip_*.zip"):
        shutil.copy(path, folder / path.name)

    report = {row.name: (row.outcome, row.reason) for row in import_report(take_in(folder))}

    inflated = "the file inflates to many times its size, as no image does"
    outside = "the name inside the archive points outside it"
    assert report["zip_bomb_60MB.zip/zeros.dcm"] == ("refused", inflated)
    assert report["zip_traversal.zip/../../evil.dcm"] == ("refused", outside)
    assert report["zip_traversal.zip//abs.dcm"] == ("refused", outside)
    assert report["zip_symlink.zip/link.dcm"] == ("refused", "a symbolic link inside the archive")
    assert report["zip_nested.zip/a.zip"] == ("refused", "an archive inside an archive")
    assert report["zip_truncated.zip"] == ("refused", "not a complete ZIP archive")
    assert report["zip_mixed.zip/1.dcm"] == ("stored", "")
    assert report["zip_mixed.zip/readme.txt"] == ("refused", NOT_DICOM)
    assert not any("__MACOSX" in name or "Thumbs" in name for name in report)
    assert not list(tmp_path.rglob("evil.dcm"))


@pytest.mark.shared
def test_an_archive_gives_the_same_images_as_its_folder(take_in, shared_data, tmp_path, scope):
    source = shared_data / "lumbar_mr" / "vb2_05"
    archive = tmp_path / "case.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as out:
        for path in sorted(source.rglob("*.dcm")):
            out.write(path, path.relative_to(source))

    assert take_in(archive).n_stored == 41
    first = set(Instance.objects.values_list("blinded_uid", "pixel_digest", "index"))
    assert take_in(source).n_duplicate == 41
    assert set(Instance.objects.values_list("blinded_uid", "pixel_digest", "index")) == first


def _seeds(shared_data) -> list[bytes]:
    patterns = (
        "multiframe/*.dcm", "transfer_syntaxes/*.dcm", "xr_real/dx*", "mr_real_dicom/*.dcm",
        "lumbar_mr/*/*/0001.dcm", "lumbar_xr_simulated/*/*", "malformed/made/*.dcm", "malformed/real/*.dcm",
    )  # fmt: skip
    paths = [path for pattern in patterns for path in sorted(shared_data.glob(pattern))]
    return [path.read_bytes() for path in paths if path.stat().st_size < 300_000]


def _bare(data: bytes) -> bytes:
    """Return a file without preamble, mark and header group."""
    return data[144 + int.from_bytes(data[140:144], "little") :] if data[128:132] == b"DICM" else data


def _survive(shared_data, folder, *, count: int, seed: int, bare: bool = False) -> Counter:
    """Read `count` mutated files; returns how often each reason was given."""
    rng, seeds, reasons = random.Random(seed), _seeds(shared_data), Counter()
    if bare:
        seeds = [_bare(seed) for seed in seeds]
    limits = Limits()
    with ReaderProcess(limits) as reader:
        for number in range(count):
            path = folder / "mutated.dcm"
            path.write_bytes(mutated(rng.choice(seeds), rng))
            start = time.monotonic()
            answer = reader.read(path, folder / "frame", syntax="htj2k")
            assert time.monotonic() - start <= limits.seconds_per_file + 2, number
            assert "refused" in answer or answer["digest"], number
            reasons[answer.get("refused", "taken")] += 1
            for frame in folder.glob("frame_*"):
                frame.unlink()
        reader.stop()
        assert reader.peak_memory_bytes < 512 * MEBIBYTE
    return reasons


@pytest.mark.shared
def test_two_thousand_mutated_files_neither_end_nor_stall_the_reading_process(shared_data, tmp_path):
    reasons = _survive(shared_data, tmp_path, count=2000, seed=20240101)
    assert reasons["taken"] > 100
    assert len(reasons) > 20
    assert reasons[DIED] + reasons[TOO_SLOW] <= 2


@pytest.mark.shared
def test_mutated_files_without_their_header_do_neither(shared_data, tmp_path):
    reasons = _survive(shared_data, tmp_path, count=1000, seed=20240102, bare=True)
    assert reasons["taken"] > 50
    assert len(reasons) > 15
    assert reasons[DIED] + reasons[TOO_SLOW] <= 2


@pytest.mark.full
@pytest.mark.shared
def test_ten_thousand_mutated_files(shared_data, tmp_path):
    reasons = _survive(shared_data, tmp_path, count=10_000, seed=7)
    assert reasons["taken"] > 500


def test_a_child_that_needs_too_much_memory_is_refused_and_the_next_file_is_read(tmp_path):
    large, small = image(tmp_path / "large", 4096), image(tmp_path / "small", 64)
    with ReaderProcess(Limits(memory_bytes=96 * MEBIBYTE)) as reader:
        refused = reader.read(large, tmp_path / "a", syntax="htj2k")["refused"]
        assert refused in ("the file needs more memory than one image may", DIED)
        assert reader.read(small, tmp_path / "b", syntax="htj2k")["n_frames"] == 1


def test_a_child_that_takes_too_long_is_ended_and_replaced(tmp_path):
    large, small = image(tmp_path / "large", 4096), image(tmp_path / "small", 64)
    with ReaderProcess(Limits(seconds_per_file=0.02)) as reader:
        assert reader.read(large, tmp_path / "a", syntax="htj2k") == {"refused": TOO_SLOW, "fatal": True}
    with ReaderProcess(Limits()) as reader:
        # 16 million pixels, as a large radiograph has them.
        assert reader.read(large, tmp_path / "c", syntax="htj2k")["n_frames"] == 1
        assert reader.read(small, tmp_path / "b", syntax="htj2k")["n_frames"] == 1
        reader.stop()
        assert reader.peak_memory_bytes < 512 * MEBIBYTE


def test_files_asked_for_ahead_keep_their_answers_when_one_ends_the_child(tmp_path):
    large, small = image(tmp_path / "large", 4096), image(tmp_path / "small", 64)
    with ReaderProcess(Limits(memory_bytes=96 * MEBIBYTE)) as reader:
        for number, path in enumerate((small, large, small, small)):
            reader.ask(path, tmp_path / f"frame-{number}", syntax="htj2k")
        answers = [reader.answer() for _ in range(4)]
    assert "refused" in answers.pop(1)
    assert len({answer["digest"] for answer in answers}) == 1
    assert all((tmp_path / f"frame-{number}_1").exists() for number in (0, 2, 3))


def test_a_file_that_takes_too_long_is_refused_alone_and_those_behind_it_are_read(tmp_path):
    small = image(tmp_path / "small", 64)
    with ReaderProcess(Limits(seconds_per_file=3)) as reader:
        reader.read(small, tmp_path / "frame", syntax="htj2k")
        first = reader.process_id
        os.kill(first, signal.SIGSTOP)
        for number in range(3):
            reader.ask(small, tmp_path / f"frame-{number}", syntax="htj2k")
        assert reader.answer()["refused"] == TOO_SLOW
        assert [reader.answer().get("n_frames") for _ in range(2)] == [1, 1]
        assert reader.process_id != first


def test_a_child_is_replaced_after_its_share_of_files_however_many_are_asked_for(tmp_path):
    small, children = image(tmp_path / "small", 64), set()
    with ReaderProcess(Limits(), recycle_after=2) as reader:
        for number in range(5):
            reader.ask(small, tmp_path / f"frame-{number}", syntax="htj2k")
        for _ in range(5):
            children.add(reader.process_id)
            assert reader.answer()["n_frames"] == 1
            children.add(reader.process_id)
    assert len(children - {None}) == 3
