"""Reads on models and runs. What a page may show holds no probability; `predictions_of` is for `analysis`."""

from inference.selectors.predictions import (
    HeatMapRow,
    LesionRow,
    PredictionRow,
    has_heat_maps,
    heat_maps_of,
    predicted_lesions_of,
    predictions_of,
)
from inference.selectors.progress import CaseState, PlaceRow, RunProgress, StageTime, run_progress
from inference.selectors.registry import FitRow, ModelRow, RunRow, registry_rows, run_rows

__all__ = [
    "CaseState",
    "FitRow",
    "HeatMapRow",
    "LesionRow",
    "ModelRow",
    "PlaceRow",
    "PredictionRow",
    "RunProgress",
    "RunRow",
    "StageTime",
    "has_heat_maps",
    "heat_maps_of",
    "predicted_lesions_of",
    "predictions_of",
    "registry_rows",
    "run_progress",
    "run_rows",
]
