"""Registry: resampling, calibration."""

from __future__ import annotations

from .method import Method

_ITEM = ("permutation", "empty", "nan")
_EDGE = ("single_class", "one_item")
_CLASSES = {
    "single_class": "with one class some of its measures stand; each of the others says why it does not"
}
_SEEDED = {"permutation": "with a fixed seed the resamples depend on the order of items"}
_CURVE_BOOT = {**_SEEDED, "naive_loop": "it is the loop over resamples itself"}

K, R = "Calibration", "Resampling"

METHODS: tuple[Method, ...] = (
    Method(
        "bootstrap_auc",
        R,
        "Bootstrap interval of an AUC, over items or patients",
        r"\hat A^* = \frac{w^T M w}{(w^T n_1)(w^T n_0)}",
        "Efron 1987",
        "items",
        ("empty", "nan", "single_class", "monotone", "naive_loop", "one_item"),
        because={**_SEEDED},
    ),
    Method(
        "bootstrap_auc_difference",
        R,
        "Bootstrap of a paired difference of AUCs",
        r"\hat A_1^* - \hat A_2^*",
        "Efron 1987",
        "items",
        (
            "empty",
            "nan",
            "monotone",
            "label_swap",
            "duplicated_reader",
            "naive_loop",
            "one_item",
            "single_class",
        ),
        swap="negated",
        because={
            **_SEEDED,
        },
    ),
    Method(
        "bootstrap_auc_difference_unpaired",
        R,
        "Bootstrap of a difference of independent AUCs",
        r"\hat A_1^* - \hat A_2^*",
        "Efron 1987",
        "items",
        ("empty", "nan", "monotone", "naive_loop", "one_item", "single_class"),
        because={
            **_SEEDED,
            "label_swap": "the samples draw in turn from one generator",
        },
    ),
    Method(
        "bootstrap_counts",
        R,
        "Bootstrap of any statistic of counts over patients",
        r"T(W C)",
        "Efron, Tibshirani 1993",
        "numbers",
        ("naive_loop",),
    ),
    Method(
        "jackknife_counts",
        R,
        "Delete-one-patient jackknife of any statistic of counts",
        r"\frac{m-1}{m} \sum (\theta_{(-i)} - \bar\theta_{(\cdot)})^2",
        "Efron, Tibshirani 1993",
        "numbers",
        ("naive_loop",),
    ),
    Method(
        "permutation_test",
        R,
        "Permutation test over patients",
        r"p = (1 + \#)/(1 + B)",
        "Phipson, Smyth 2010",
        "readers",
        ("duplicated_reader", "empty", "nan", "permutation"),
        because={"label_swap": "the statistic is the caller's"},
    ),
    Method(
        "permutation_auc_difference",
        R,
        "Permutation test of two AUCs",
        r"p = (1 + \#)/(1 + B)",
        "Venkatraman, Begg 1996",
        "items",
        ("duplicated_reader", "monotone", "empty", "nan", "one_item", "single_class", "permutation"),
        because={
            "label_swap": "only its statistic changes sign; the draws are the same",
        },
    ),
    Method(
        "brier_score",
        K,
        "Brier score",
        r"\frac1n \sum (p_i - y_i)^2",
        "Brier 1950",
        "items",
        (*_ITEM, "one_item"),
    ),
    Method(
        "calibration_error",
        K,
        "Expected calibration error",
        r"\sum_b \frac{n_b}{n} |\bar y_b - \bar p_b|",
        "Naeini, Cooper, Hauskrecht 2015",
        "items",
        ("empty", "nan", "naive_loop"),
        because={**_SEEDED, "one_item": "one item has no resamples that differ"},
    ),
    Method(
        "reliability_curve",
        K,
        "Reliability curve with intervals",
        r"(\bar p_b, \bar y_b)",
        "DeGroot, Fienberg 1983",
        "items",
        _ITEM,
    ),
)
