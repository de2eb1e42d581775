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
    "roc.precision": ("average_precision", "pr_auc_trapezoid"),
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
    "comparison.operating_point": ("MatchedPoint", "compare_calls", "model_at_reader_point"),
    "calibration": ("ReliabilityBin", "brier_score", "calibration_error", "reliability_curve"),
    "monitoring": (
        "AgreedAndWrong",
        "Drift",
        "adjudication_rate",
        "agreed_and_wrong",
        "drift",
        "item_overruling_rate",
        "reader_disagreement_index",
    ),
    "froc.hits": ("Hits", "MarkAccuracy", "box_iou", "mark_accuracy", "match_marks"),
    "froc.study": ("FrocStudy", "froc_study", "localisation_curve"),
    "froc.figures": ("FIGURES", "FrocFigure", "froc_figures"),
    "froc.lroc": ("LrocAuc", "LrocPcl", "LrocStudy", "lroc_study"),
    "accuracy.multiclass": (
        "MULTICLASS_MEASURES",
        "clustered_multiclass_measure",
        "log_loss",
        "multiclass_summary",
    ),
    "planning.agreement": (
        "design_effect",
        "patients_for_paired_proportions",
        "patients_for_proportion",
        "sample_size_kappa_interval",
        "sample_size_kappa_test",
    ),
    "planning.areas": ("sample_size_auc", "sample_size_auc_difference", "sample_size_standalone"),
    "planning.readers": (
        "PilotComponents",
        "mrmc_cases_needed",
        "mrmc_power",
        "pilot_components",
        "sample_size_mrmc",
    ),
    "resampling.bootstrap": (
        "BootstrapEstimate",
        "bootstrap_auc",
        "bootstrap_auc_difference",
        "bootstrap_auc_difference_unpaired",
        "bootstrap_counts",
    ),
    "resampling.jackknife": ("jackknife_counts",),
    "resampling.permutation": ("permutation_auc_difference", "permutation_test"),
    "resampling.weights": ("bootstrap_areas", "cluster_weights"),
    "roc.multiclass": ("hand_till_score", "multiclass_auc"),
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
