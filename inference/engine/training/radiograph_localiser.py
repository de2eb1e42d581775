"""Training of the radiographs' localiser on phantoms."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch

from inference.engine.networks.localiser import map_loss, peak_of
from inference.engine.networks.radiograph_localiser import (
    NEAR_MM,
    RadiographLocaliser,
    RadiographLocaliserConfig,
)
from inference.engine.radiographs import LATERAL, coarse_picture, middle_px, side_of
from inference.engine.specification import VIEW_OF
from inference.engine.stacks import Array
from inference.engine.training.phantom_joints import (
    PROJECTIONS,
    STRUCTURES,
    in_order,
    projected,
    scanner_for,
)
from readerstudy.phantom import sample_body
from readerstudy.phantom.radiograph import render_radiograph

LEVELS = tuple(dict.fromkeys(name.rsplit("-", 1)[0] for name in STRUCTURES))


@dataclass(frozen=True)
class CoarsePictures:
    """
    Radiographs of one view with the places of their joints.

    Attributes
    ----------
    values : ndarray of float32, shape (n, rows, columns)
        One for each side of each body that the view shows.
    places : ndarray, shape (n, n_levels, 2)
        Row and column of the joints of that side.
    """

    values: Array
    places: Array


def make_coarse_pictures(
    config: RadiographLocaliserConfig, *, n_bodies: int, seed: int, processes: int = 1
) -> dict[str, CoarsePictures]:
    """
    Radiographs of many bodies on the localiser's grid, by view.

    Parameters
    ----------
    config : RadiographLocaliserConfig
    n_bodies : int
        Body i is a function of `seed` and i alone.
    seed : int
    processes : int
        Bodies are drawn in so many; the pictures are the same.
    """
    draw = partial(_numbered_pictures, seed=seed, config=config)
    rows = [row for own in in_order(draw, n_bodies, processes) for row in own]
    return {
        view: CoarsePictures(
            np.stack([values for name, values, _ in rows if name == view]),
            np.stack([places for name, _, places in rows if name == view]).astype(np.float32),
        )
        for view in config.views
    }


def _numbered_pictures(
    number: int, *, seed: int, config: RadiographLocaliserConfig
) -> list[tuple[str, Array, Array]]:
    """View, picture and places for each view and side of body `number`."""
    rng = np.random.default_rng([seed, number, 11])
    variant = str(rng.choice(["five", "five", "five", "four", "six", "transitional"]))
    body = sample_body(rng, variant=variant, max_scoliosis_deg=14.0)  # type: ignore[arg-type]
    scanner = scanner_for(rng)
    made = []
    for kind, of_side in PROJECTIONS.items():
        if VIEW_OF[kind] not in config.views:
            continue
        pictures = {
            view: render_radiograph(body, view, scanner=scanner, rng=rng)
            for view in sorted({*of_side.values()})
        }
        for side, view in of_side.items():
            picture = projected(pictures[view], kind, "")
            points = {name: pictures[view].pixel_of(body.joints[name].centre_mm) for name in STRUCTURES}
            own = np.array([points[name] for name in STRUCTURES if side_of(name) == side])
            if VIEW_OF[kind] == LATERAL:
                # Both sides lie on top of each other and share one place.
                own = np.array([[points[f"{level}-{s}"] for s in of_side] for level in LEVELS]).mean(axis=1)
            shape, step = config.shape, config.pixel_mm
            values = coarse_picture(picture, side, shape, step)
            places = picture.oriented(side).to_patch(own, middle_px(picture), shape, step)
            made.append((VIEW_OF[kind], values, places))
    return made


def train_radiograph_localiser(
    config: RadiographLocaliserConfig,
    pictures: dict[str, CoarsePictures],
    *,
    epochs: int,
    batch: int = 8,
    learning_rate: float = 3e-3,
    seed: int = 1,
    after_epoch: Callable[[str, int, float], None] | None = None,
) -> RadiographLocaliser:
    """
    Train a localiser, view by view.

    Pictures are shifted, darkened towards one edge, and changed in contrast and noise.

    Parameters
    ----------
    config : RadiographLocaliserConfig
    pictures : dict of view to CoarsePictures
    epochs, batch, learning_rate, seed : numbers
    after_epoch : callable, optional
        Called with the view, the epoch's number and its mean loss.
    """
    torch.manual_seed(seed)
    model = RadiographLocaliser(config)
    for view, own in pictures.items():
        network = model.networks[view]
        optimiser = torch.optim.AdamW(network.parameters(), lr=learning_rate, weight_decay=1e-3)
        n = len(own.values)
        steps, step = epochs * math.ceil(n / batch), 0
        for epoch in range(epochs):
            network.train()
            generator = torch.Generator().manual_seed(seed * 100_003 + epoch)
            order = torch.randperm(n, generator=generator).numpy()
            total = 0.0
            for start in range(0, n, batch):
                chosen = order[start : start + batch]
                values, places, known = _changed(own, chosen, generator)
                for group in optimiser.param_groups:
                    group["lr"] = learning_rate * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * step / steps)))
                loss = map_loss(model.maps(view, values), places, known)
                optimiser.zero_grad(set_to_none=True)
                loss.backward()  # type: ignore[no-untyped-call]
                torch.nn.utils.clip_grad_norm_(network.parameters(), 5.0)
                optimiser.step()
                total += float(loss.detach()) * len(chosen)
                step += 1
            if after_epoch is not None:
                after_epoch(view, epoch, total / n)
    return model.eval()


def _changed(
    own: CoarsePictures, chosen: Array, generator: torch.Generator
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    values = torch.from_numpy(own.values[chosen]).clone()
    places = torch.from_numpy(own.places[chosen]).clone()
    n, rows, columns = values.shape
    gain, shift, slope = torch.rand(3, n, 1, 1, generator=generator)
    filled = values != 0
    ramp = torch.linspace(-1, 1, columns)[None, None, :] * (slope - 0.5) * 0.4
    noise = torch.randn(values.shape, generator=generator) * 0.04
    values = torch.where(filled, values * (0.75 + 0.5 * gain) + (shift - 0.5) * 0.2 + ramp + noise, values)
    moves = torch.randint(-6, 7, (n, 2), generator=generator)
    for row, (down, along) in enumerate(moves.tolist()):
        values[row] = torch.roll(values[row], (down, along), dims=(0, 1))
    places = places + moves[:, None].to(places.dtype)
    limit = torch.tensor([rows - 1, columns - 1], dtype=places.dtype)
    return values, places, ((places >= 0) & (places <= limit)).all(dim=-1)


@torch.no_grad()
def radiograph_errors(model: RadiographLocaliser, pictures: dict[str, CoarsePictures]) -> dict[str, Array]:
    """Distances between found and true places in mm, shape (n, n_levels), by view."""
    found = {}
    for view, own in pictures.items():
        rows, columns, _ = peak_of(
            model.maps(view, torch.from_numpy(own.values)), NEAR_MM / model.config.pixel_mm
        )
        places = torch.stack([rows, columns], dim=-1).numpy()
        found[view] = np.linalg.norm(places - own.places, axis=-1) * model.config.pixel_mm
    return found
