"""
A model version as files: one manifest, one weights file, one card.

``config.json`` is the manifest. Its SHA-256, in canonical form, is the identity of the model version; it
names the SHA-256 of the weights, so nothing of a version can change unseen. Weights are safetensors, and the grader
may be one ONNX file (`onnx_file`); formats that can carry code (pickle, TorchScript, .pt2, joblib) are refused by
name and by content, without being opened by anything that could run it. Knows no torch.
"""

from __future__ import annotations

import hashlib
import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from inference.engine.onnx_child import refusal_of
from inference.engine.specification import InputSpecification, OutputSchema

MANIFEST_NAME, WEIGHTS_NAME, CARD_NAME = "config.json", "weights.safetensors", "MODEL_CARD.md"
ONNX_NAME = "model.onnx"
#: What a model does; in the manifest as ``task``, grades where it is not named.
GRADES, LESIONS, PRESENCE = "grades", "lesions", "presence"
TASKS = (GRADES, LESIONS, PRESENCE)
#: What runs the grader; in the manifest as ``executor``, torch where it is not named.
TORCH, ONNX = "torch", "onnx"
FORMAT = 1
#: Raised whenever preprocessing changes what the network sees; part of every inference key.
PREPROCESSING_VERSION = 1
MAX_MANIFEST_BYTES = 1 << 20
MAX_HEADER_BYTES = 8 << 20
_ALLOWED = {MANIFEST_NAME, WEIGHTS_NAME, CARD_NAME, ONNX_NAME}
_DTYPE_BYTES = {
    "F64": 8,
    "F32": 4,
    "F16": 2,
    "BF16": 2,
    "I64": 8,
    "I32": 4,
    "I16": 2,
    "I8": 1,
    "U8": 1,
    "BOOL": 1,
}
_CODE_CARRIERS = (
    (b"\x80\x02", "a pickle"),
    (b"\x80\x03", "a pickle"),
    (b"\x80\x04", "a pickle"),
    (b"\x80\x05", "a pickle"),
    (b"PK\x03\x04", "a zip archive (torch.save, TorchScript and .pt2 files are such)"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"BZ", "a bzip2 archive"),
    (b"\x93NUMPY", "a NumPy file"),
)


class ModelRefused(Exception):
    """The files are not a model version that may be used. The message says why, for people."""


@dataclass(frozen=True)
class Manifest:
    """
    A checked manifest.

    Attributes
    ----------
    folder : Path
    content : mapping
    digest : str
        SHA-256 of the content in canonical form: the model version's identity.
    """

    folder: Path
    content: Mapping[str, Any]
    digest: str

    @property
    def name(self) -> str:
        return str(self.content["name"])

    @property
    def version(self) -> str:
        return str(self.content["version"])

    @property
    def task(self) -> str:
        """``grades``, ``lesions`` or ``presence``."""
        return str(self.content.get("task", GRADES))

    @property
    def executor(self) -> str:
        """``torch`` or ``onnx``."""
        return str(self.content.get("executor", TORCH))

    @property
    def is_synthetic(self) -> bool:
        """Whether the model was trained on synthetic images."""
        return bool(self.content["synthetic"])

    @property
    def inputs(self) -> InputSpecification:
        return InputSpecification.from_json(self.content["inputs"])

    @property
    def outputs(self) -> OutputSchema:
        return OutputSchema.from_json(self.content["outputs"])


