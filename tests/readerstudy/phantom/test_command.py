"""One command, two doors: ``python -m readerstudy.phantom`` and ``manage.py phantom`` write the same bytes."""

import hashlib
import subprocess
import sys

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

OPTIONS = ["--cases", "1", "--seed", "5", "--centre", "C", "--modality", "XR", "--readings"]


def digest(folder):
    files = sorted(p for p in folder.rglob("*") if p.is_file())
    return [(str(p.relative_to(folder)), hashlib.sha256(p.read_bytes()).hexdigest()) for p in files]


def test_both_doors_write_the_same_bytes(tmp_path, capsys):
    call_command("phantom", str(tmp_path / "managed"), *OPTIONS)
    assert "1 synthetic case" in capsys.readouterr().out
    subprocess.run(
        [sys.executable, "-m", "readerstudy.phantom", str(tmp_path / "plain"), *OPTIONS],
        check=True,
        capture_output=True,
    )
    assert digest(tmp_path / "managed") == digest(tmp_path / "plain")
    names = {p.name for p in (tmp_path / "plain").iterdir()}
    assert {"cases.csv", "reference.csv", "joints.csv", "reads.csv", "predictions.csv"} <= names


@pytest.mark.parametrize("options", [["--centre", "Z"], ["--protocol", "knees"], ["--cases", "many"]])
def test_unknown_options_are_refused(tmp_path, options):
    with pytest.raises(CommandError):
        call_command("phantom", str(tmp_path), *options)
