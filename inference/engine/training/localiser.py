"""Training of the localiser on coarse phantom volumes."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from inference.engine.networks.localiser import Localiser, LocaliserConfig, localiser_loss
from inference.engine.training.phantom_joints import CoarseVolumes


def train_localiser(
    config: LocaliserConfig,
    volumes: CoarseVolumes,
    *,
    epochs: int,
    batch: int = 16,
    learning_rate: float = 2e-3,
    seed: int = 1,
    device: str = "cpu",
    after_epoch: Callable[[int, float], None] | None = None,
) -> Localiser:
    """
    Train a localiser.

    Volumes are mirrored (sides exchanged) half of the time, shifted, cut to smaller fields of view, and
    changed in contrast; MR is also shown with its contrast turned round, as T1 weighting shows fluid.

    Parameters
    ----------
    config : LocaliserConfig
    volumes : CoarseVolumes
    epochs, batch, learning_rate, seed : numbers
    device : str
        As torch names it.
    after_epoch : callable, optional
        Called with the epoch's number and mean loss.

    Returns
    -------
    Localiser
    """
    torch.manual_seed(seed)
    model = Localiser(config).to(device)
    optimiser = torch.optim.AdamW(model.parameters(), lr=learning_rate, weight_decay=1e-3)
    n = len(volumes.values)
    steps = epochs * math.ceil(n / batch)
    step = 0
    for epoch in range(epochs):
        model.train()
        generator = torch.Generator().manual_seed(seed * 100_003 + epoch)
        order = torch.randperm(n, generator=generator).numpy()
        total = 0.0
        for start in range(0, n, batch):
            chosen = order[start : start + batch]
            values, places, known = _changed(volumes, chosen, config, generator)
            for group in optimiser.param_groups:
                group["lr"] = learning_rate * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * step / steps)))
            # One orientation a step: the symmetric answer of inference follows from mirrored examples.
            is_mr = torch.from_numpy(volumes.is_mr[chosen]).to(device)
            side, front = model.views(values.to(device), is_mr)
            loss = localiser_loss(side, front, places.to(device), known.to(device))
            optimiser.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(model.parameters(), 5.0)
            optimiser.step()
            total += float(loss.detach()) * len(chosen)
            step += 1
        if after_epoch is not None:
            after_epoch(epoch, total / n)
    return model.to("cpu").eval()


def _changed(
    volumes: CoarseVolumes,
    chosen: np.typing.NDArray[np.int64],
    config: LocaliserConfig,
    generator: torch.Generator,
) -> tuple[Tensor, Tensor, Tensor]:
    values, places, known = [], [], []
    for index in chosen:
        volume = torch.from_numpy(volumes.values[index].astype(np.float32))
        place = torch.from_numpy(volumes.places[index].astype(np.float32)).clone()
        draws = torch.rand(12, generator=generator).tolist()
        if draws[0] < 0.5:
            volume = volume.flip(0)
            place[:, 0] = volume.shape[0] - 1 - place[:, 0]
            place = place[config.mirrored]
        filled = volume != 0
        if volumes.is_mr[index] and draws[1] < 0.35:
            volume = torch.where(filled, 1.0 - volume.clamp(0, 1), volume)
        volume = torch.where(
            filled, volume.clamp_min(0) ** (0.7 + 0.7 * draws[2]) * (0.8 + 0.4 * draws[3]), volume
        )
        noise = torch.randn(volume.shape, generator=generator) * 0.05 * draws[4]
        volume = torch.where(filled, volume + noise, volume)
        # A smaller field of view, then a shift of the whole grid.
        for axis, draw in ((0, draws[5]), (1, draws[6]), (2, draws[7])):
            size = volume.shape[axis]
            low, high = int(draw * 0.12 * size), int((1 - draw) * 0.12 * size)
            index_there = torch.arange(size)
            outside = (index_there < low) | (index_there >= size - high)
            shape = [1, 1, 1]
            shape[axis] = size
            volume = volume.masked_fill(outside.reshape(shape), 0.0)
        shift = [round((draw - 0.5) * 8) for draw in draws[8:11]]
        for axis, amount in enumerate(shift):
            volume = torch.roll(volume, amount, dims=axis)
            edge = (
                volume.narrow(axis, 0, amount)
                if amount > 0
                else volume.narrow(axis, volume.shape[axis] + amount, -amount)
            )
            edge.zero_()
        place = place + torch.tensor(shift, dtype=torch.float32)
        limit = torch.tensor(volume.shape, dtype=torch.float32) - 1
        values.append(volume)
        places.append(place)
        known.append(((place >= 0) & (place <= limit)).all(dim=1))
    return torch.stack(values), torch.stack(places), torch.stack(known)


@torch.no_grad()
def localiser_errors(model: Localiser, volumes: CoarseVolumes) -> tuple[Tensor, Tensor]:
    """
    Distances between found and true places.

    Returns
    -------
    errors_mm : Tensor, shape (n, n_structures)
    certainty : Tensor, shape (n, n_structures)
    """
    model.eval()
    errors, certainties = [], []
    for start in range(0, len(volumes.values), 16):
        part = slice(start, start + 16)
        found, certainty = model.locate(
            torch.from_numpy(volumes.values[part].astype(np.float32)), torch.from_numpy(volumes.is_mr[part])
        )
        gap = found - torch.from_numpy(volumes.places[part])
        errors.append(torch.linalg.norm(gap, dim=-1) * model.config.voxel_mm)
        certainties.append(certainty)
    return torch.cat(errors), torch.cat(certainties)
