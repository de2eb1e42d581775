"""What each method of the command line does: options in, (result, notes) out."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

import numpy as np

import readerstudy.stats as stats

from . import items, studies
from .table import InputError


def _nested(args: argparse.Namespace, clusters: list[str] | None, name: str) -> bool:
    """Whether to use the clustered form; a file without patients must say that its items are independent."""
    if args.independent:
        return False
    if clusters is None:
        raise InputError(
            f"{name}: name the patient's column by --cluster, or say --independent when each item "
            "is a patient of its own"
        )
    return True


def accuracy(args: argparse.Namespace) -> tuple[Any, list[str]]:
    """All measures of accuracy at a cut, over patients unless items are independent."""
    data = items.load(args, "reference", "given")
    cut = 1.0 if args.cut is None else args.cut
    reference = data.values["reference"]
    own = None if set(np.unique(reference).tolist()) - {0.0, 1.0} else 1.0
    shared = {"cut": cut, "reference_cut": own, "confidence": args.confidence}
    if _nested(args, data.clusters, "accuracy"):
        result = stats.clustered_binary_summary(
            reference, data.values["given"], clusters=data.clusters, **shared
        )
    else:
        result = stats.binary_summary(reference, data.values["given"], **shared)
    return result, data.notes


def _n_grades(args: argparse.Namespace, *arrays: Any) -> int:
    highest = max(float(a.max()) for a in arrays)
    if not np.isfinite(highest):
        raise InputError(f"{args.file.name}: expected grades as whole numbers, got {highest:g}")
    return int(args.grades or highest + 1)


def confusion(args: argparse.Namespace) -> tuple[Any, list[str]]:
    """Items by reference and given grade."""
    data = items.load(args, "reference", "given")
    a, b = data.values["reference"], data.values["given"]
    table = stats.confusion_matrix(a, b, n_grades=_n_grades(args, a, b))
    return {"rows": "reference grade", "columns": "given grade", "matrix": table}, data.notes


def multiclass(args: argparse.Namespace) -> tuple[Any, list[str]]:
    """Accuracy and averaged measures of several grades."""
    data = items.load(args, "reference", "given")
    a, b = data.values["reference"], data.values["given"]
    q = _n_grades(args, a, b)
    if not _nested(args, data.clusters, "multiclass"):
        return stats.multiclass_summary(a, b, n_classes=q, confidence=args.confidence), data.notes
    out: dict[str, Any] = {
        "accuracy": stats.clustered_accuracy(a, b, clusters=data.clusters, confidence=args.confidence)
    }
    for measure in stats.MULTICLASS_MEASURES:
        out[measure] = stats.clustered_multiclass_measure(
            a, b, measure=measure, clusters=data.clusters, n_classes=q, confidence=args.confidence
        )
    return out, data.notes


def multiclass_auc(args: argparse.Namespace) -> tuple[Any, list[str]]:
    """Areas of several classes from their probabilities."""
    reference, shares, notes = items.probabilities(args)
    return stats.multiclass_auc(reference, shares), notes


def hand_till(args: argparse.Namespace) -> tuple[Any, list[str]]:
    """Mean pairwise area of one score; the classes are the distinct values of the reference."""
    data = items.load(args, "reference", "score")
    classes, index = np.unique(data.values["reference"], return_inverse=True)
    area = stats.hand_till_score(
        index, data.values["score"], n_classes=classes.size, confidence=args.confidence
    )
    return area, [*data.notes, f"classes in order: {', '.join(f'{c:g}' for c in classes)}"]


def auc(args: argparse.Namespace) -> tuple[Any, list[str]]:
    """Area under the ROC curve."""
    data = items.load(args, "reference", "score")
    truth, score = items.truth(data, args), data.values["score"]
    if _nested(args, data.clusters, "auc"):
        return stats.clustered_auc(
            truth, score, clusters=data.clusters, confidence=args.confidence
        ), data.notes
    return stats.auc(truth, score, confidence=args.confidence), data.notes


def auc_difference(args: argparse.Namespace) -> tuple[Any, list[str]]:
    """Paired difference of two areas."""
    data = items.load(args, "reference", "score", "second")
    truth, a, b = items.truth(data, args), data.values["score"], data.values["second"]
    more = {"confidence": args.confidence, "alternative": args.alternative}
    if _nested(args, data.clusters, "auc-difference"):
        return stats.clustered_auc_difference(truth, a, b, clusters=data.clusters, **more), data.notes
    return stats.auc_difference(truth, a, b, **more), data.notes


def curve(function: str) -> Callable[[argparse.Namespace], tuple[Any, list[str]]]:
    """A run of one of the curve functions."""

    def run(args: argparse.Namespace) -> tuple[Any, list[str]]:
        data = items.load(args, "reference", "score")
        return getattr(stats, function)(items.truth(data, args), data.values["score"]), data.notes

    return run


def partial_auc(args: argparse.Namespace) -> tuple[Any, list[str]]:
    """Area under part of the ROC curve."""
    data = items.load(args, "reference", "score")
    nested = _nested(args, data.clusters, "partial-auc")
    area = stats.partial_auc(
        items.truth(data, args), data.values["score"], focus=args.focus, start=args.start, stop=args.stop,
        corrected=args.corrected, clusters=data.clusters if nested else None, confidence=args.confidence,
    )  # fmt: skip
    return area, data.notes


def resampled(function: str, name: str) -> Callable[[argparse.Namespace], tuple[Any, list[str]]]:
    """A run of a curve figure whose interval is resampled."""

    def run(args: argparse.Namespace) -> tuple[Any, list[str]]:
        data = items.load(args, "reference", "score")
        nested = _nested(args, data.clusters, name)
        extra = {"specificity": args.at} if args.what == "specificity" else {"sensitivity": args.at}
        result = getattr(stats, function)(
            items.truth(data, args), data.values["score"], rng=np.random.default_rng(args.seed),
            clusters=data.clusters if nested else None, n_resamples=args.resamples,
            confidence=args.confidence, seed=args.seed, **(extra if args.what else {}),
        )  # fmt: skip
        return result, data.notes

    return run


def kappa(args: argparse.Namespace) -> tuple[Any, list[str]]:
    """Cohen's kappa of two readers."""
    if args.table is not None:
        _nested(args, None, "kappa")
        return stats.cohen_kappa_table(
            items.count_table(args), weights=args.weights, confidence=args.confidence
        ), []
    data = items.load(args, "first", "second")
    a, b = data.values["first"], data.values["second"]
    more = {"n_grades": _n_grades(args, a, b), "weights": args.weights, "confidence": args.confidence}
    if _nested(args, data.clusters, "kappa"):
        return stats.clustered_kappa(a, b, clusters=data.clusters, **more), data.notes
    return stats.weighted_kappa(a, b, **more), data.notes


