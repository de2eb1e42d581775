"""Where networks can run on this machine."""

import torch


def has_graphics_card() -> bool:
    """Return whether torch sees a graphics card."""
    return torch.cuda.is_available()
