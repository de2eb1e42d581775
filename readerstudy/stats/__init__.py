"""
Statistics of reader studies: arrays in, frozen results out.

Pure NumPy and SciPy. Importing this package loads neither: each name is loaded from its module when it is
first used, so that a program pays for what it calls.
"""

from __future__ import annotations

import importlib
from typing import Any

_WHERE: dict[str, tuple[str, ...]] = {
    "estimate": ("Alternative", "AnalysisRefused", "Comparison", "Estimate", "HypothesisTest"),
    "accuracy.counts": ("BinaryCounts", "binary_counts", "confusion_matrix", "dichotomise"),
    "accuracy.proportions": (
        "clustered_proportion",
        "paired_proportion_difference",
        "proportion",
        "proportion_difference",
    ),
    "accuracy.binary": ("BinarySummary", "binary_summary", "share_of_counts", "summary_of_counts"),
    "accuracy.clustered": (
        "clustered_accuracy",
        "clustered_binary_summary",
        "clustered_f1",
        "clustered_npv",
        "clustered_ppv",
        "clustered_sensitivity",
        "clustered_specificity",
    ),
    "roc.delong": ("auc", "auc_difference", "auc_difference_unpaired", "auc_matrix"),
    "roc.clustered": ("clustered_auc", "clustered_auc_difference"),
    "roc.partial": ("partial_auc", "sensitivity_at_specificity", "specificity_at_sensitivity"),
    "roc.curves": ("operating_points", "pr_curve", "roc_curve", "youden_points"),
    "agreement.chance_corrected": ("Agreement", "agreement_coefficient", "multireader_agreement"),
    "agreement.concordance": ("LimitsOfAgreement", "bland_altman", "kendall_w"),
    "agreement.icc": ("IccResult", "icc"),
    "agreement.percent": ("clustered_percent_agreement", "percent_agreement"),
    "agreement.ratings": ("Ratings", "code_ratings", "ratings_of_table"),
    "agreement.several": ("clustered_agreement", "fleiss_null_test", "krippendorff_alpha", "light_kappa"),
    "agreement.kappa": ("clustered_kappa", "cohen_kappa_table", "weighted_kappa"),
    "agreement.weights": ("agreement_weights",),
    "comparison.mcnemar": ("McNemarResult", "cochran_q", "mcnemar", "mcnemar_table"),
    "comparison.clustered": (
        "PairedCounts",
        "clustered_mcnemar",
        "clustered_mcnemar_counts",
        "clustered_paired_difference",
        "paired_counts",
    ),
    "mrmc.readings": ("Readings", "readings_from_long"),
    "mrmc.endpoints": ("Auc", "CallRate", "PartialAuc", "SensitivityAtSpecificity"),
    "mrmc.obuchowski_rockette": ("obuchowski_rockette", "or_of_cells"),
    "mrmc.dbm": ("dbm",),
    "mrmc.u_statistics": ("u_statistics",),
    "mrmc.standalone": ("non_inferiority", "standalone_vs_readers"),
    "froc.study": ("FrocStudy", "froc_study"),
    "froc.figures": ("FIGURES", "FrocFigure", "froc_figures"),
    "froc.lroc": ("LrocAuc", "LrocPcl", "LrocStudy", "lroc_study"),
    "resampling.jackknife": ("jackknife_counts",),
}
_MODULE_OF = {name: module for module, names in _WHERE.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_MODULE_OF[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_MODULE_OF})