def percent(args: argparse.Namespace) -> tuple[Any, list[str]]:
    """Share of items that two readers graded alike."""
    data = items.load(args, "first", "second")
    a, b = data.values["first"], data.values["second"]
    more = {"within": args.within, "confidence": args.confidence}
    if _nested(args, data.clusters, "percent-agreement"):
        return stats.clustered_percent_agreement(a, b, clusters=data.clusters, **more), data.notes
    return stats.percent_agreement(a, b, **more), data.notes


def bland_altman(args: argparse.Namespace) -> tuple[Any, list[str]]:
    """Bias and limits of agreement."""
    data = items.load(args, "first", "second")
    nested = _nested(args, data.clusters, "bland-altman")
    result = stats.bland_altman(
        data.values["first"], data.values["second"], clusters=data.clusters if nested else None,
        confidence=args.confidence,
    )  # fmt: skip
    return result, data.notes


def mcnemar(args: argparse.Namespace) -> tuple[Any, list[str]]:
    """Paired calls of two readers; all four clustered tests over patients."""
    if args.table is not None:
        _nested(args, None, "mcnemar")
        return stats.mcnemar_table(items.count_table(args), confidence=args.confidence), []
    data = items.load(args, "first", "second")
    cut = 1.0 if args.cut is None else args.cut
    a, b = data.values["first"] >= cut, data.values["second"] >= cut
    if not _nested(args, data.clusters, "mcnemar"):
        return stats.mcnemar(a, b, confidence=args.confidence), data.notes
    difference = stats.clustered_paired_difference(a, b, clusters=data.clusters, confidence=args.confidence)
    tests = {
        m: stats.clustered_mcnemar(a, b, clusters=data.clusters, method=m)
        for m in ("obuchowski", "durkalski", "yang", "eliasziw")
    }
    return {"difference": difference, **tests}, data.notes


