"""Training of attention over tiles on one word per bag, and how often its peak lies in the lesion."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from inference.engine.crops import CropSpec
from inference.engine.intensity import scale_crop
from inference.engine.networks.attention import AttentionConfig, AttentionNetwork
from inference.engine.networks.encoders import SlabEncoder
from inference.engine.saliency import cell_affine
from inference.engine.stacks import Array
from readerstudy.phantom.body.cervical import TUMOUR_CLASSES, sample_cervical_body
from readerstudy.phantom.render import AXIAL, plane_affine
from readerstudy.phantom.scene import Canvas, compose

#: Windows of a neck, as the lumbar encoder takes crops.
WINDOW = CropSpec(18, 64, 64, 2.0, 0.8)


@dataclass(frozen=True)
class Bags:
    """
    Windows with one word each, and what nobody tells the network: where the lesion lies.

    Attributes
    ----------
    windows : ndarray of float32, shape (n, depth, height, width)
    labels : ndarray of bool, shape (n,)
    classes : tuple of str
        Class of each window's tumour, ``none`` without.
    covered : ndarray, shape (n, depth, height, width)
        Whether each sample lies in the lesion.
    """

    windows: Array
    labels: NDArray[np.bool_]
    classes: tuple[str, ...]
    covered: NDArray[np.bool_]


def neck_bags(n: int, *, seed: int) -> Bags:
    """
    Windows of CT of cervical phantoms, every other one with a tumour somewhere in it.

    Windows lie about a vertebra drawn alike with and without a tumour, so that their place says nothing.

    Parameters
    ----------
    n, seed : int
        Every case is a function of the seed and its number.
    """
    windows, labels, classes, covered = [], [], [], []
    grid = np.stack(np.meshgrid(*[np.arange(side) for side in WINDOW.shape], indexing="ij"), axis=-1)
    for number in range(n):
        rng = np.random.default_rng([seed, number])
        name = TUMOUR_CLASSES[number // 2 % 3] if number % 2 == 0 else "none"
        body = sample_cervical_body(rng, tumour=name)
        names = [vertebra.name for vertebra in body.vertebrae]
        at = int(rng.integers(1, 6))
        if body.lesions:
            at = names.index(body.lesions[0].level)
        # The window may lie a vertebra off; the tumour is somewhere in it, not in its middle.
        vertebra = body.vertebrae[int(np.clip(at + rng.integers(-1, 2), 1, 5))]
        middle = vertebra.centre_mm + rng.uniform(-6, 6, size=3)
        affine = plane_affine(middle, WINDOW.shape, (2.0, 0.8, 0.8), AXIAL)
        image = compose(body, Canvas(WINDOW.shape, affine), ("CT",))[0]
        image = image + rng.normal(0, 24, WINDOW.shape)
        inside = np.zeros(WINDOW.shape, dtype=bool)
        for lesion in body.lesions:
            own = (grid @ affine[:3, :3].T + affine[:3, 3] - lesion.centre_mm) @ lesion.axes / lesion.half_mm
            inside |= (own**2).sum(axis=-1) <= 1
        # A tumour outside the window is none.
        there = bool(inside.sum() > 40)
        windows.append(scale_crop("CT", image.astype(np.float32)))
        labels.append(there)
        classes.append(name if there else "none")
        covered.append(inside)
    return Bags(np.stack(windows), np.array(labels), tuple(classes), np.stack(covered))


def take_encoder(network: AttentionNetwork, encoder: SlabEncoder) -> None:
    """Copy what another task taught an encoder of the same channels."""
    own = network.encoder.state_dict()
    theirs = {name: value for name, value in encoder.state_dict().items() if name.split(".")[0] != "out"}
    network.encoder.load_state_dict({**own, **{name: theirs[name] for name in own if name in theirs}})


@torch.no_grad()
def tiles_of(network: AttentionNetwork, windows: Array, batch: int = 20) -> Tensor:
    """Tiles of many windows, in half precision to keep them small."""
    parts = [
        network.tiles(torch.from_numpy(windows[start : start + batch])).half()
        for start in range(0, len(windows), batch)
    ]
    return torch.cat(parts)


@dataclass(frozen=True)
class PresenceSettings:
    """How to train: epochs, bags per step, learning rate, weight decay, seed."""

    epochs: int = 12
    batch: int = 20
    learning_rate: float = 3e-3
    weight_decay: float = 3e-2
    seed: int = 0


def train_presence(
    config: AttentionConfig, encoder: SlabEncoder, bags: Bags, settings: PresenceSettings
) -> AttentionNetwork:
    """
    Learn from one word per bag. Equal trainings on one CPU are equal bit for bit.

    Parameters
    ----------
    config : AttentionConfig
    encoder : SlabEncoder
        Of the same channels; it is copied and stays as it is.
    bags : Bags
        `covered` and `classes` are not looked at.
    settings : PresenceSettings
    """
    torch.manual_seed(settings.seed)
    network = AttentionNetwork(config)
    take_encoder(network, encoder)
    network.eval()
    tiles = tiles_of(network, bags.windows)
    sample = tiles[::4].float()
    network.centre.copy_(sample.mean(dim=(0, 2, 3, 4)))
    network.spread.copy_(sample.std(dim=(0, 2, 3, 4)).clamp_min(1e-4))
    labels = torch.from_numpy(bags.labels.astype(np.float32))
    learning = [parameter for parameter in network.parameters() if parameter.requires_grad]
    optimiser = torch.optim.AdamW(learning, lr=settings.learning_rate, weight_decay=settings.weight_decay)
    per_epoch = math.ceil(len(labels) / settings.batch)
    steps = settings.epochs * per_epoch
    network.train()
    for epoch in range(settings.epochs):
        order = torch.from_numpy(np.random.default_rng([settings.seed, epoch]).permutation(len(labels)))
        for number in range(per_epoch):
            part = order[number * settings.batch : (number + 1) * settings.batch]
            done = epoch * per_epoch + number
            for group in optimiser.param_groups:
                group["lr"] = settings.learning_rate * min(1.0, (done + 1) / 10) * (1 - done / steps)
            logits, _ = network(tiles[part].float())
            loss = functional.binary_cross_entropy_with_logits(logits, labels[part])
            optimiser.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
    return network.eval()


@dataclass(frozen=True)
class PresenceFigures:
    """
    How a network does on bags that it has not seen.

    Attributes
    ----------
    auc : float
        Bags with a lesion against bags without.
    hit : float
        Share of the bags with a lesion whose strongest tile has its middle in the lesion.
    hit_low, hit_high : float
        Wilson's 95 % interval.
    share, share_high : float
        The lesions' mean share of the window, and its upper 95 % bound over resampled bags.
    by_place : float
        What the same peaks would hit if each were put on another bag: where lesions lie by habit.
    n : int
        Bags with a lesion.
    """

    auc: float
    hit: float
    hit_low: float
    hit_high: float
    share: float
    share_high: float
    by_place: float
    n: int


@torch.no_grad()
def presence_figures(network: AttentionNetwork, bags: Bags, *, seed: int = 0) -> PresenceFigures:
    """Figures on unseen bags; see `PresenceFigures`."""
    logits, peaks = [], []
    for window in bags.windows:
        logit, shares = network(network.tiles(torch.from_numpy(window)[None]))
        logits.append(float(logit[0]))
        peaks.append(np.unravel_index(int(shares[0].argmax()), shares.shape[1:]))
    score, there = np.array(logits), bags.labels
    above = score[there][:, None] - score[~there][None]
    auc = float((above > 0).mean() + 0.5 * (above == 0).mean())
    cells = shares.shape[1:]
    to_sample = cell_affine(np.eye(4), WINDOW.shape, cells, network.encoder.slab)
    places = np.array([(to_sample @ [*peak, 1])[:3].round().astype(int) for peak in peaks])[there]
    covered = bags.covered[there]
    hits = _inside(covered, places)
    rng = np.random.default_rng(seed)
    elsewhere = [_inside(covered, np.roll(places, k, axis=0)).mean() for k in range(1, len(places))]
    share = covered.mean(axis=(1, 2, 3))
    resampled = [share[rng.integers(0, len(share), len(share))].mean() for _ in range(1000)]
    low, high = wilson(int(hits.sum()), len(hits))
    return PresenceFigures(
        auc,
        float(hits.mean()),
        low,
        high,
        float(share.mean()),
        float(np.percentile(resampled, 97.5)),
        float(np.mean(elsewhere)),
        len(hits),
    )


def _inside(covered: NDArray[np.bool_], places: NDArray[np.intp]) -> NDArray[np.bool_]:
    return covered[np.arange(len(places)), places[:, 0], places[:, 1], places[:, 2]]


def wilson(hits: int, n: int, z: float = 1.959964) -> tuple[float, float]:
    """
    Wilson's interval of a share.

    References
    ----------
    .. [1] Wilson EB. J Am Stat Assoc 1927;22:209-212. doi:10.1080/01621459.1927.10502953
    """
    p, scale = hits / n, 1 + z**2 / n
    middle = (p + z**2 / (2 * n)) / scale
    half = z / scale * math.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
    return max(0.0, middle - half), min(1.0, middle + half)


def by_class(network: AttentionNetwork, bags: Bags) -> dict[str, PresenceFigures]:
    """Figures of each class of tumour against all windows without."""
    return {
        name: presence_figures(network, _of(bags, [kind in (name, "none") for kind in bags.classes]))
        for name in TUMOUR_CLASSES
    }


def _of(bags: Bags, keep: Sequence[bool]) -> Bags:
    chosen = np.flatnonzero(keep)
    return Bags(
        bags.windows[chosen],
        bags.labels[chosen],
        tuple(bags.classes[int(i)] for i in chosen),
        bags.covered[chosen],
    )
