"""
How bright each tissue is.

CT values are Hounsfield units rounded from textbook ranges; MR values are relative signals (fat on T2 = 0.75)
chosen to look like a fast spin echo, not computed from relaxation times. XR values are linear attenuation in
1/mm above that of muscle (0.02), of the order found at 60-70 keV; only bone has any.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

Contrast = Literal["CT", "T1", "T2", "XR"]

TISSUES: Final[Mapping[Contrast, Mapping[str, float]]] = {
    "CT": {
        "hernia": 85, "schmorl": 90, "sclerosis": 700,
        "air": -1000, "fat": -100, "muscle": 58, "organ": 50, "blood": 45, "fluid": 12, "cord": 38,
        "root": 32, "ligament": 75, "annulus": 95, "nucleus": 75, "marrow": 190, "cortex": 1150,
        "plate": 1250, "cartilage": 70, "synovia": 30, "granulation": 55, "cyst": 25, "rim": 1050,
        "gas": -850, "spur": 620, "marrow_texture": 55, "muscle_texture": 10, "tumour": 45,
    },
    "T2": {
        "hernia": 0.26, "modic": 0.66, "schmorl": 0.40, "sclerosis": 0.06,
        "air": 0.0, "fat": 0.78, "muscle": 0.17, "organ": 0.35, "blood": 0.05, "fluid": 1.0, "cord": 0.40,
        "root": 0.42, "ligament": 0.10, "annulus": 0.10, "nucleus": 0.70, "marrow": 0.42, "cortex": 0.03,
        "plate": 0.02, "cartilage": 0.36, "synovia": 0.85, "granulation": 0.62, "cyst": 0.98, "rim": 0.03,
        "gas": 0.0, "spur": 0.40, "marrow_texture": 0.05, "muscle_texture": 0.035, "tumour": 0.62,
    },
    "T1": {
        "hernia": 0.24, "modic": 0.26, "schmorl": 0.26, "sclerosis": 0.08,
        "air": 0.0, "fat": 0.90, "muscle": 0.30, "organ": 0.36, "blood": 0.06, "fluid": 0.12, "cord": 0.34,
        "root": 0.33, "ligament": 0.16, "annulus": 0.20, "nucleus": 0.28, "marrow": 0.50, "cortex": 0.04,
        "plate": 0.03, "cartilage": 0.34, "synovia": 0.20, "granulation": 0.26, "cyst": 0.13, "rim": 0.04,
        "gas": 0.0, "spur": 0.48, "marrow_texture": 0.05, "muscle_texture": 0.03, "tumour": 0.26,
    },
    "XR": {
        "marrow": 0.0055, "cortex": 0.030, "plate": 0.034, "rim": 0.028, "spur": 0.075, "cyst": 0.0,
        "marrow_texture": 0.0,
    },
}  # fmt: skip

#: Linear attenuation of muscle in 1/mm, on which the "XR" values stand.
MUSCLE_PER_MM: Final = 0.02
