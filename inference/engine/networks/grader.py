"""
The multitask grader: crops of each joint and series to ordinal grades of each finding.

Crops pass an encoder to one token per (joint, series). A transformer lets the tokens inform one another;
series that a case lacks are masked, so that any subset may be missing. One query token per joint collects
what the heads read.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from inference.engine.networks.encoders import SLICES_OF_A_SLAB, SlabEncoder, VolumeEncoder
from inference.engine.specification import RADIOGRAPHS


@dataclass(frozen=True)
class GraderConfig:
    """
    Shape of a grader.

    Parameters
    ----------
    kinds : tuple of str
        Series kinds, one token each.
    n_grades : mapping of finding to int
    encoder : {"slabs", "resnet18-3d"}
    channels : tuple of int
        Of the slab encoder.
    widen : float
        Of the 3-D encoder.
    width : int
        Length of a token.
    layers, heads : int
        Of the transformer.
    attention : {"joint", "case"}
        Whether the tokens of one joint see each other only, or all tokens of the case.
    n_levels : int
        Number of level pairs; used with ``case`` to tell the joints apart. Sides share one embedding, so
        that a mirrored patient gives mirrored grades.
    share_encoder : bool
        One encoder for all kinds of slices and one for all radiographs, or one each.
    lesions : mapping of kind to int
        Kinds of small lesion that the slab encoder of a series marks.
    """

    kinds: tuple[str, ...]
    n_grades: Mapping[str, int]
    encoder: Literal["slabs", "resnet18-3d"] = "slabs"
    channels: tuple[int, ...] = (12, 24, 48, 64)
    widen: float = 1.0
    width: int = 64
    layers: int = 1
    heads: int = 4
    attention: Literal["joint", "case"] = "joint"
    n_levels: int = 5
    share_encoder: bool = False
    lesions: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> GraderConfig:
        """Read the ``network`` part of a manifest."""
        values = dict(content)
        values["kinds"] = tuple(values["kinds"])
        values["channels"] = tuple(values.get("channels", (12, 24, 48, 64)))
        return cls(**values)

    def to_json(self) -> dict[str, Any]:
        return {
            **{name: getattr(self, name) for name in self.__dataclass_fields__},
            "kinds": list(self.kinds),
            "channels": list(self.channels),
            "n_grades": dict(self.n_grades),
            "lesions": dict(self.lesions),
        }


class AttentionBlock(nn.Module):
    """A transformer layer, normalised first, with a mask of tokens that are there."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.before = nn.LayerNorm(width)
        self.project = nn.Linear(width, 3 * width)
        self.join = nn.Linear(width, width)
        self.between = nn.LayerNorm(width)
        self.feed = nn.Sequential(nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width))

    def forward(self, tokens: Tensor, present: Tensor) -> Tensor:
        n, length, width = tokens.shape
        q, k, v = (
            self.project(self.before(tokens))
            .reshape(n, length, 3, self.heads, width // self.heads)
            .permute(2, 0, 3, 1, 4)
        )
        mixed = functional.scaled_dot_product_attention(q, k, v, attn_mask=present[:, None, None, :])
        tokens = tokens + self.join(mixed.transpose(1, 2).reshape(n, length, width))
        return cast(Tensor, tokens + self.feed(self.between(tokens)))


class Grader(nn.Module):
    """The network. See the module's docstring and `GraderConfig`."""

    def __init__(self, config: GraderConfig) -> None:
        super().__init__()
        self.config = config
        kinds = {self._name_of_encoder(kind): kind for kind in reversed(config.kinds)}
        # In the order of the kinds, so that a seed goes on giving the same weights.
        names = dict.fromkeys(self._name_of_encoder(kind) for kind in config.kinds)
        self.encoders = nn.ModuleDict({name: self._encoder(kinds[name]) for name in names})
        self.kind_marks = nn.Parameter(torch.randn(len(config.kinds), config.width) * 0.02)
        self.query = nn.Parameter(torch.randn(config.width) * 0.02)
        self.level_marks = nn.Parameter(torch.zeros(config.n_levels, config.width))
        self.blocks = nn.ModuleList(
            [AttentionBlock(config.width, config.heads) for _ in range(config.layers)]
        )
        self.last = nn.LayerNorm(config.width)
        self.heads = nn.ModuleDict(
            {finding: nn.Linear(config.width, n - 1) for finding, n in config.n_grades.items()}
        )

    def _encoder(self, kind: str) -> SlabEncoder | VolumeEncoder:
        if self.config.encoder == "slabs":
            slab = 1 if kind in RADIOGRAPHS else SLICES_OF_A_SLAB
            lesions = self.config.lesions.get(kind, 0)
            return SlabEncoder(self.config.channels, self.config.width, lesions, slab)
        return VolumeEncoder(self.config.width, self.config.widen)

    def encoder(self, kind: str) -> SlabEncoder | VolumeEncoder:
        """The encoder of a kind of series."""
        return cast("SlabEncoder | VolumeEncoder", self.encoders[self._name_of_encoder(kind)])

    def _name_of_encoder(self, kind: str) -> str:
        if not self.config.share_encoder:
            return _key(kind)
        return "shared_XR" if kind in RADIOGRAPHS else "shared"

    def tokens(
        self,
        crops: Mapping[str, Tensor],
        present: Mapping[str, Tensor],
        lesions: dict[str, Tensor] | None = None,
        leaves: dict[str, Tensor] | None = None,
    ) -> tuple[Tensor, Tensor]:
        """
        One token per (joint, series).

        Parameters
        ----------
        crops, present
            As `forward` takes them.
        lesions : dict, optional
            Filled with the lesion logits of the crops that are there, per kind, for the loss.
        leaves : dict, optional
            Filled with the encoders' last maps of the crops that are there, per kind, cut off from what made
            them: gradients end there (see `saliency`).

        Returns
        -------
        tokens : Tensor, shape (n_cases, n_joints, n_kinds, width)
        there : Tensor of bool, shape (n_cases, n_joints, n_kinds)
        """
        example = next(iter(present.values()))
        made, there = [], []
        for number, kind in enumerate(self.config.kinds):
            token = self.kind_marks.new_zeros(*example.shape, self.config.width)
            known = present.get(kind)
            if known is None:
                known = torch.zeros_like(example)
            elif bool(known.any()):
                # Only what is there is encoded: a missing series costs nothing and moves no statistics.
                encoder = self.encoder(kind)
                if leaves is None:
                    deep, marks = encoder.maps(crops[kind][known])
                else:
                    with torch.no_grad():
                        fine, deep = encoder.deep_maps(crops[kind][known])
                    leaves[kind] = deep.requires_grad_()
                    marks = encoder.lesion_logits(fine, deep)  # type: ignore[arg-type]
                encoded = encoder.pool(deep, marks)  # type: ignore[arg-type]
                if lesions is not None and marks is not None:
                    lesions[kind] = marks
                token = token.to(encoded.dtype)
                token[known] = encoded + self.kind_marks[number].to(encoded.dtype)
            made.append(token)
            there.append(known)
        return torch.stack(made, dim=2), torch.stack(there, dim=2)

    def collect(self, tokens: Tensor, there: Tensor, levels: Tensor | None = None) -> Tensor:
        """
        What the heads read: one vector per joint, shape (n_cases, n_joints, width).

        Parameters
        ----------
        tokens, there
            As `tokens` returns them.
        levels : Tensor of int64, shape (n_joints,), optional
            Level number of each joint; needed with attention over the case.
        """
        cases, joints, kinds, width = tokens.shape
        query = self.query.to(tokens.dtype).expand(cases, joints, 1, width)
        if self.config.attention == "case" and levels is not None:
            mark = self.level_marks[levels].to(tokens.dtype)[None, :, None, :]
            query, tokens = query + mark, tokens + mark
        sequence = torch.cat([query, tokens], dim=2)
        mask = torch.cat([torch.ones_like(there[:, :, :1]), there], dim=2)
        if self.config.attention == "case":
            sequence, mask = sequence.reshape(cases, -1, width), mask.reshape(cases, -1)
        else:
            sequence, mask = sequence.reshape(cases * joints, -1, width), mask.reshape(cases * joints, -1)
        for block in self.blocks:
            sequence = block(sequence, mask)
        return cast(Tensor, self.last(sequence.reshape(cases, joints, kinds + 1, width)[:, :, 0]))

    def combine(self, tokens: Tensor, there: Tensor, levels: Tensor | None = None) -> dict[str, Tensor]:
        """Logits from tokens; parameters as `collect`."""
        collected = self.collect(tokens, there, levels)
        return {finding: head(collected) for finding, head in self.heads.items()}

    def forward(
        self,
        crops: Mapping[str, Tensor],
        present: Mapping[str, Tensor],
        levels: Tensor | None = None,
        lesions: dict[str, Tensor] | None = None,
    ) -> dict[str, Tensor]:
        """
        Logits of every finding.

        Parameters
        ----------
        crops : mapping of kind to Tensor, shape (n_cases, n_joints, depth, height, width)
            Normalised grey values.
        present : mapping of kind to Tensor of bool, shape (n_cases, n_joints)
            Which of the crops are there. Joints without any are answered too; their caller drops them.
        levels : Tensor of int64, shape (n_joints,), optional
        lesions : dict, optional
            See `tokens`.

        Returns
        -------
        dict of finding to Tensor, shape (n_cases, n_joints, n_grades - 1)
            Conditional logits, see `ordinal`.
        """
        tokens, there = self.tokens(crops, present, lesions)
        return self.combine(tokens, there, levels)


def _key(kind: str) -> str:
    return kind.replace("-", "_")
