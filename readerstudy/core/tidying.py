"""What is cleared away from time to time: rooms above register how, and a worker does it."""

import logging
from collections.abc import Callable
from datetime import datetime

logger = logging.getLogger(__name__)

Tidying = Callable[..., object]
_TIDYINGS: list[Tidying] = []


def tidies_up(function: Tidying) -> Tidying:
    """Register a function called with ``now`` every few minutes; safe to call at any time, and twice."""
    if function not in _TIDYINGS:
        _TIDYINGS.append(function)
    return function


def tidy_up(*, now: datetime) -> None:
    """Do all of it; what fails is logged, and hinders nothing else."""
    for function in _TIDYINGS:
        try:
            function(now=now)
        except Exception as error:
            logger.warning("%s failed and is tried again: %s", function.__qualname__, error)
