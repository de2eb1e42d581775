"""Entries on one reader or one pair: from `params` to a call of the package and the keys of `values`."""

from __future__ import annotations

import math

import numpy as np

from readerstudy import stats
from readerstudy.stats.accuracy.binary import share_of_counts
from readerstudy.stats.accuracy.counts import BinaryCounts
from readerstudy.stats.roc.curves import average_precision_value, pr_auc_trapezoid_value

from . import layouts
from .layouts import Folder


def result_of(source, **more) -> dict:
    """Reason, when there is one, beside the keys of an entry."""
    out = dict(more)
    if source.undefined_because:
        out["undefined_because"] = source.undefined_because
    if source.note:
        out["note"] = source.note
    return out


def _variance(se: float) -> float:
    return se * se if not math.isnan(se) else se


def delong_single(folder: Folder, p: dict) -> dict:
    (one,) = layouts.scores(folder, p["data"])
    area = stats.auc(one.truth, one.values, interval="wald", clip=p["clip"], confidence=p["confidence"])
    return result_of(area, auc=area.value, var=_variance(area.se), ci_lower=area.low, ci_upper=area.high)


def delong_paired(folder: Folder, p: dict) -> dict:
    truth, first, second, _ = layouts.paired(folder, p["data"])
    c = stats.auc_difference(
        truth, first, second, alternative=p["alternative"], confidence=p["confidence"], interval="wald"
    )
    return result_of(
        c, auc1=c.first.value, auc2=c.second.value, diff=c.difference.value, cov=c.covariance,
        z=c.test.statistic, p=c.test.p, ci_lower=c.difference.low, ci_upper=c.difference.high,
    )  # fmt: skip


def delong_unpaired(folder: Folder, p: dict) -> dict:
    a, b = layouts.scores(folder, p["data"])
    c = stats.auc_difference_unpaired(
        a.truth, a.values, b.truth, b.values, alternative=p["alternative"], confidence=p["confidence"]
    )
    return result_of(
        c, auc1=c.first.value, auc2=c.second.value, diff=c.difference.value,
        t=c.test.statistic, df=c.test.df, p=c.test.p, ci_lower=c.difference.low, ci_upper=c.difference.high,
    )  # fmt: skip