def canonical_digest(content: Mapping[str, Any]) -> str:
    """SHA-256 of JSON values, whatever the order of keys and the white space."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def file_digest(path: Path) -> str:
    """SHA-256 of a file."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def read_manifest(folder: Path) -> Manifest:
    """
    Read and check a model's folder without loading its weights.

    Parameters
    ----------
    folder : Path

    Returns
    -------
    Manifest

    Raises
    ------
    ModelRefused
        If a file is missing, foreign, changed, or of a format that may carry code.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise ModelRefused(f"{folder.name} is not a folder with {MANIFEST_NAME} and {WEIGHTS_NAME}.")
    for path in sorted(folder.iterdir()):
        if path.name not in _ALLOWED or path.is_symlink() or not path.is_file():
            taken = ", ".join(sorted(_ALLOWED))
            if why := _carries_code(path):
                raise ModelRefused(
                    f"{path.name} does not belong to a model version: it is {why}, which could run code when opened. "
                    f"Only {taken} are taken; nothing was opened."
                )
            raise ModelRefused(
                f"{path.name} does not belong to a model version. Only {taken} are taken; nothing was opened."
            )
    for name in (MANIFEST_NAME, WEIGHTS_NAME):
        if not (folder / name).exists():
            raise ModelRefused(f"{name} is missing.")
    content = _read_json(folder / MANIFEST_NAME)
    check_weights_header(folder / WEIGHTS_NAME)
    try:
        if content["format"] != FORMAT:
            raise ModelRefused(f"The manifest has format {content['format']!r}; this product reads {FORMAT}.")
        if content["preprocessing"] != PREPROCESSING_VERSION:
            raise ModelRefused(
                f"The model was made for preprocessing {content['preprocessing']!r}; "
                f"this product has {PREPROCESSING_VERSION}."
            )
        stated = {name: str(content["files"][name]) for name in _weights_of(content)}
        manifest = Manifest(folder, content, canonical_digest(content))
        _ = (manifest.name, manifest.version, manifest.is_synthetic, manifest.inputs, manifest.outputs)
        _ = (content["network"], content["golden"])
        if manifest.task not in TASKS:
            raise ModelRefused(
                f"The manifest names the task {manifest.task!r}; there are {', '.join(TASKS)}."
            )
        if manifest.task == GRADES:
            _ = (content["localiser"], content["temperatures"])
        elif manifest.task == PRESENCE:
            _ = (float(content["temperature"]), content["network"]["kind"])
            given = manifest.outputs.given
            if len(manifest.outputs.structures) != 1 or list(given.values()) != [2]:
                raise ModelRefused("A model of presence gives one finding of two grades at one structure.")
        elif set(content["network"]["classes"]) != set(manifest.outputs.lesion_classes):
            raise ModelRefused("The classes of the network are not those of the output schema.")
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ModelRefused(f"The manifest is incomplete or malformed: {error!r}.") from error
    foreign = {path.name for path in folder.iterdir()} - {MANIFEST_NAME, CARD_NAME, *stated}
    if foreign:
        raise ModelRefused(f"{', '.join(sorted(foreign))} is not named by the manifest; nothing was opened.")
    for name, digest in stated.items():
        if not (folder / name).exists():
            raise ModelRefused(f"{name} is missing.")
        if file_digest(folder / name) != digest:
            raise ModelRefused(f"{name} is not the file that the manifest names; its SHA-256 differs.")
    if ONNX_NAME in stated:
        # In a process of its own: whatever the file does to its reader stays there.
        why = _carries_code(folder / ONNX_NAME) or refusal_of(folder / ONNX_NAME)
        if why:
            raise ModelRefused(f"{ONNX_NAME} is refused: {why}. Nothing of it was run.")
    return manifest


def _weights_of(content: Mapping[str, Any]) -> tuple[str, ...]:
    """Files that the manifest must name: the joint finder is safetensors in any case."""
    executor = content.get("executor", TORCH)
    if executor not in (TORCH, ONNX):
        raise ModelRefused(f"The manifest names the executor {executor!r}; there are {TORCH} and {ONNX}.")
    return (WEIGHTS_NAME, ONNX_NAME) if executor == ONNX else (WEIGHTS_NAME,)


def _read_json(path: Path) -> dict[str, Any]:
    if path.stat().st_size > MAX_MANIFEST_BYTES:
        raise ModelRefused(f"{path.name} is larger than {MAX_MANIFEST_BYTES >> 20} MiB.")
    try:
        content = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise ModelRefused(f"{path.name} is not JSON.") from error
    if not isinstance(content, dict):
        raise ModelRefused(f"{path.name} does not hold one object.")
    return content


def _carries_code(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            start = stream.read(8)
    except OSError:
        return ""
    return next((words for magic, words in _CODE_CARRIERS if start.startswith(magic)), "")


def check_weights_header(path: Path) -> dict[str, Any]:
    """
    Check a safetensors file's structure by its header alone.

    Returns
    -------
    dict
        The header: tensor names with dtype, shape and place.

    Raises
    ------
    ModelRefused
        If it is not a well-formed safetensors file.
    """
    why = _carries_code(path)
    if why:
        raise ModelRefused(f"{path.name} is {why}, not safetensors; it was not opened.")
    size = path.stat().st_size
    with path.open("rb") as stream:
        start = stream.read(8)
        if len(start) < 8:
            raise ModelRefused(f"{path.name} is too short to be safetensors.")
        (length,) = struct.unpack("<Q", start)
        if length > min(MAX_HEADER_BYTES, size - 8):
            raise ModelRefused(f"{path.name} is not safetensors: its header does not fit the file.")
        raw = stream.read(length)
    try:
        header = json.loads(raw)
        end = 0
        for name, entry in header.items():
            if name == "__metadata__":
                continue
            count = 1
            for side in entry["shape"]:
                if not isinstance(side, int) or side < 0:
                    raise ValueError(f"{name} has shape {entry['shape']}")
                count *= side
            first, last = entry["data_offsets"]
            if last - first != count * _DTYPE_BYTES[entry["dtype"]] or first < 0 or last > size - 8 - length:
                raise ValueError(f"{name} does not fit its place")
            end = max(end, last)
        if end != size - 8 - length:
            raise ValueError("bytes are left over after the last tensor")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ModelRefused(f"{path.name} is not well-formed safetensors ({error}).") from error
    return dict(header)
