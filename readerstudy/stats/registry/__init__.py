"""All functions of the package, with the invariants that hold of each; the documentation is made from it."""

from __future__ import annotations

from .method import INVARIANTS, Method
from .readers import METHODS as _READERS
from .resampling import METHODS as _RESAMPLING
from .scores import METHODS as _SCORES
from .studies import METHODS as _STUDIES

REGISTRY: dict[str, Method] = {m.function: m for m in (*_SCORES, *_READERS, *_STUDIES, *_RESAMPLING)}

# Public names that are no statistics: constructors, building blocks and figures of merit, checked through the
# functions that use them.
HELPERS: dict[str, str] = {
    "dichotomise": "building block of every measure at a cut",
    "summary_of_counts": "binary_summary from counts",
    "share_of_counts": "one share of summary_of_counts",
    "auc_matrix": "areas and covariance of several readers as arrays",
    "agreement_weights": "weights of grades",
    "agreement_coefficient": "multireader_agreement on coded ratings",
    "code_ratings": "constructor of ratings",
    "ratings_of_table": "constructor of ratings",
    "mcnemar_table": "mcnemar from a table",
    "clustered_mcnemar_counts": "clustered_mcnemar from counts",
    "paired_counts": "constructor of paired counts",
    "readings_from_long": "constructor of a study",
    "or_of_cells": "obuchowski_rockette on known figures",
    "froc_study": "constructor of a study with marks",
    "lroc_study": "constructor of a study with one place per case",
    "box_iou": "geometry of match_marks",
    "cluster_weights": "draw of the cluster bootstrap",
    "bootstrap_areas": "areas of bootstrap_auc",
    "pilot_components": "components for mrmc_power",
}

__all__ = ["HELPERS", "INVARIANTS", "REGISTRY", "Method"]
