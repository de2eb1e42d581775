"""Grey values on one scale per modality, so that scanners and stored units do not matter."""

from __future__ import annotations

import numpy as np

from inference.engine.stacks import Array, ImageStack

CT_LOW_HU, CT_RANGE_HU = -200.0, 800.0


def scale_crop(modality: str, crop: Array) -> Array:
    """
    Grey values of a crop as the network takes them.

    CT: Hounsfield units -200 to 1400 become 0 to 2, clipped. MR and XR: mean 0.5 and standard deviation 0.25
    within the crop, which takes out coil brightness and the field of view's size.

    Parameters
    ----------
    modality : str
    crop : ndarray

    Returns
    -------
    ndarray
        float32, of the crop's shape.
    """
    if modality == "CT":
        ct: Array = np.clip((crop - CT_LOW_HU) / CT_RANGE_HU, 0, 2).astype(np.float32)
        return ct
    spread = float(crop.std())
    other: Array = (0.5 + 0.25 * (crop - crop.mean()) / max(spread, 1e-6)).astype(np.float32)
    return other


def scale_series(stack: ImageStack) -> Array:
    """
    Grey values of a whole series as the localiser takes them.

    CT as in `scale_crop`. MR and XR: the 1st and 99th percentile of the non-empty pixels become 0 and 1,
    clipped at 0 and 1.5.

    Parameters
    ----------
    stack : ImageStack

    Returns
    -------
    ndarray
        float32, shape of ``stack.pixels``.
    """
    pixels = stack.pixels.astype(np.float32)
    if stack.modality == "CT":
        return scale_crop("CT", pixels)
    filled = pixels[pixels > pixels.min()]
    if not filled.size:
        return np.zeros_like(pixels)
    low, high = np.percentile(filled, [1, 99])
    scaled: Array = np.clip((pixels - np.float32(low)) / np.float32(max(high - low, 1e-6)), 0, 1.5)
    return scaled
