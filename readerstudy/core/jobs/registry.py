"""Names of jobs and the functions that do them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Handler = Callable[..., None]


@dataclass(frozen=True)
class JobKind:
    """A kind of job: its name, the queue it waits in, how often it may be tried."""

    name: str
    queue: str = "default"
    max_attempts: int = 5

    def __post_init__(self) -> None:
        _KINDS.setdefault(self.name, self)


_KINDS: dict[str, JobKind] = {}
_HANDLERS: dict[str, Handler] = {}


def known_kinds() -> dict[str, JobKind]:
    """Return every kind that an app has named."""
    return dict(_KINDS)


def job_handler(kind: JobKind) -> Callable[[Handler], Handler]:
    """
    Register the function that does a kind of job.

    The function takes a `JobContext` and the payload as keywords, is safe to run twice, and calls one service.
    """

    def register(function: Handler) -> Handler:
        if kind.name in _HANDLERS and _HANDLERS[kind.name] is not function:
            raise RuntimeError(f"Two handlers for job kind {kind.name}.")
        _HANDLERS[kind.name] = function
        return function

    return register


def handler_of(name: str) -> Any:
    """Return the handler of a kind, or None where no loaded app has one."""
    return _HANDLERS.get(name)
