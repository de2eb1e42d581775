"""The methods of the command line: names, options, and the runs behind them."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from . import options, runs, studies


@dataclass(frozen=True, slots=True)
class Command:
    """
    One method.

    Parameters
    ----------
    name, summary : str
        Name on the command line and a line for the list.
    function : str
        Public function behind it (its plain form where there is one), as in the registry.
    options : callable
        Adds the method's options to a parser.
    run : callable
        From parsed options to (result, notes).
    """

    name: str
    summary: str
    function: str
    options: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], tuple[Any, list[str]]]


COMMANDS: tuple[Command, ...] = (
    Command(
        "accuracy",
        "sensitivity, specificity, PPV, NPV, F1, MCC, likelihood ratios at a cut",
        "binary_summary",
        options.roles("reference", "given", more=(options.cut,)),
        runs.accuracy,
    ),
    Command(
        "confusion-matrix",
        "items by reference and given grade",
        "confusion_matrix",
        options.roles("reference", "given", more=(options.cut, options.grades)),
        runs.confusion,
    ),
    Command(
        "multiclass",
        "accuracy, macro, micro and weighted F1, MCC of several grades",
        "multiclass_summary",
        options.roles("reference", "given", more=(options.cut, options.grades)),
        runs.multiclass,
    ),
    Command(
        "multiclass-auc",
        "areas of several classes from their probabilities",
        "multiclass_auc",
        options.roles("reference", "given", more=(options.probabilities,)),
        runs.multiclass_auc,
    ),
    Command(
        "hand-till",
        "Hand and Till's area of one score for several classes",
        "hand_till_score",
        options.roles("reference", "score", more=(options.cut,)),
        runs.hand_till,
    ),
    Command(
        "auc",
        "area under the empirical ROC curve",
        "auc",
        options.roles("reference", "score", more=(options.cut,)),
        runs.auc,
    ),
    Command(
        "auc-difference",
        "paired difference of two areas",
        "auc_difference",
        options.roles("reference", "score", "second", more=(options.cut, options.ALTERNATIVE)),
        runs.auc_difference,
    ),
    Command(
        "roc-curve",
        "points of the ROC curve",
        "roc_curve",
        options.roles("reference", "score", more=(options.cut,)),
        runs.curve("roc_curve"),
    ),
    Command(
        "pr-curve",
        "points of the precision-recall curve",
        "pr_curve",
        options.roles("reference", "score", more=(options.cut,)),
        runs.curve("pr_curve"),
    ),
    Command(
        "operating-points",
        "sensitivity and specificity at every threshold",
        "operating_points",
        options.roles("reference", "score", more=(options.cut,)),
        runs.curve("operating_points"),
    ),
    Command(
        "partial-auc",
        "area under part of the ROC curve",
        "partial_auc",
        options.roles("reference", "score", more=(options.cut, options.axis_range)),
        runs.partial_auc,
    ),
    Command(
        "sensitivity-at-specificity",
        "sensitivity at a fixed specificity",
        "sensitivity_at_specificity",
        options.roles("reference", "score", more=(options.cut, options.seed, options.at("specificity"))),
        runs.resampled("sensitivity_at_specificity", "sensitivity-at-specificity"),
    ),
    Command(
        "specificity-at-sensitivity",
        "specificity at a fixed sensitivity",
        "specificity_at_sensitivity",
        options.roles("reference", "score", more=(options.cut, options.seed, options.at("sensitivity"))),
        runs.resampled("specificity_at_sensitivity", "specificity-at-sensitivity"),
    ),
    Command(
        "average-precision",
        "step area under the precision-recall curve",
        "average_precision",
        options.roles("reference", "score", more=(options.cut, options.seed, options.at(""))),
        runs.resampled("average_precision", "average-precision"),
    ),
    Command(
        "calibration",
        "Brier score, calibration error, reliability curve",
        "brier_score",
        options.roles("reference", "score", more=(options.cut, options.seed, options.bins)),
        runs.calibration,
    ),
    Command(
        "kappa",
        "Cohen's kappa of two readers",
        "weighted_kappa",
        options.roles("first", "second", more=(options.grades, options.KAPPA_WEIGHTS, options.table)),
        runs.kappa,
    ),
    Command(
        "percent-agreement",
        "exact agreement, or within some grades",
        "percent_agreement",
        options.roles("first", "second", more=(options.within,)),
        runs.percent,
    ),
    Command(
        "bland-altman",
        "bias and limits of agreement of measurements",
        "bland_altman",
        options.roles("first", "second"),
        runs.bland_altman,
    ),
    Command(
        "mcnemar",
        "two readers' paired calls; clustered forms with --cluster",
        "mcnemar",
        options.roles("first", "second", more=(options.cut, options.table)),
        runs.mcnemar,
    ),
    Command(
        "cochran-q",
        "whether several readers call the same share positive",
        "cochran_q",
        options.raters(more=(options.cut,)),
        runs.cochran,
    ),
    *(
        Command(
            name,
            summary,
            "multireader_agreement",
            options.raters(more=(options.scale, options.AGREE_WEIGHTS)),
            runs.agreement(kind),
        )
        for name, kind, summary in (
            ("fleiss", "fleiss", "Fleiss' kappa of several readers"),
            ("conger", "conger", "Conger's kappa of several readers"),
            ("gwet", "gwet", "Gwet's AC1 (AC2 with weights)"),
            ("brennan-prediger", "brennan_prediger", "Brennan-Prediger coefficient"),
        )
    ),
    Command(
        "krippendorff",
        "Krippendorff's alpha (units are independent)",
        "krippendorff_alpha",
        options.raters(
            more=(options.scale, options.choices_of("metric", "ordinal", "nominal", "interval", "ratio"))
        ),
        runs.alpha,
    ),
    Command(
        "light",
        "Light's kappa (units are independent)",
        "light_kappa",
        options.raters(more=(options.scale, options.AGREE_WEIGHTS)),
        runs.light,
    ),
    Command(
        "icc",
        "intraclass correlation, six forms",
        "icc",
        options.raters(more=(options.icc_options,)),
        runs.icc,
    ),
    Command("kendall-w", "Kendall's coefficient of concordance", "kendall_w", options.raters(), runs.kendall),
    Command("mrmc", "Obuchowski-Rockette", "obuchowski_rockette", options.mrmc_options, runs.mrmc),
    Command("dbm", "Dorfman-Berbaum-Metz", "dbm", options.study_plus(), runs.dbm),
    Command(
        "u-statistics",
        "U-statistics, any readings missing",
        "u_statistics",
        options.study_plus(options.choices_of("estimator", "unbiased", "mle")),
        runs.u,
    ),
    Command(
        "standalone",
        "one model against several readers",
        "standalone_vs_readers",
        options.study_plus(options.standalone_options),
        runs.standalone,
    ),
    Command(
        "non-inferiority",
        "non-inferiority or superiority with a margin",
        "non_inferiority",
        options.study_plus(options.margin_options),
        runs.margin,
    ),
    Command("froc", "figures of merit of marks", "froc_figures", studies.add_marks, runs.froc),
    Command(
        "froc-mrmc",
        "Obuchowski-Rockette on a figure of merit of marks",
        "obuchowski_rockette",
        options.froc_mrmc_options,
        runs.froc_mrmc,
    ),
    Command(
        "proportion",
        "interval of a proportion: proportion SUCCESSES N",
        "proportion",
        options.proportion_options,
        runs.proportion,
    ),
    Command(
        "plan-auc",
        "cases for one AUC against 1/2",
        "sample_size_auc",
        options.number_options(
            ("auc", float, ..., "expected area"), ("ratio", float, 1.0, "controls per case"), *options.POWER
        ),
        runs.plan("sample_size_auc", "auc", "ratio", "alpha", "power"),
    ),
    Command(
        "plan-auc-difference",
        "cases for a paired difference of two areas, from a pilot",
        "sample_size_auc_difference",
        options.roles(
            "reference", "score", "second", more=(options.cut, options.number_options(*options.POWER))
        ),
        runs.plan_difference,
    ),
    Command(
        "plan-standalone",
        "cases for a model's area or sensitivity with a precision",
        "sample_size_standalone",
        options.together(
            options.choices_of("endpoint", "auc", "sensitivity"),
            options.number_options(
                ("accuracy", float, ..., "expected value"),
                ("precision", float, ..., "half-width"),
                ("ratio", float, 1.0, "controls per case"),
                *options.POWER,
            ),
        ),
        runs.plan("sample_size_standalone", "endpoint", "accuracy", "precision", "ratio", "alpha", "power"),
    ),
    Command(
        "plan-mrmc-pilot",
        "power, or cases needed, of a multi-reader study from a pilot",
        "mrmc_power",
        options.study_plus(
            options.number_options(
                ("n_readers", int, ..., "readers of the study to come"),
                ("n_cases", int, None, "its cases; without them the cases that reach the power"),
                ("effect", float, ..., "difference to be shown"),
                *options.POWER,
            )
        ),
        runs.plan_from_pilot,
    ),
    Command(
        "plan-kappa",
        "items to tell a kappa from another",
        "sample_size_kappa_test",
        options.together(
            options.shares,
            options.number_options(
                ("kappa0", float, ..., "kappa under the null hypothesis"),
                ("kappa1", float, ..., "expected kappa"),
                ("raters", int, 2, "readers (2)"),
                *options.POWER,
            ),
        ),
        runs.plan_kappa("sample_size_kappa_test", "kappa0", "kappa1", "raters", "alpha", "power"),
    ),
    Command(
        "plan-kappa-interval",
        "items for an interval of kappa within limits",
        "sample_size_kappa_interval",
        options.together(
            options.shares,
            options.number_options(
                ("kappa0", float, ..., "expected kappa"),
                ("kappa_lower", float, None, "limit below"),
                ("kappa_upper", float, None, "limit above"),
                ("raters", int, 2, "readers (2)"),
                options.POWER[0],
            ),
        ),
        runs.plan_kappa(
            "sample_size_kappa_interval", "kappa0", "kappa_lower", "kappa_upper", "raters", "alpha"
        ),
    ),
    Command(
        "plan-mrmc",
        "cases of a multi-reader study without a pilot",
        "sample_size_mrmc",
        options.number_options(
            ("n_readers", int, ..., "readers"),
            ("difference", float, ..., "difference to be shown"),
            ("accuracy", float, ..., "expected accuracy"),
            ("range_between", float, ..., "range over readers"),
            ("range_within", float, ..., "range of one reader"),
            ("ratio", float, 1.0, "controls per case"),
            ("r1", float, 0.47, ""),
            ("r2", float, 0.3, ""),
            ("r3", float, 0.3, ""),
            *options.POWER,
        ),
        runs.plan(
            "sample_size_mrmc",
            "n_readers",
            "difference",
            "accuracy",
            "range_between",
            "range_within",
            "ratio",
            "r1",
            "r2",
            "r3",
            "alpha",
            "power",
        ),
    ),
    Command(
        "plan-proportion",
        "patients for a share, items nested in patients",
        "patients_for_proportion",
        options.number_options(
            ("share", float, ..., "expected share"), ("half_width", float, ..., "half-width"), *options.NEST
        ),
        runs.plan("patients_for_proportion", "share", "half_width", "items_per_patient", "correlation"),
    ),
    Command(
        "plan-paired",
        "patients for two paired shares",
        "patients_for_paired_proportions",
        options.number_options(
            ("first_only", float, ..., "discordant share"),
            ("second_only", float, ..., "discordant share"),
            *options.NEST,
            *options.POWER,
        ),
        runs.plan(
            "patients_for_paired_proportions",
            "first_only",
            "second_only",
            "items_per_patient",
            "correlation",
            "alpha",
            "power",
        ),
    ),
)


BY_NAME = {command.name: command for command in COMMANDS}
