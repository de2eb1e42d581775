"""What an import takes in, file by file, whatever it comes from."""

import hmac
import os
import queue
import stat
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar, cast
from uuid import UUID

from django.conf import settings

from readerstudy.core.keys import derive_key
from readerstudy.dicom.archive_file import is_clutter
from readerstudy.dicom.limits import Limits
from readerstudy.imaging import stores
from readerstudy.imaging.archive import Archive, ArchiveStudies, NotDelivered
from readerstudy.imaging.reader_process import ReaderProcess


@dataclass
class Item:
    """One file on its way in: its name for people, where it lies, and what the reading process said."""

    name: str
    name_key: str
    path: Path | None = None
    staged: Path | None = None
    expected: str = ""
    answer: dict[str, Any] = field(default_factory=dict)


@lru_cache(maxsize=8)
def _names_key(master_fingerprint: int, batch: str) -> bytes:
    return derive_key("imaging.import-names", batch)


def name_key(batch: str, name: str) -> str:
    """Return the keyed hash by which a file is recognised when its import is resumed."""
    key = _names_key(hash(settings.READERSTUDY_MASTER_KEY), batch)
    return hmac.new(key, name.encode("utf-8", "surrogateescape"), "sha256").hexdigest()[:32]


def _walk(source: Path) -> Iterator[tuple[str, Path]]:
    if source.is_file():
        yield source.name, source
        return
    skipped = len(str(source).rstrip(os.sep)) + 1
    for folder, folders, files in os.walk(source):
        folders.sort()
        for file in sorted(files):
            path = os.path.join(folder, file)
            yield path[skipped:], Path(path)


def _first_bytes(path: Path) -> bytes | None:
    """Return how a file begins, None where it cannot be opened."""
    try:
        with open(path, "rb", buffering=0) as stream:
            return stream.read(4)
    except OSError:
        return None


def _is_archive(head: bytes, name: str) -> bool:
    return head in (b"PK\x03\x04", b"PK\x05\x06") or name.lower().endswith(".zip")


@dataclass(frozen=True)
class Work:
    """What a source needs to know of the import that it feeds."""

    batch: str
    staging: Path
    limits: Limits
    skip: frozenset[str]

    def item(self, name: str, **fields: Any) -> Item:
        """Return an item of this import."""
        return Item(name, name_key(self.batch, name), **fields)

    def wants(self, name: str) -> bool:
        """Return whether a file still has no outcome."""
        return name_key(self.batch, name) not in self.skip


Source = Callable[[Work, ReaderProcess], Iterator[Item]]


@dataclass(frozen=True)
class UploadedFiles:
    """The files that were sent to an import one by one, as its source."""

    def as_text(self) -> str:
        """Return the source as a text."""
        return "upload:"


def inbox_name(batch: UUID) -> str:
    """Return the name of the staging folder that holds an import's uploaded files."""
    return f"upload-{batch}"


def _inbox(scope: UUID, batch: UUID) -> Iterator[tuple[str, Path]]:
    folder = stores.staging_folder(inbox_name(batch))
    named = []
    for path in folder.glob("*.name"):
        name = stores.open_source(scope, path.read_bytes())
        named.append((name, path.with_suffix("")))
    # By name, so that the order does not depend on which file arrived first.
    yield from ((name, path) for name, path in sorted(named) if path.exists())


def upload_source(scope: UUID, batch: UUID) -> Source:
    """Return the source that yields the files that were uploaded to an import."""
    return _files_source(lambda: _inbox(scope, batch))


def folder_source(source: Path) -> Source:
    """Return the source that yields every file of a folder, a single file, or an archive file."""
    return _files_source(lambda: _walk(source))


_T = TypeVar("_T")
# As many as two reading processes are handed ahead.
_FETCHED_AHEAD = 64


def _ahead(items: Iterator[_T]) -> Iterator[_T]:
    """Yield what `items` yields, made by a thread meanwhile: where its maker waits, for a network or a process."""
    made: queue.Queue[tuple[bool, _T | BaseException | None]] = queue.Queue(maxsize=_FETCHED_AHEAD)
    stop = threading.Event()

    def put(is_item: bool, value: _T | BaseException | None) -> None:
        while not stop.is_set():
            try:
                made.put((is_item, value), timeout=0.2)
                return
            except queue.Full:
                continue

    def produce() -> None:
        try:
            for item in items:
                put(True, item)
                if stop.is_set():
                    return
            put(False, None)
        except BaseException as error:
            put(False, error)

    thread = threading.Thread(target=produce, daemon=True, name="import-files")
    thread.start()
    try:
        while True:
            is_item, value = made.get()
            if is_item:
                yield cast("_T", value)
            elif isinstance(value, BaseException):
                raise value
            else:
                return
    finally:
        stop.set()
        thread.join()


def _files_source(walk: Callable[[], Iterator[tuple[str, Path]]]) -> Source:
    def items(work: Work, reader: ReaderProcess) -> Iterator[Item]:
        # Files that cannot even be looked at carry their refusal already.
        archives = 0
        for name, path in walk():
            if is_clutter(name):
                continue
            if not stat.S_ISREG(path.lstat().st_mode):
                yield work.item(name, answer={"refused": "a link, not a file"})
                continue
            head = _first_bytes(path)
            if head is None:
                yield work.item(name, answer={"refused": "the file cannot be opened"})
                continue
            if not _is_archive(head, name):
                yield work.item(name, path=path)
                continue
            archives += 1
            folder = work.staging / f"archive-{archives}"
            folder.mkdir(mode=0o700)
            for inner, number, reason in _ahead(reader.expand(path, folder)):
                full = f"{name}/{inner}" if inner else name
                if reason:
                    yield work.item(full, answer={"refused": reason})
                else:
                    yield work.item(full, path=folder / number)

    return items


def archive_source(studies: ArchiveStudies) -> Source:
    """Return the source that fetches imaging studies of an archive, object by object."""

    def fetched(work: Work, reader: ReaderProcess) -> Iterator[Item]:
        archive = Archive(studies.archive)
        folder = work.staging / "fetched"
        folder.mkdir(mode=0o700)
        number = 0
        for study in studies.study_uids:
            for series, instance in archive.instances(study):
                name = f"{study}/{series}/{instance}"
                if not work.wants(name):
                    continue
                number += 1
                path = folder / f"{number:07d}"
                try:
                    archive.fetch(study, series, instance, path, limit=work.limits.file_bytes)
                except NotDelivered as failure:
                    yield work.item(name, answer={"refused": str(failure)})
                else:
                    yield work.item(name, path=path, expected=instance)

    def items(work: Work, reader: ReaderProcess) -> Iterator[Item]:
        yield from _ahead(fetched(work, reader))

    return items
