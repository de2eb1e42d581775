"""A few reading processes at work on one import, driven by one loop without threads."""

import time
from collections import deque
from collections.abc import Iterator
from contextlib import ExitStack

from readerstudy.dicom.limits import Limits
from readerstudy.imaging.child_maker import ChildMaker, lent_maker
from readerstudy.imaging.intake_queue import Item, Source, Work
from readerstudy.imaging.reader_process import ReaderProcess, wait_for_answers

OTHER_THAN_ASKED = "the archive delivered another image than the one asked for"

# Files that each reading process is handed ahead, so that it goes on while this process is busy with a chunk.
AHEAD = 32
# Files handed out whose turn has not come: as many as a chunk, so that one slow file holds nobody up.
WAITING = 250
_GATHERING_S = 0.02


class _Reader(ReaderProcess):
    """A reading process and the files that it was handed, in their order."""

    def __init__(self, limits: Limits, maker: ChildMaker) -> None:
        super().__init__(limits, maker=maker)
        self.items: deque[Item] = deque()


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

    def read(self, source: Source, work: Work) -> Iterator[Item]:
        """
        Yield each item with its answer, in the order of the source; those that `work` does not want are left out.

        The order decides which of two clashing files stays, so it must not depend on which process was
        faster. Not more than `WAITING` files wait for their turn, whatever the folder's size.
        """
        with ExitStack() as stack:
            maker = stack.enter_context(lent_maker(self._limits))
            expander = stack.enter_context(ReaderProcess(self._limits, maker=maker))
            readers = [stack.enter_context(_Reader(self._limits, maker)) for _ in range(self._processes)]
            wanted = _wanted(source, work, expander)
            turns: deque[Item] = deque()
            more = True
            while more or turns:
                more = more and self._hand_out(wanted, readers, turns)
                while turns and turns[0].answer:
                    yield turns.popleft()
                if turns and any(reader.items for reader in readers):
                    _take_answers(readers)

    def _hand_out(self, wanted: Iterator[Item], readers: list[_Reader], turns: deque[Item]) -> bool:
        """Give the readers what they have room for; returns whether the source has more."""
        while len(turns) < WAITING:
            reader = min(readers, key=lambda each: len(each.items))
            if len(reader.items) >= AHEAD:
                return True
            item = next(wanted, None)
            if item is None:
                return False
            turns.append(item)
            # A file that cannot even be looked at carries its refusal already.
            if not item.answer and item.path is not None and item.staged is not None:
                reader.items.append(item)
                reader.ask(item.path, item.staged, syntax=self._syntax)
        return True


def _wanted(source: Source, work: Work, expander: ReaderProcess) -> Iterator[Item]:
    number = 0
    for item in source(work, expander):
        if item.name_key in work.skip:
            continue
        number += 1
        item.staged = work.staging / f"f{number:07d}"
        yield item


def _take_answers(readers: list[_Reader]) -> None:
    """Wait until a reader has answered, and take what has come from all."""
    busy = [reader for reader in readers if reader.items]
    if min(len(reader.items) for reader in busy) > AHEAD // 2:
        # Nobody waits for this process: it lets some answers gather instead of taking the processor for each.
        time.sleep(_GATHERING_S)
    wait_for_answers(busy)
    for reader in busy:
        while reader.items and reader.has_answer:
            item = reader.items.popleft()
            item.answer = reader.answer()
            if item.expected and item.answer.get("uids", {}).get("instance", item.expected) != item.expected:
                item.answer = {"refused": OTHER_THAN_ASKED}