def _table(rows: list[list[str | None]]) -> Any:
    out = np.empty((len(rows), len(rows[0])), dtype=object)
    out[:] = rows
    return out


def agreement(kind: str) -> Callable[[argparse.Namespace], tuple[Any, list[str]]]:
    """A run of one chance-corrected coefficient."""

    def run(args: argparse.Namespace) -> tuple[Any, list[str]]:
        rows, patients, notes = items.ratings(args)
        more: dict[str, Any] = {
            "kind": kind, "weights": args.weights, "confidence": args.confidence,
            "categories": None if args.categories is None else args.categories.split(","),
        }  # fmt: skip
        if _nested(args, patients, kind):
            return stats.clustered_agreement(_table(rows), clusters=patients, **more), notes
        return stats.multireader_agreement(_table(rows), **more), notes

    return run


def alpha(args: argparse.Namespace) -> tuple[Any, list[str]]:
    """Krippendorff's alpha."""
    rows, _, notes = items.ratings(args)
    scale = None if args.categories is None else args.categories.split(",")
    return stats.krippendorff_alpha(
        _table(rows), metric=args.metric, categories=scale, confidence=args.confidence
    ), notes


def light(args: argparse.Namespace) -> tuple[Any, list[str]]:
    """Light's kappa."""
    rows, _, notes = items.ratings(args)
    scale = None if args.categories is None else args.categories.split(",")
    return stats.light_kappa(
        _table(rows), categories=scale, weights=args.weights, confidence=args.confidence
    ), notes


def icc(args: argparse.Namespace) -> tuple[Any, list[str]]:
    """Intraclass correlation."""
    rows, _, notes = items.ratings(args, as_numbers=True)
    result = stats.icc(
        items.numeric(rows), model=args.model, kind=args.type, unit=args.unit,
        variant=args.variant, confidence=args.confidence,
    )  # fmt: skip
    return result, notes


def kendall(args: argparse.Namespace) -> tuple[Any, list[str]]:
    """Kendall's W and its test."""
    rows, _, notes = items.ratings(args, as_numbers=True)
    w, test = stats.kendall_w(items.numeric(rows))
    return {"w": w, "test": test}, notes


def cochran(args: argparse.Namespace) -> tuple[Any, list[str]]:
    """Cochran's Q of the calls at a cut."""
    rows, _, notes = items.ratings(args, as_numbers=True)
    grades = items.numeric(rows)
    whole = ~np.isnan(grades).any(axis=1)
    if not whole.all():
        notes = [*notes, f"{int((~whole).sum())} incomplete items left out"]
    return stats.cochran_q(grades[whole] >= (1.0 if args.cut is None else args.cut)), notes


def calibration(args: argparse.Namespace) -> tuple[Any, list[str]]:
    """Brier score, calibration error and reliability curve."""
    data = items.load(args, "reference", "score")
    truth, p = items.truth(data, args), data.values["score"]
    clusters = data.clusters if _nested(args, data.clusters, "calibration") else None
    return {
        "brier_score": stats.brier_score(truth, p, clusters=clusters, confidence=args.confidence),
        "calibration_error": stats.calibration_error(
            truth, p, rng=np.random.default_rng(args.seed), clusters=clusters, n_bins=args.bins,
            n_resamples=args.resamples, confidence=args.confidence, seed=args.seed,
        ),
        "curve": stats.reliability_curve(
            truth, p, clusters=clusters, n_bins=args.bins, confidence=args.confidence
        ),
    }, data.notes  # fmt: skip


def mrmc(args: argparse.Namespace) -> tuple[Any, list[str]]:
    """Obuchowski-Rockette."""
    result = stats.obuchowski_rockette(
        studies.readings(args), endpoint=studies.endpoint(args.endpoint), covariance=args.covariance,
        readers=args.readers_are, cases=args.cases_are, design=args.design,
        missing="available" if args.available else "refuse", confidence=args.confidence,
    )  # fmt: skip
    return result, []


def dbm(args: argparse.Namespace) -> tuple[Any, list[str]]:
    """Dorfman-Berbaum-Metz."""
    data = studies.readings(args)
    return stats.dbm(data, endpoint=studies.endpoint(args.endpoint), confidence=args.confidence), []