def _resamples(asked: int, n: int) -> int:
    """
    At least what was asked: the tolerance is meant for the peer's Monte Carlo error, ours shall be small.
    """
    return max(asked, min(100_000, 20_000_000 // n))


def bootstrap_auc_ci(folder: Folder, p: dict) -> dict:
    (one,) = layouts.scores(folder, p["data"])
    boot = stats.bootstrap_auc(
        one.truth, one.values, stratified=p["stratified"],
        resamples=_resamples(p["resamples"], one.truth.size),
        rng=np.random.default_rng(20240501), confidence=p["confidence"], interval=p["interval"],
    )  # fmt: skip
    return result_of(
        boot.estimate, ci_lower=boot.estimate.low, median=boot.median, ci_upper=boot.estimate.high
    )


def bootstrap_auc_test(folder: Folder, p: dict) -> dict:
    rng = np.random.default_rng(20240501)
    if p["paired"]:
        truth, first, second, _ = layouts.paired(folder, p["data"])
        resamples = _resamples(p["resamples"], truth.size)
        test = stats.bootstrap_auc_difference(
            truth, first, second, stratified=p["stratified"], resamples=resamples, rng=rng
        )
    else:
        a, b = layouts.scores(folder, p["data"])
        resamples = _resamples(p["resamples"], max(a.truth.size, b.truth.size))
        test = stats.bootstrap_auc_difference_unpaired(
            a.truth, a.values, b.truth, b.values, stratified=p["stratified"], resamples=resamples, rng=rng
        )
    return result_of(test.test, z=test.test.statistic, p=test.test.p)


def partial_auc(folder: Folder, p: dict) -> dict:
    (one,) = layouts.scores(folder, p["data"])
    area = stats.partial_auc(
        one.truth, one.values, focus=p["focus"], start=p["from"], stop=p["to"], corrected=p["corrected"]
    )
    return result_of(area, partial_auc=area.value)


def roc_curve(folder: Folder, p: dict) -> dict:
    (one,) = layouts.scores(folder, p["data"])
    curve = stats.roc_curve(one.truth, one.values)
    return {
        "fpr": curve.fpr.tolist(), "tpr": curve.tpr.tolist(), "thresholds": curve.thresholds.tolist(),
        "undefined_because": curve.undefined_because,
    }  # fmt: skip


def pr_curve(folder: Folder, p: dict) -> dict:
    (one,) = layouts.scores(folder, p["data"])
    curve = stats.pr_curve(one.truth, one.values)
    return {
        "precision": curve.precision.tolist(), "recall": curve.recall.tolist(),
        "thresholds": curve.thresholds.tolist(), "undefined_because": curve.undefined_because,
    }  # fmt: skip


def roc_thresholds(folder: Folder, p: dict) -> list:
    (one,) = layouts.scores(folder, p["data"])
    rows = []
    for point in stats.operating_points(one.truth, one.values):
        c = point.counts
        shares = {name: share_of_counts(c, name) for name in ("ppv", "npv", "accuracy")}
        rates = (share_of_counts(c, name) for name in ("sensitivity", "specificity"))
        gone = (one.undefined_because for one in (*shares.values(), *rates))
        absent = "" if c.tp + c.fn and c.fp + c.tn else "a class of the reference is absent"
        rows.append(
            {
                "threshold": point.threshold, "sensitivity": point.sensitivity, "specificity":
                point.specificity, "tp": c.tp, "fp": c.fp, "tn": c.tn, "fn": c.fn,
                **{name: one.value for name, one in shares.items()},
                "youden": point.sensitivity + point.specificity,
                "note": "; ".join(dict.fromkeys(why for why in gone if why)), "undefined_because": absent,
            }
        )  # fmt: skip
    return rows


def youden_point(folder: Folder, p: dict) -> dict:
    (one,) = layouts.scores(folder, p["data"])
    best = stats.youden_points(one.truth, one.values)
    if not best:
        return {"undefined_because": "a class of the reference is absent"}
    return {
        "threshold": best[0].threshold, "sensitivity": best[0].sensitivity, "specificity": best[0].specificity
    }  # fmt: skip


def binary_metrics(folder: Folder, p: dict) -> dict:
    (one,) = layouts.scores(folder, p["data"])
    summary = stats.binary_summary(one.truth, one.values, cut=p["threshold"], reference_cut=1)
    c = summary.counts
    names = ("accuracy", "sensitivity", "specificity", "ppv", "npv", "f1", "mcc", "balanced_accuracy")
    return {
        "tp": c.tp, "fp": c.fp, "tn": c.tn, "fn": c.fn,
        **{name: getattr(summary, name).value for name in names},
        "auc": stats.auc(one.truth, one.values).value,
        "average_precision": average_precision_value(one.truth, one.values),
        "pr_auc_trapezoid": pr_auc_trapezoid_value(one.truth, one.values),
        "note": summary.note,
    }  # fmt: skip


def proportion_ci(folder: Folder, p: dict) -> list:
    rows = []
    for x, n in p["counts"]:
        for method in p["methods"]:
            e = stats.proportion(x, n, method=method, confidence=p["confidence"], clip=p["clip"])
            rows.append(
                result_of(e, x=x, n=n, method=method, estimate=e.value, ci_lower=e.low, ci_upper=e.high)
            )
    return rows


def binary_metrics_ci(folder: Folder, p: dict) -> dict:
    (one,) = layouts.scores(folder, p["data"])
    counts: BinaryCounts = stats.binary_counts(one.truth, one.values, cut=p["threshold"], reference_cut=1)
    out: dict = {}
    for method in p["methods"]:
        out[method] = {}
        for measure in p["measures"]:
            e = share_of_counts(counts, measure, method=method, confidence=p["confidence"], clip=p["clip"])
            out[method][measure] = result_of(e, ci_lower=e.low, ci_upper=e.high)
    return out


def _classes(folder: Folder, data: dict) -> tuple[np.ndarray, list[dict]]:
    rows = folder.rows(data["file"], data)

    def place(cell: str) -> int:
        return next((k for k, c in enumerate(data["classes"]) if layouts.is_positive(cell, c)), -1)

    places = [place(row[data["truth"]]) for row in rows]
    kept = [row for row, k in zip(rows, places, strict=True) if k >= 0]
    return np.array([k for k in places if k >= 0], int), kept


def _probabilities(p: dict, rows: list[dict]) -> np.ndarray:
    columns = p["data"]["probabilities"]
    cells = [[layouts.number(row[c]) for c in columns] for row in rows]
    return np.array(cells, float).reshape(len(rows), len(columns))


def _without_items(truth: np.ndarray, p: dict) -> str:
    """Which classes make figures undefined."""
    classes = p["data"]["classes"]
    empty = [layouts.text(c) for k, c in enumerate(classes) if not np.any(truth == k)]
    said = [f"no item of class {', '.join(empty)}"] if empty else []
    if len(empty) >= len(classes) - 1:
        said.append("one class only")
    return "; ".join(said)


def multiclass_auc(folder: Folder, p: dict) -> dict:
    truth, rows = _classes(folder, p["data"])
    probabilities = _probabilities(p, rows)
    areas = stats.multiclass_auc(truth, probabilities)
    return {
        "ovr_macro": areas.ovr_macro, "ovr_weighted": areas.ovr_weighted, "ovo_macro": areas.ovo_macro,
        "ovo_weighted": areas.ovo_weighted, "micro_ovr": areas.micro_ovr,
        "per_class_ovr": list(areas.per_class), "average_precision_per_class": list(areas.average_precision),
        "note": _without_items(truth, p),
    }  # fmt: skip


def multiclass_metrics(folder: Folder, p: dict) -> dict:
    truth, rows = _classes(folder, p["data"])
    probabilities = _probabilities(p, rows)
    m = stats.multiclass_summary(truth, probabilities.argmax(axis=1), n_classes=len(p["data"]["classes"]))
    kappa = {w: stats.cohen_kappa_table(m.matrix, weights=w).kappa.value for w in ("identity", "quadratic")}
    return {
        "matrix": m.matrix.tolist(), "accuracy": m.accuracy.value, "balanced_accuracy": m.balanced_accuracy,
        "precision": list(m.precision), "recall": list(m.recall), "f1": list(m.f1), "support":
        list(m.support), "specificity_per_class": list(m.specificity), "macro_f1": m.macro_f1, "micro_f1":
        m.micro_f1, "weighted_f1": m.weighted_f1, "mcc": m.mcc, "kappa": kappa["identity"],
        "kappa_quadratic": kappa["quadratic"],
        "log_loss": stats.log_loss(truth, probabilities).value, "note": _without_items(truth, p),
    }  # fmt: skip


def hand_till(folder: Folder, p: dict) -> dict:
    truth, rows = _classes(folder, p["data"])
    score = np.array([layouts.number(row[p["data"]["score"]]) for row in rows])
    there = ~np.isnan(score)
    area = stats.hand_till_score(truth[there], score[there], n_classes=len(p["data"]["classes"]))
    return result_of(area, auc=area.value)


def clustered_auc_single(folder: Folder, p: dict) -> dict:
    (one,) = layouts.scores(folder, p["data"])
    area = stats.clustered_auc(
        one.truth, one.values, clusters=one.clusters, interval="wald", clip=False, confidence=p["confidence"]
    )
    return result_of(
        area, auc=area.value, var=_variance(area.se), se=area.se, ci_lower=area.low, ci_upper=area.high
    )


def clustered_auc_paired(folder: Folder, p: dict) -> dict:
    truth, first, second, clusters = layouts.paired(folder, p["data"])
    c = stats.clustered_auc_difference(
        truth, first, second, clusters=clusters, interval="wald", clip=False, confidence=p["confidence"]
    )
    d = c.difference
    sign = -1.0 if d.value < 0 else 1.0
    low, high = (d.low, d.high) if sign > 0 else (-d.high, -d.low)
    return result_of(
        c, auc1=c.first.value, auc2=c.second.value, var1=_variance(c.first.se), var2=_variance(c.second.se),
        cov=c.covariance, ci_lower1=c.first.low, ci_upper1=c.first.high, ci_lower2=c.second.low,
        ci_upper2=c.second.high, abs_diff=abs(d.value), var_diff=_variance(d.se), se_diff=d.se,
        ci_lower_abs_diff=low, ci_upper_abs_diff=high, z=abs(c.test.statistic), p=c.test.p,
    )  # fmt: skip


FUNCTIONS = {
    f.__name__: f
    for f in (
        delong_single, delong_paired, delong_unpaired, bootstrap_auc_ci, bootstrap_auc_test, partial_auc,
        roc_curve, pr_curve, roc_thresholds, youden_point, binary_metrics, proportion_ci, binary_metrics_ci,
        multiclass_auc, multiclass_metrics, hand_till, clustered_auc_single, clustered_auc_paired,
    )
}  # fmt: skip
