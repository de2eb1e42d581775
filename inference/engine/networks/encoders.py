"""Encoders: from a crop ``(n, depth, height, width)`` to one vector per crop."""

from __future__ import annotations

from itertools import pairwise
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

#: Neighbouring slices that the small encoder sees together.
SLICES_OF_A_SLAB = 3


class ResidualBlock(nn.Module):
    """Two 3 x 3 convolutions and a short cut."""

    def __init__(self, n_in: int, n_out: int, stride: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(n_in, n_out, 3, stride, 1, bias=False),
            nn.BatchNorm2d(n_out),
            nn.ReLU(inplace=True),
            nn.Conv2d(n_out, n_out, 3, 1, 1, bias=False),
            nn.BatchNorm2d(n_out),
        )
        self.short: nn.Module = nn.Identity()
        if stride != 1 or n_in != n_out:
            self.short = nn.Sequential(nn.Conv2d(n_in, n_out, 1, stride, bias=False), nn.BatchNorm2d(n_out))
        self.after = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        return cast(Tensor, self.after(self.body(x) + self.short(x)))


class SlabEncoder(nn.Module):
    """
    The small 2.5-D encoder for a CPU: slabs of three neighbouring slices through a 2-D network.

    Each slab's map is reduced by its mean and its maximum, and the slabs again by mean and maximum. Small
    lesions (spurs, pits, cysts of 1 to 4 mm) drown in that; so a side branch marks their places on a map of
    a quarter of the resolution, learns from masks, and passes its strongest answers on.

    Parameters
    ----------
    channels : tuple of int
        Channels of the stem and of each stage; every stage after the stem halves the resolution.
    n_out : int
        Length of the crop's vector.
    n_lesions : int
        Kinds of small lesion that the side branch marks; 0 = no branch.
    slab : int
        Slices of a slab; 1 for a radiograph, which is one slice.
    """

    top = 6
    #: Axis of the channels in the last maps.
    channel_axis = 2

    def __init__(
        self, channels: tuple[int, ...], n_out: int, n_lesions: int = 0, slab: int = SLICES_OF_A_SLAB
    ) -> None:
        super().__init__()
        self.n_lesions = n_lesions
        self.slab = slab
        self.stem = nn.Sequential(
            nn.Conv2d(self.slab, channels[0], 3, 1, 1, bias=False),
            nn.BatchNorm2d(channels[0]),
            nn.ReLU(inplace=True),
        )
        pairs = list(pairwise(channels))
        self.stages = nn.Sequential(*[ResidualBlock(a, b, 2) for a, b in pairs[:-1]])
        self.last = ResidualBlock(*pairs[-1], 2)
        if n_lesions:
            width = 32
            self.lateral = nn.Conv2d(channels[-2], width, 1)
            self.above = nn.Conv2d(channels[-1], width, 1)
            self.mark = nn.Sequential(
                nn.ReLU(inplace=True),
                nn.Conv2d(width, width, 3, 1, 1, bias=False),
                nn.BatchNorm2d(width),
                nn.ReLU(inplace=True),
                nn.Conv2d(width, n_lesions, 1),
            )
            # Lesions are rare: start from "nowhere".
            bias = self.mark[-1].bias
            nn.init.constant_(cast(Tensor, bias), -4.0)
        self.out = nn.Linear(4 * channels[-1] + 3 * n_lesions, n_out)

    def maps(self, crops: Tensor) -> tuple[Tensor, Tensor | None]:
        """
        Feature maps and lesion logits.

        Parameters
        ----------
        crops : Tensor, shape (n, depth, height, width)
            Depth a multiple of the slab.

        Returns
        -------
        deep : Tensor, shape (n, n_slabs, channels, height', width')
        lesions : Tensor or None, shape (n, n_slabs, n_lesions, 2 height', 2 width')
        """
        fine, deep = self.deep_maps(crops)
        return deep, self.lesion_logits(fine, deep)

    def deep_maps(self, crops: Tensor) -> tuple[Tensor, Tensor]:
        """The last maps but one, and the last: what `lesion_logits` and `pool` work on."""
        n, depth, height, width = crops.shape
        if depth % self.slab:
            raise ValueError(f"depth must be a multiple of {self.slab}, got {depth}")
        flat = crops.reshape(n * depth // self.slab, self.slab, height, width)
        fine = self.stages(self.stem(flat))
        deep = self.last(fine)
        return tuple(each.reshape(n, depth // self.slab, *each.shape[1:]) for each in (fine, deep))

    def lesion_logits(self, fine: Tensor, deep: Tensor) -> Tensor | None:
        """What the side branch makes of the maps; None where there is no such branch."""
        if not self.n_lesions:
            return None
        above = functional.interpolate(self.above(deep.flatten(0, 1)), size=fine.shape[-2:], mode="nearest")
        lesions = self.mark(self.lateral(fine.flatten(0, 1)) + above)
        return cast(Tensor, lesions.reshape(*deep.shape[:2], *lesions.shape[1:]))

    def pool(self, deep: Tensor, lesions: Tensor | None) -> Tensor:
        """One vector per crop from `maps`."""
        each = torch.cat([deep.mean(dim=(3, 4)), deep.amax(dim=(3, 4))], dim=2)
        parts = [each.mean(dim=1), each.amax(dim=1)]
        if lesions is not None:
            flat = lesions.transpose(1, 2).flatten(2)
            best = flat.topk(self.top, dim=2).values
            # The strongest answer, the strongest few, and how many there are.
            parts += [best[..., 0] / 4, best.mean(dim=2) / 4, torch.log1p(flat.sigmoid().sum(dim=2))]
        return cast(Tensor, self.out(torch.cat(parts, dim=1)))

    def forward(self, crops: Tensor) -> Tensor:
        return self.pool(*self.maps(crops))


class VolumeEncoder(nn.Module):
    """
    The reference encoder: MONAI's 3-D ResNet-18 on the whole crop.

    Parameters
    ----------
    n_out : int
        Length of the crop's vector.
    widen : float
        Factor on the network's channels (1 = 64 to 512).
    """

    slab = 1
    channel_axis = 1

    def __init__(self, n_out: int, widen: float = 1.0) -> None:
        super().__init__()
        from monai.networks.nets.resnet import ResNet, ResNetBlock

        planes = [max(8, int(c * widen)) for c in (64, 128, 256, 512)]
        self.body: nn.Module = ResNet(
            block=ResNetBlock,
            layers=[2, 2, 2, 2],
            block_inplanes=planes,
            spatial_dims=3,
            n_input_channels=1,
            conv1_t_size=3,
            conv1_t_stride=1,
            no_max_pool=False,
            num_classes=n_out,
        )

    def maps(self, crops: Tensor) -> tuple[Tensor, None]:
        """Feature maps, shape (n, channels, depth', height', width'), and no lesion logits."""
        net = self.body
        x = net.act(net.bn1(net.conv1(crops[:, None])))  # type: ignore[operator]
        for layer in (net.layer1, net.layer2, net.layer3, net.layer4):
            x = layer(x)  # type: ignore[operator]
        return cast(Tensor, x), None

    def deep_maps(self, crops: Tensor) -> tuple[None, Tensor]:
        """As `SlabEncoder.deep_maps`; there is nothing before the last maps that anything else needs."""
        return None, self.maps(crops)[0]

    def lesion_logits(self, fine: None, deep: Tensor) -> None:
        """There is no side branch."""

    def pool(self, maps: Tensor, lesions: None = None) -> Tensor:
        """One vector per crop from `maps`."""
        return cast(Tensor, self.body.fc(maps.mean(dim=(2, 3, 4))))  # type: ignore[operator]

    def forward(self, crops: Tensor) -> Tensor:
        return self.pool(*self.maps(crops))
