"""
The three stores below the data root, and the sealing of names.

``cache``: blinded attributes and frames, what readers get. ``identities`` and ``originals``: encrypted
(AES-256-GCM), each with a key of its own, readable for the owner only. Nothing but these two holds
anything that a file said about a person.
"""

import contextlib
import gzip
import json
import os
import secrets
import shutil
import zlib
from collections.abc import Collection, Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any
from uuid import UUID

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings

from readerstudy.core.keys import derive_key
from readerstudy.dicom import fast_json
from readerstudy.dicom.frames import Json
from readerstudy.dicom.intake import FRAME_TAIL
from readerstudy.imaging.checksums import joined

BASE_VIEW = "base"
METADATA_NAME = "metadata.json.gz"


def _folder(path: Path) -> Path:
    path.mkdir(parents=True, exist_ok=True, mode=0o700)
    return path


def cache_root() -> Path:
    """Return the folder of the blinded cache."""
    return Path(settings.READERSTUDY_DATA_ROOT) / "cache"


def set_path(scope: UUID, image_set: UUID) -> Path:
    """Return the cache folder of an image set."""
    return cache_root() / str(scope) / str(image_set)


def view_root(scope: UUID, image_set: UUID, view: str = BASE_VIEW) -> str:
    """Return a view's folder relative to the cache root: the blinded objects, or their aliased links."""
    return f"{scope}/{image_set}/{view}"


def staging_path(name: str) -> Path:
    """Return where files on their way in lie; on the cache's file system, so that they are renamed."""
    return Path(settings.READERSTUDY_DATA_ROOT) / "staging" / name


def staging_folder(name: str) -> Path:
    """Return that place as a private folder, made where there is none."""
    return _folder(staging_path(name))


def remove_staging(name: str) -> None:
    """Remove a staging folder with all that is left in it."""
    shutil.rmtree(staging_path(name), ignore_errors=True)


def old_staging(before: float) -> list[str]:
    """Return the names of the staging folders in which nothing came or went since `before` (seconds, epoch)."""
    return [folder.name for folder in staging_path("").glob("*") if folder.stat().st_mtime < before]


def write_private(path: Path, data: bytes) -> None:
    """Write a file that only the owner reads, whole or not at all."""
    _folder(path.parent)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(data)
    temporary.replace(path)


# --- sealing --------------------------------------------------------------------------------------


@lru_cache(maxsize=64)
def _cipher(purpose: str, scope: UUID, fingerprint: int) -> AESGCM:
    return AESGCM(derive_key(purpose, str(scope)))


def _key(purpose: str, scope: UUID) -> AESGCM:
    return _cipher(purpose, scope, hash(settings.READERSTUDY_MASTER_KEY))


def seal(purpose: str, scope: UUID, data: bytes, *, bound_to: str) -> bytes:
    """Return `data` encrypted and bound to a name, under which alone it opens again."""
    nonce = secrets.token_bytes(12)
    return nonce + _key(purpose, scope).encrypt(nonce, data, bound_to.encode())


def unseal(purpose: str, scope: UUID, sealed: bytes, *, bound_to: str) -> bytes:
    """Return what `seal` was given. Raises `cryptography.exceptions.InvalidTag` if it was changed."""
    return _key(purpose, scope).decrypt(bytes(sealed[:12]), bytes(sealed[12:]), bound_to.encode())


def seal_name(scope: UUID, name: str) -> bytes:
    """Return a file or folder name, encrypted with the identity store's key."""
    return seal("imaging.identities", scope, name.encode("utf-8", "surrogateescape"), bound_to="name")


def open_name(scope: UUID, sealed: bytes) -> str:
    """Return a sealed name made safe to show: printable characters only, at most 300."""
    if not sealed:
        return ""
    text = unseal("imaging.identities", scope, sealed, bound_to="name").decode("utf-8", "replace")
    return "".join(c if c.isprintable() else "?" for c in text)[-300:]


