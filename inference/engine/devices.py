"""What networks run on: the processor's threads, and a graphics card where there is one."""

import torch
from threadpoolctl import threadpool_limits


def has_graphics_card() -> bool:
    """Return whether torch sees a graphics card."""
    return torch.cuda.is_available()


def use_threads(count: int) -> None:
    """
    Bound the threads of this process from now on.

    torch and the linear algebra below numpy count theirs apart: a worker "of one thread" whose crops are cut by two
    takes its neighbour's core.

    Parameters
    ----------
    count : int
    """
    torch.set_num_threads(count)
    threadpool_limits(count, user_api="blas")