def u(args: argparse.Namespace) -> tuple[Any, list[str]]:
    """U-statistics."""
    result = stats.u_statistics(
        studies.readings(args), endpoint=studies.endpoint(args.endpoint), estimator=args.estimator,
        confidence=args.confidence,
    )  # fmt: skip
    return result, []


def standalone(args: argparse.Namespace) -> tuple[Any, list[str]]:
    """One model against several readers."""
    data = studies.readings(args) if args.correct is None else studies.places(args)
    result = stats.standalone_vs_readers(
        data, model=args.model, endpoint=studies.endpoint(args.endpoint),
        cases=args.cases_are, confidence=args.confidence,
    )  # fmt: skip
    return result, []


def margin(args: argparse.Namespace) -> tuple[Any, list[str]]:
    """Non-inferiority or superiority with a margin."""
    result = stats.non_inferiority(
        studies.readings(args), reference=args.reference, test=args.test, margin=args.margin,
        endpoint=studies.endpoint(args.endpoint), kind=args.kind, confidence=args.confidence,
    )  # fmt: skip
    return result, []


def froc(args: argparse.Namespace) -> tuple[Any, list[str]]:
    """Figures of merit of marks."""
    study, notes = studies.marks(args)
    figures = stats.froc_figures(study)
    if study.n_duplicates:
        notes.append(f"{study.n_duplicates} further marks on a lesion left out")
    return {"treatments": study.treatments, "readers": study.readers, **figures}, notes


def froc_mrmc(args: argparse.Namespace) -> tuple[Any, list[str]]:
    """Obuchowski-Rockette on a figure of merit of marks."""
    study, notes = studies.marks(args)
    result = stats.obuchowski_rockette(
        study, endpoint=stats.FrocFigure(args.figure), readers=args.readers_are, confidence=args.confidence
    )
    return result, notes


def proportion(args: argparse.Namespace) -> tuple[Any, list[str]]:
    """Interval of a proportion from two numbers."""
    return stats.proportion(args.successes, args.n, method=args.method, confidence=args.confidence), []


def plan(function: str, *names: str) -> Callable[[argparse.Namespace], tuple[Any, list[str]]]:
    """A run of one of the planning functions."""

    def run(args: argparse.Namespace) -> tuple[Any, list[str]]:
        given = {name: getattr(args, name) for name in names}
        return getattr(stats, function)(**given), []

    return run


def plan_kappa(function: str, *names: str) -> Callable[[argparse.Namespace], tuple[Any, list[str]]]:
    """A run of one of the planning functions of kappa, whose categories have shares."""

    def run(args: argparse.Namespace) -> tuple[Any, list[str]]:
        try:
            shares = [float(share) for share in args.proportions.split(",")]
        except ValueError:
            raise InputError(
                f"--proportions: expected numbers separated by commas, got {args.proportions!r}"
            ) from None
        given = {name: getattr(args, name) for name in names}
        planned = getattr(stats, function)(given.pop("kappa0"), **_second(given), proportions=shares)
        return {"items": planned}, ["one item per patient: multiply by the design effect of nested items"]

    return run


def _second(given: dict[str, Any]) -> dict[str, Any]:
    """Options that were given: a limit that was not is left to the function."""
    return {name: value for name, value in given.items() if value is not None}


def plan_difference(args: argparse.Namespace) -> tuple[Any, list[str]]:
    """Cases for a paired difference of areas, from a pilot of one item per patient."""
    data = items.load(args, "reference", "score", "second")
    patients = data.clusters or []
    if not args.independent and len(set(patients)) < len(patients):
        raise InputError(
            "plan-auc-difference: the pilot has several items per patient, but DeLong's variances are for one; "
            "choose one by --where, or say --independent"
        )
    size = stats.sample_size_auc_difference(
        items.truth(data, args), data.values["score"], data.values["second"], power=args.power,
        alpha=args.alpha,
    )  # fmt: skip
    return size, data.notes


def plan_from_pilot(args: argparse.Namespace) -> tuple[Any, list[str]]:
    """Power of a study of given size, or the cases that reach a power, from a pilot's components."""
    pilot = stats.pilot_components(studies.readings(args), endpoint=studies.endpoint(args.endpoint))
    more = {"n_readers": args.n_readers, "effect": args.effect, "alpha": args.alpha}
    if args.n_cases is not None:
        return stats.mrmc_power(pilot, n_cases=args.n_cases, **more), []
    return stats.mrmc_cases_needed(pilot, power=args.power, **more), []
