"""
Whether a lesion is there, learnt from that one word per case, and where: attention over tiles.

A window of a series is a bag of tiles, the cells of an encoder's maps. The encoder learnt another task and stays as it
is. Gated attention [1]_ says how much each tile counts; the bag's answer is the attended mean of the tiles' evidence.
Evidence is never negative: a tile can speak for a lesion, never against it. Without that bound the network answers as
well, but attends to what speaks for health, and its map says nothing of where a lesion lies.

References
----------
.. [1] Ilse M, Tomczak JM, Welling M. Attention-based deep multiple instance learning. ICML 2018. arXiv:1802.04712
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from inference.engine.networks.encoders import SlabEncoder


@dataclass(frozen=True)
class AttentionConfig:
    """
    Shape of the network.

    Parameters
    ----------
    kind : str
        Of the series that it sees.
    channels : tuple of int
        Of the frozen slab encoder.
    width : int
        Length of a tile's vector.
    dropout : float
    """

    kind: str
    channels: tuple[int, ...] = (12, 24, 48, 64)
    width: int = 32
    dropout: float = 0.2

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> AttentionConfig:
        """Read the ``network`` part of a manifest."""
        return cls(**{**content, "channels": tuple(content["channels"])})

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "channels": list(self.channels)}


class AttentionNetwork(nn.Module):
    """The network; see the module's docstring."""

    centre: Tensor
    spread: Tensor

    def __init__(self, config: AttentionConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = SlabEncoder(config.channels, 1)
        self.encoder.requires_grad_(False)
        n, width = config.channels[-1] + config.channels[-2], config.width
        self.register_buffer("centre", torch.zeros(n))
        self.register_buffer("spread", torch.ones(n))
        self.tile = nn.Conv1d(n, width, 1)
        self.look = nn.Conv1d(width, width, 1)
        self.gate = nn.Conv1d(width, width, 1)
        self.weigh = nn.Conv1d(width, 1, 1)
        self.evidence = nn.Conv1d(width, 1, 1)
        self.doubt = nn.Parameter(torch.tensor(-1.0))

    def train(self, mode: bool = True) -> AttentionNetwork:
        """The encoder stays as it is, its running statistics too."""
        super().train(mode)
        self.encoder.eval()
        return self

    @torch.no_grad()
    def tiles(self, windows: Tensor) -> Tensor:
        """
        What the encoder sees in each tile.

        Parameters
        ----------
        windows : Tensor, shape (n, depth, height, width)

        Returns
        -------
        Tensor, shape (n, channels, slabs, height', width')
            On the finer of the encoder's last two maps; the coarser one repeats itself.
        """
        fine, deep = self.encoder.deep_maps(windows)
        wide = functional.interpolate(deep.flatten(0, 1), size=fine.shape[-2:], mode="nearest")
        wide = wide.reshape(*fine.shape[:2], -1, *fine.shape[-2:])
        return torch.cat([fine, wide], dim=2).transpose(1, 2)

    def forward(self, tiles: Tensor) -> tuple[Tensor, Tensor]:
        """
        Answers to bags.

        Parameters
        ----------
        tiles : Tensor, shape (n, channels, slabs, height, width)
            As `tiles` gives them.

        Returns
        -------
        logits : Tensor, shape (n,)
            That a lesion is there.
        shares : Tensor, shape (n, slabs, height, width)
            What each tile adds to the logit; not negative.
        """
        flat = (tiles.flatten(2) - self.centre[:, None]) / self.spread[:, None]
        drop = self.config.dropout if self.training else 0.0
        hidden = functional.dropout(torch.relu(self.tile(functional.dropout(flat, drop))), drop)
        attention = self.weigh(torch.tanh(self.look(hidden)) * torch.sigmoid(self.gate(hidden)))
        shares = attention.softmax(dim=2) * functional.softplus(self.evidence(hidden))
        shares = shares[:, 0]
        return self.doubt + shares.sum(dim=1), shares.reshape(len(tiles), *tiles.shape[2:])