def open_source(scope: UUID, sealed: bytes) -> str:
    """Return a sealed source exactly as it was given, for the import itself."""
    return unseal("imaging.identities", scope, sealed, bound_to="name").decode("utf-8", "surrogateescape")


# --- identities -----------------------------------------------------------------------------------


def _identity_path(scope: UUID, image_set: UUID) -> Path:
    return Path(settings.READERSTUDY_DATA_ROOT) / "identities" / str(scope) / f"{image_set}.sealed"


def read_identity(scope: UUID, image_set: UUID) -> dict[str, Any]:
    """Return what the identity store knows of an image set; empty where nothing is kept."""
    path = _identity_path(scope, image_set)
    if not path.exists():
        return {}
    data = unseal("imaging.identities", scope, path.read_bytes(), bound_to=str(image_set))
    identity: dict[str, Any] = json.loads(data)
    return identity


def write_identity(scope: UUID, image_set: UUID, identity: dict[str, Any]) -> None:
    """Replace what the identity store knows of an image set."""
    data = json.dumps(identity, ensure_ascii=False, sort_keys=True).encode()
    write_private(
        _identity_path(scope, image_set),
        seal("imaging.identities", scope, data, bound_to=str(image_set)),
    )


# --- originals ------------------------------------------------------------------------------------


def _originals_folder(scope: UUID, image_set: UUID) -> Path:
    return Path(settings.READERSTUDY_DATA_ROOT) / "originals" / str(scope) / str(image_set)


def keep_original(scope: UUID, image_set: UUID, instance: str, data: bytes) -> None:
    """Keep the file as it came, encrypted."""
    sealed = seal("imaging.originals", scope, data, bound_to=instance)
    write_private(_originals_folder(scope, image_set) / f"{instance}.sealed", sealed)


def original(scope: UUID, image_set: UUID, instance: str) -> bytes | None:
    """Return the file as it came, None where originals were not kept."""
    path = _originals_folder(scope, image_set) / f"{instance}.sealed"
    if not path.exists():
        return None
    return unseal("imaging.originals", scope, path.read_bytes(), bound_to=instance)


# --- cache ----------------------------------------------------------------------------------------


def series_folder(root: str, study: str, series: str) -> Path:
    """Return the folder of a series below a view."""
    return cache_root() / root / study / series


def frame_name(instance: str, frame: int) -> str:
    """Return the name of a frame file in its series folder."""
    return f"{instance}_{frame}"


#: Private element with the check sum of each frame, and the block it stands in (PS3.5 7.8.1).
SEALS, SEALS_BLOCK = "00991001", "00990010"


def _place_check(instance: str, frame: int) -> int:
    return zlib.crc32(f"{instance}/{frame}\n".encode())


def seals_of(instance: str, checks: list[list[int]]) -> Json:
    """
    Return the elements that bind the encoded pixels of an instance's frames to their places.

    Each is a CRC-32 over UID, number and bytes: a guard against mix-ups on the way (another frame's bytes look like
    an image), not against an attacker.

    Parameters
    ----------
    instance : str
        Blinded UID.
    checks : list of list of int
        CRC-32 and number of bytes of each frame's encoded pixels (`dicom.intake.Intake`).
    """
    seals = [
        joined(_place_check(instance, frame), check, n_bytes)
        for frame, (check, n_bytes) in enumerate(checks, start=1)
    ]
    return {
        SEALS_BLOCK: {"vr": "LO", "Value": ["READERSTUDY"]},
        SEALS: {"vr": "UL", "Value": seals},
    }


