"""Grey values on screen from image values: the VOI LUT functions of the standard."""

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

#: Values of VOI LUT Function (0028,1056).
VoiFunction = Literal["LINEAR", "LINEAR_EXACT", "SIGMOID"]


def width_fits(width: float, function: VoiFunction) -> bool:
    """Return whether a Window Width is allowed: at least 1 for LINEAR, above 0 for the others (PS3.3 C.11.2.1)."""
    return width >= 1 if function == "LINEAR" else width > 0


def window_to_8_bit(
    values: ArrayLike, *, center: float, width: float, function: VoiFunction = "LINEAR"
) -> NDArray[np.uint8]:
    r"""
    Return grey values under a window.

    Parameters
    ----------
    values : array_like
        Image values after rescale (such as HU), any shape.
    center, width : float
        Window Center (0028,1050) and Width (0028,1051).
    function : {"LINEAR", "LINEAR_EXACT", "SIGMOID"}
        VOI LUT Function (0028,1056).

    Returns
    -------
    ndarray of uint8, same shape
        Rounded. LINEAR: 0 at and below ``center - 0.5 - (width - 1) / 2``, 255 above
        ``center - 0.5 + (width - 1) / 2``, linear between. LINEAR_EXACT: the same between ``center - width / 2``
        and ``center + width / 2``. SIGMOID: :math:`255 / (1 + e^{-4 (x - center) / width})`.

    Raises
    ------
    ValueError
        If `width` is below 1 (LINEAR) or not above 0 (the others).

    References
    ----------
    .. [1] DICOM PS3.3 C.11.2.1.2.1 and C.11.2.1.3.
    """
    if not width_fits(width, function):
        raise ValueError(f"width is {width}, {'at least 1' if function == 'LINEAR' else 'above 0'} expected")
    x = np.asarray(values, dtype=np.float64)
    if function == "SIGMOID":
        # Past 500 the exponential is as good as infinite; NumPy would warn.
        grey = 255 / (1 + np.exp(np.clip(-4 * (x - center) / width, -500, 500)))
    elif function == "LINEAR_EXACT":
        grey = ((x - center) / width + 0.5) * 255
    else:
        grey = ((x - (center - 0.5)) / max(width - 1, 1e-6) + 0.5) * 255
    return np.rint(np.clip(grey, 0, 255)).astype(np.uint8)
