"""Taking a ZIP file apart, one bounded member at a time."""

import stat
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

from readerstudy.dicom.limits import Limits
from readerstudy.dicom.refusal import Refused, is_no_room

_CLUTTER = frozenset({"thumbs.db", ".ds_store", "desktop.ini"})


def is_clutter(name: str) -> bool:
    """Return whether a name is what operating systems leave beside files (not worth a refusal)."""
    parts = name.replace("\\", "/").split("/")
    return "__MACOSX" in parts or parts[-1].lower() in _CLUTTER or parts[-1].startswith("._")


def _unsafe(name: str) -> bool:
    parts = name.replace("\\", "/").split("/")
    return name.startswith(("/", "\\")) or ".." in parts or (len(name) > 1 and name[1] == ":") or "\0" in name


def members(path: Path, out: Path, limits: Limits) -> Iterator[tuple[str, str, str]]:
    """
    Extract the files of an archive, each under a number.

    Parameters
    ----------
    path : Path
        The archive.
    out : Path
        Existing folder; files are written as ``000001``, ``000002`` ... whatever their names.
    limits : Limits
        The bounds.

    Yields
    ------
    (name, number, reason)
        The name inside the archive, the file's number ("" where nothing was written) and why not.

    Raises
    ------
    Refused
        If it is no ZIP file, is damaged, encrypted, or exceeds the limits as a whole.
    """
    try:
        archive = zipfile.ZipFile(path)
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        raise Refused("not a complete ZIP archive") from None
    with archive:
        infos = [info for info in archive.infolist() if not info.is_dir()]
        if len(infos) > limits.archive_members:
            raise Refused("the archive holds more files than the limit")
        written = 0
        for number, info in enumerate(infos, start=1):
            if is_clutter(info.filename):
                continue
            if _unsafe(info.filename):
                yield info.filename, "", "the name inside the archive points outside it"
                continue
            if stat.S_ISLNK(info.external_attr >> 16):
                yield info.filename, "", "a symbolic link inside the archive"
                continue
            if info.flag_bits & 1:
                yield info.filename, "", "the file inside the archive is encrypted"
                continue
            target = out / f"{number:06d}"
            try:
                with archive.open(info) as source, target.open("xb") as sink:
                    size = 0
                    while block := source.read(2**20):
                        size += len(block)
                        if size > limits.file_bytes:
                            raise Refused(f"the file is larger than {limits.file_bytes // 2**20} MiB")
                        if size > 8 * 2**20 and size > limits.archive_ratio * max(1, info.compress_size):
                            raise Refused("the file inflates to many times its size, as no image does")
                        sink.write(block)
            except Refused as refusal:
                target.unlink(missing_ok=True)
                yield info.filename, "", refusal.reason
                continue
            except (
                zipfile.BadZipFile,
                zlib.error,
                OSError,
                EOFError,
                NotImplementedError,
                RuntimeError,
            ) as error:
                target.unlink(missing_ok=True)
                if is_no_room(error):
                    raise
                yield info.filename, "", "damaged inside the archive"
                continue
            written += size
            if written > limits.archive_bytes:
                target.unlink(missing_ok=True)
                raise Refused("the archive inflates past the limit")
            if zipfile.is_zipfile(target):
                target.unlink()
                yield info.filename, "", "an archive inside an archive"
                continue
            yield info.filename, f"{number:06d}", ""
