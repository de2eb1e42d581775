"""From a folder or archive to answers of the reading processes, in order of arrival."""

import hmac
import os
import queue
import stat
import threading
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any
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
    place: int = 0
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


# Files read while a chunk is being committed: as many as a chunk, so that reading never waits for the database.
WAITING = 250
# Files that each reading process is handed ahead, so that it goes on while this process is busy with a chunk.
AHEAD = 16


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
        todo: queue.Queue[Item | None] = queue.Queue(maxsize=AHEAD * self._processes)
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
            asked: deque[Item] = deque()
            more = True
            try:
                while (more or asked) and not stop.is_set():
                    while more and len(asked) < AHEAD:
                        try:
                            item = todo.get_nowait() if asked else todo.get(timeout=0.2)
                        except queue.Empty:
                            break
                        if item is None or item.path is None or item.staged is None:
                            more = False
                        else:
                            reader.ask(item.path, item.staged, syntax=self._syntax)
                            asked.append(item)
                    if not asked:
                        continue
                    item = asked.popleft()
                    item.answer = reader.answer()
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
