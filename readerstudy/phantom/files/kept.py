"""Folders of phantoms that are drawn once and taken from then on."""

from __future__ import annotations

import hashlib
import json
import shutil
from functools import cache
from importlib.metadata import version
from pathlib import Path
from tempfile import mkdtemp
from typing import Any, Final

from readerstudy.phantom.files.folder import write_folder

# What decides the bytes of a picture beside our own code.
_LIBRARIES: Final = ("numpy", "scipy", "pydicom", "imagecodecs")
_PACKAGES: Final = ("phantom", "dicom")


@cache
def generator_digest() -> str:
    """Return 16 hexadecimal digits of the code and the libraries that draw."""
    root = Path(__file__).resolve().parents[2]
    digest = hashlib.sha256(json.dumps({name: version(name) for name in _LIBRARIES}).encode())
    for package in _PACKAGES:
        for path in sorted((root / package).rglob("*.py")):
            digest.update(f"{path.relative_to(root).as_posix()}\0".encode() + path.read_bytes())
    return digest.hexdigest()[:16]


def kept_folder(kept: Path, *, workers: int = 1, **arguments: Any) -> Path:
    """
    Return a folder of phantoms, ``KEPT/<generator_digest>/<digest of the arguments>``, drawn before or now.

    A folder drawn before is taken where the same code and the same libraries drew it with the same arguments; it
    appears whole or not at all, also where two processes draw at the same time. Nobody writes into it, and
    nothing is removed here.

    Parameters
    ----------
    kept : Path
        Made when absent.
    workers : int
        Processes that draw.
    **arguments
        Those of `write_folder` after `out`, as words and numbers.

    Raises
    ------
    ValueError
        If `write_folder` refuses the arguments.
    """
    words = json.dumps(arguments, sort_keys=True)
    folder = kept / generator_digest() / hashlib.sha256(words.encode()).hexdigest()[:16]
    if folder.is_dir():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    unfinished = Path(mkdtemp(prefix="unfinished-", dir=folder.parent))
    try:
        write_folder(unfinished, workers=workers, **arguments)
        try:
            unfinished.replace(folder)
        except OSError:
            # Another process was done first, with the same bytes.
            if not folder.is_dir():
                raise
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return folder
