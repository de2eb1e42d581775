"""Fictional centres: who made the scanner, how it samples, how it spoils the picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Scanner:
    """
    One centre's equipment. Vendors, places and serial numbers are fictional.

    Attributes
    ----------
    centre : str
        Code used in tables.
    ct_pixel_mm, ct_slice_mm : float
        Sampling of the axial CT series.
    ct_noise_hu : float
        Standard deviation of the noise.
    ct_blur_px : float
        Standard deviation of the point spread in the plane.
    mr_pixel_mm, mr_slice_mm : float
        Sampling of the MR series in and across the plane.
    mr_noise : float
        Of the real and imaginary channel, relative to fluid on T2.
    mr_bias : float
        How much darker the corners of the field of view are than its middle (coil sensitivity).
    mr_gamma : float
        Contrast: exponent on the relative signal.
    ghost : float
        Amplitude of a motion ghost along the phase direction, relative to the image.
    streaks_hu : float
        Amplitude of horizontal streaks at the level of the pelvis on CT.
    """

    centre: str
    vendor: str
    institution: str
    address: str
    ct_model: str = "Lattice 64"
    mr_model: str = "Meadow 1.5"
    xr_model: str = "Window DR"
    field_t: float = 1.5
    ct_pixel_mm: float = 0.6
    ct_slice_mm: float = 1.25
    ct_noise_hu: float = 24.0
    ct_blur_px: float = 0.45
    mr_pixel_mm: float = 0.7
    mr_slice_mm: float = 3.5
    mr_noise: float = 0.022
    mr_bias: float = 0.30
    mr_gamma: float = 1.0
    ghost: float = 0.0
    streaks_hu: float = 0.0
    xr_pixel_mm: float = 0.4
    xr_noise: float = 0.006


SCANNERS: Final[dict[str, Scanner]] = {
    "A": Scanner("A", "Alder Imaging (fictional)", "Fictional Hospital North", "1 Invented Street, Nowhere"),
    "B": Scanner(
        "B",
        "Birch Systems (fictional)",
        "Fictional Clinic South",
        "22 Imaginary Road, Elsewhere",
        ct_model="Hedge 128",
        mr_model="Orchard 3",
        xr_model="Pane XR",
        field_t=3.0,
        ct_pixel_mm=0.68,
        ct_slice_mm=1.5,
        ct_noise_hu=38.0,
        ct_blur_px=0.7,
        mr_pixel_mm=0.6,
        mr_slice_mm=4.0,
        mr_noise=0.034,
        mr_bias=0.55,
        mr_gamma=1.15,
        ghost=0.02,
        xr_pixel_mm=0.45,
        xr_noise=0.010,
    ),
    "C": Scanner(
        "C",
        "Cedar Medical (fictional)",
        "Fictional University Hospital East",
        "333 Made-up Avenue, Anywhere",
        ct_model="Grove 32",
        mr_model="Pond 1.5",
        xr_model="Shutter 2",
        ct_pixel_mm=0.56,
        ct_slice_mm=1.0,
        ct_noise_hu=30.0,
        ct_blur_px=0.55,
        mr_pixel_mm=0.78,
        mr_slice_mm=4.0,
        mr_noise=0.028,
        mr_bias=0.15,
        mr_gamma=0.9,
        streaks_hu=22.0,
        xr_pixel_mm=0.36,
        xr_noise=0.008,
    ),
}