def _sealed(folder: Path, entry: Json, *, anew: bool) -> Json:
    if SEALS in entry and not anew:
        return entry
    instance = entry["00080018"]["Value"][0]
    count = int((entry.get("00280008", {}).get("Value") or [1])[0])
    head_end, tail = b"\r\n\r\n", len(FRAME_TAIL)
    checks = []
    for frame in range(1, count + 1):
        try:
            with open(f"{folder}/{frame_name(instance, frame)}", "rb", buffering=0) as stream:
                stored = memoryview(stream.read())
        except FileNotFoundError:
            # An image without pixels is told of when it is asked for.
            return {tag: value for tag, value in entry.items() if tag not in (SEALS, SEALS_BLOCK)}
        start = bytes(stored[:400]).index(head_end) + len(head_end)
        pixels = stored[start:-tail]
        checks.append([zlib.crc32(pixels), len(pixels)])
    return {**entry, **seals_of(instance, checks)}


def write_metadata(folder: Path, instances: list[Json], *, anew: bool = False) -> None:
    """
    Write a series' attributes in reading order, each frame sealed.

    Parameters
    ----------
    anew : bool
        Seal again what is sealed already: the instances have other UIDs than before.
    """
    instances = [_sealed(folder, entry, anew=anew) for entry in instances]
    data = fast_json.dumps(instances)
    write_private(folder / METADATA_NAME, gzip.compress(data, compresslevel=6, mtime=0))


def read_metadata(folder: Path) -> list[Json]:
    """Return a series' attributes in reading order, empty where the series is not there."""
    try:
        data = (folder / METADATA_NAME).read_bytes()
    except FileNotFoundError:
        return []
    instances: list[Json] = fast_json.loads(gzip.decompress(data))
    return instances


def remove_views(scope: UUID, image_set: UUID) -> None:
    """
    Remove the linked views of an image set that has changed; they are made again when next opened.

    The names go and the files stay: a view may hold frames of other sets.
    """
    try:
        folders = list(set_path(scope, image_set).iterdir())
    except FileNotFoundError:
        return
    for folder in folders:
        if folder.name != BASE_VIEW:
            shutil.rmtree(folder, ignore_errors=True)


def remove_study(scope: UUID, home: UUID, study: str, instances: Iterable[str]) -> None:
    """
    Erase pixels and originals of one imaging study, and what the identity store knows of it alone.

    Every file is emptied first: one that a web server still holds open would keep its bytes on the disk after its
    name is gone.

    Parameters
    ----------
    home : UUID
        The image set in whose folders it lies.
    study : str
        Its blinded UID.
    instances : iterable of str
        Blinded UIDs of its images.
    """
    pixels = set_path(scope, home) / BASE_VIEW / study
    originals = [_originals_folder(scope, home) / f"{instance}.sealed" for instance in instances]
    for path in (*pixels.rglob("*"), *originals):
        if path.is_file() and not path.is_symlink():
            os.truncate(path, 0)
    shutil.rmtree(pixels, ignore_errors=True)
    for path in originals:
        path.unlink(missing_ok=True)
    identity = read_identity(scope, home)
    if identity.get("studies", {}).pop(study, None) is not None:
        write_identity(scope, home, identity)


def remove_image_set(scope: UUID, image_set: UUID, *, keep: Mapping[str, Collection[str]]) -> None:
    """
    Erase pixels, originals and identity in the folders of an image set, also what a crash left there without a row.

    Parameters
    ----------
    keep : mapping
        Studies that another set shows by now, each with its instances; all blinded UIDs. They stay.
    """
    remove_views(scope, image_set)
    identity, originals = _identity_path(scope, image_set), _originals_folder(scope, image_set)
    kept = {f"{instance}.sealed" for instances in keep.values() for instance in instances}
    folder = set_path(scope, image_set)
    doomed = [path for path in folder.rglob("*") if not set(path.relative_to(folder).parts) & keep.keys()]
    doomed += [path for path in originals.rglob("*") if path.name not in kept]
    for path in (*doomed, identity):
        if path.is_file() and not path.is_symlink():
            os.truncate(path, 0)
            path.unlink()
    # The deepest first; a folder that still holds something of another set stays.
    for path in (*sorted(doomed, reverse=True), folder, originals):
        with contextlib.suppress(OSError):
            path.rmdir()
