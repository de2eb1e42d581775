"""Grey values on screen from image values: the linear VOI function of the standard."""

import numpy as np
from numpy.typing import ArrayLike, NDArray


def window_to_8_bit(values: ArrayLike, *, center: float, width: float) -> NDArray[np.uint8]:
    r"""
    Return grey values under a linear window.

    Parameters
    ----------
    values : array_like
        Image values after rescale (such as HU), any shape.
    center, width : float
        Window Center (0028,1050) and Width (0028,1051); the width is at least 1.

    Returns
    -------
    ndarray of uint8, same shape
        0 at and below ``center - 0.5 - (width - 1) / 2``, 255 above ``center - 0.5 + (width - 1) / 2``,
        linear and rounded between.

    Raises
    ------
    ValueError
        If `width` is below 1.

    References
    ----------
    .. [1] DICOM PS3.3 C.11.2.1.2.1, default LINEAR function.
    """
    if width < 1:
        raise ValueError(f"width is {width}, at least 1 expected")
    span = max(width - 1, 1e-6)
    scaled = ((np.asarray(values, dtype=np.float64) - (center - 0.5)) / span + 0.5) * 255
    return np.rint(np.clip(scaled, 0, 255)).astype(np.uint8)
