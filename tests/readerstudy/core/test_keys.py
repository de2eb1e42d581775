"""One key file, never overwritten; every purpose and context has a key of its own."""

import stat
import threading

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from readerstudy.core.keys import KeyFileError, derive_key_from, read_or_create_key_file

MASTER = bytes(range(32))


def test_key_file_is_made_once_and_only_its_owner_reads_it(tmp_path):
    path = tmp_path / "root" / "key"
    first = read_or_create_key_file(path)
    assert read_or_create_key_file(path) == first
    assert len(first) == 32
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_processes_that_start_together_share_one_whole_key(tmp_path):
    for attempt in range(30):
        path = tmp_path / f"root-{attempt}" / "key"
        barrier, keys = threading.Barrier(8), []

        def start(path=path, barrier=barrier, keys=keys):
            barrier.wait(timeout=120)
            try:
                keys.append(read_or_create_key_file(path))
            except KeyFileError as error:
                keys.append(error)

        threads = [threading.Thread(target=start) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert set(keys) == {read_or_create_key_file(path)}
        assert [each.name for each in path.parent.iterdir()] == ["key"]


@pytest.mark.parametrize("content", ["", "not a key", "00" * 31, "zz" * 32])
def test_file_that_holds_no_key_is_refused_and_left_alone(tmp_path, content):
    path = tmp_path / "key"
    path.write_text(content)
    with pytest.raises(KeyFileError, match="Nothing was changed"):
        read_or_create_key_file(path)
    assert path.read_text() == content


def test_derivation_is_hkdf_sha256_over_length_prefixed_parts():
    info = b"\x00\x00\x00\x0bimaging.uid" + b"\x00\x00\x00\x02ab"
    expected = HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=info).derive(MASTER)
    assert derive_key_from(MASTER, "imaging.uid", "ab") == expected


def test_every_purpose_and_context_has_its_own_key():
    asked = [("a",), ("b",), ("a", "b"), ("a", "ab", "c"), ("a", "a", "bc"), ("a", "abc"), ("aabc",)]
    keys = [derive_key_from(MASTER, *parts) for parts in asked]
    assert len(set(keys)) == len(asked)
    assert derive_key_from(bytes(32), "a") != keys[0]
    assert len(derive_key_from(MASTER, "a", length=12)) == 12
