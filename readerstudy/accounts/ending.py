"""What must end with a session. Rooms above register what they opened; `sign_out` ends all of it."""

from collections.abc import Callable
from datetime import datetime

SessionEnd = Callable[..., object]
_ENDS: list[SessionEnd] = []


def ends_with_session(function: SessionEnd) -> SessionEnd:
    """Register a function called with ``session_key`` and ``at`` before a session ends."""
    if function not in _ENDS:
        _ENDS.append(function)
    return function


def end_session(*, session_key: str, at: datetime) -> None:
    """End everything that was opened in a session."""
    for function in _ENDS:
        function(session_key=session_key, at=at)
