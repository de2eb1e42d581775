"""From a folder or archive to answers of the reading processes, in order of arrival."""

import hmac
import os
import queue
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

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
    place: int = 0
    path: Path | None = None
    staged: Path | None = None
    expected: str = ""
    answer: dict[str, Any] = field(default_factory=dict)


def name_key(batch: str, name: str) -> str:
    """Return the keyed hash by which a file is recognised when its import is resumed."""
    key = derive_key("imaging.import-names", batch)
    return hmac.new(key, name.encode("utf-8", "surrogateescape"), "sha256").hexdigest()[:32]


def _walk(source: Path) -> Iterator[tuple[str, Path]]:
    if source.is_file():
        yield source.name, source
        return
    for folder, folders, files in os.walk(source):
        folders.sort()
        for file in sorted(files):
            path = Path(folder) / file
            yield str(path.relative_to(source)), path


def _is_archive(path: Path, name: str) -> bool:
    try:
        with path.open("rb") as stream:
            head = stream.read(4)
    except OSError:
        return False
    return head[:4] in (b"PK\x03\x04", b"PK\x05\x06") or name.lower().endswith(".zip")


# Files read while a chunk is being committed: as many as a chunk, so that reading never waits for the database.
WAITING = 250


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


def _files_source(walk: Callable[[], Iterator[tuple[str, Path]]]) -> Source:
    def items(work: Work, reader: ReaderProcess) -> Iterator[Item]:
        # Files that cannot even be looked at carry their refusal already.
        archives = 0
        for name, path in walk():
            if is_clutter(name):
                continue
            if path.is_symlink() or not path.is_file():
                yield work.item(name, answer={"refused": "a link, not a file"})
                continue
            if not os.access(path, os.R_OK):
                yield work.item(name, answer={"refused": "the file cannot be opened"})
                continue
            if not _is_archive(path, name):
                yield work.item(name, path=path)
                continue
            archives += 1
            folder = work.staging / f"archive-{archives}"
            folder.mkdir(mode=0o700)
            for inner, number, reason in reader.expand(path, folder):
                full = f"{name}/{inner}" if inner else name
                if reason:
                    yield work.item(full, answer={"refused": reason})
                else:
                    yield work.item(full, path=folder / number)

    return items


def archive_source(studies: ArchiveStudies) -> Source:
    """Return the source that fetches imaging studies of an archive, object by object."""

    def items(work: Work, reader: ReaderProcess) -> Iterator[Item]:
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

    return items


class ReadingPool:
    """
    A few reading processes at work on one import.

    Parameters
    ----------
    limits : Limits
        Bounds of each process.
    processes : int
        How many (one per core is right).
    syntax : str
        Form of the frames, see `dicom.pixels`.
    """

    def __init__(self, limits: Limits, *, processes: int, syntax: str) -> None:
        self._limits = limits
        self._processes = processes
        self._syntax = syntax
        self.peak_memory_bytes = 0

    def read(
        self,
        source: Source,
        work: Work,
    ) -> Iterator[Item]:
        """
        Yield each item with its answer, in the order of the source; those that `work` does not want are left out.

        The order decides which of two clashing files stays, so it must not depend on which process was
        faster. Not more than `WAITING` files wait between reading and committing, whatever the folder's size.
        """
        todo: queue.Queue[Item | None] = queue.Queue(maxsize=8 * self._processes)
        done: queue.Queue[Item | BaseException | None] = queue.Queue(maxsize=WAITING)
        stop = threading.Event()

        def put(target: "queue.Queue[Any]", value: object) -> bool:
            while not stop.is_set():
                try:
                    target.put(value, timeout=0.2)
                    return True
                except queue.Full:
                    continue
            return False

        def produce() -> None:
            try:
                with ReaderProcess(self._limits) as reader:
                    number = 0
                    for item in source(work, reader):
                        if item.name_key in work.skip:
                            continue
                        number += 1
                        item.place = number
                        item.staged = work.staging / f"f{number:07d}"
                        if not put(done if item.answer else todo, item):
                            return
            except BaseException as error:
                put(done, error)
            finally:
                for _ in range(self._processes):
                    put(todo, None)

        def read() -> None:
            reader = ReaderProcess(self._limits)
            try:
                while not stop.is_set():
                    try:
                        item = todo.get(timeout=0.2)
                    except queue.Empty:
                        continue
                    if item is None:
                        return
                    if item.path is not None and item.staged is not None:
                        item.answer = reader.read(item.path, item.staged, syntax=self._syntax)
                        if (
                            item.expected
                            and item.answer.get("uids", {}).get("instance", item.expected) != item.expected
                        ):
                            item.answer = {
                                "refused": "the archive delivered another image than the one asked for"
                            }
                    if not put(done, item):
                        return
            except BaseException as error:
                put(done, error)
            finally:
                reader.stop()
                self.peak_memory_bytes = max(self.peak_memory_bytes, reader.peak_memory_bytes)
                put(done, None)

        threads = [threading.Thread(target=produce, daemon=True, name="import-files")]
        threads += [
            threading.Thread(target=read, daemon=True, name=f"import-read-{k}")
            for k in range(self._processes)
        ]
        for thread in threads:
            thread.start()
        try:
            running, following = self._processes, 1
            early: dict[int, Item] = {}
            while running:
                value = done.get()
                if value is None:
                    running -= 1
                elif isinstance(value, BaseException):
                    raise value
                else:
                    early[value.place] = value
                while following in early:
                    yield early.pop(following)
                    following += 1
        finally:
            stop.set()
            for thread in threads:
                thread.join()
