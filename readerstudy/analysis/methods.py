"""How a figure was computed, as a sentence with its source, from the method that the statistics name."""

import re

from django.utils.translation import gettext as _

_NUMBER = r"(\d+(?:\.\d+)?)"


def _ways() -> tuple[tuple[str, str], ...]:
    """Patterns of the part that says how an interval arose, and the sentence for each; the first that fits."""
    jackknife = _(
        "Its error comes from leaving out one patient at a time (jackknife: Efron and Tibshirani 1993)"
    )
    return (
        (
            rf"Rao-Scott ratio estimator\); Wilson .* t on {_NUMBER} df",
            _(
                "Patients are the clusters: ratio estimator with a design effect (Rao and Scott 1992), Wilson "
                "score interval on the effective number of items, t quantiles on %s degrees of freedom."
            ),
        ),
        (
            r"Rao-Scott ratio estimator\)",
            _("Patients are the clusters: ratio estimator with a design effect (Rao and Scott 1992)."),
        ),
        (
            r"Obuchowski 1997",
            _(
                "Patients are the clusters: variance of the empirical area by Obuchowski (1997), interval on the "
                "logit scale."
            ),
        ),
        (
            rf"jackknife, arctanh scale, t on {_NUMBER} df",
            jackknife + _("; interval on the arctanh scale, t quantiles on %s degrees of freedom."),
        ),
        (
            rf"jackknife, logit scale, t on {_NUMBER} df",
            jackknife + _("; interval on the logit scale, t quantiles on %s degrees of freedom."),
        ),
        (
            rf"jackknife, identity scale, t on {_NUMBER} df",
            jackknife + _("; interval on its own scale, t quantiles on %s degrees of freedom."),
        ),
        (
            rf"percentile bootstrap(?: over patients)?, {_NUMBER} resamples",
            _(
                "Percentile interval of %s bootstrap resamples of whole patients with the plan's seed (Efron and "
                "Tibshirani 1993)."
            ),
        ),
        (
            rf"ratio estimator over patients, t on {_NUMBER} df",
            _("Ratio estimator over patients, t quantiles on %s degrees of freedom."),
        ),
    )


def _things() -> tuple[tuple[str, str], ...]:
    """Patterns of the part that says what was estimated, and the sentence for each; the first that fits."""
    share = _("%(what)s as a share of items.")
    measures = {
        "sensitivity": _("Sensitivity: items called positive among those at or above the cut."),
        "specificity": _("Specificity: items called negative among those below the cut."),
        "ppv": _("Positive predictive value: items at or above the cut among those called positive."),
        "npv": _("Negative predictive value: items below the cut among those called negative."),
        "accuracy": _("Accuracy: items called rightly at the cut."),
        "f1": _("F1: harmonic mean of sensitivity and positive predictive value."),
    }
    return (
        (
            rf"model minus the mean of {_NUMBER} fixed readers",
            _(
                "Model minus the mean of %s readers on the same items and the same scale of grades; the readers "
                "are taken as fixed."
            ),
        ),
        (rf"mean \w+ of {_NUMBER} fixed readers", _("Mean of %s readers, taken as fixed.")),
        (r"Cohen's kappa, quadratic weights", _("Cohen's kappa with quadratic weights (Cohen 1968).")),
        (r"empirical AUC", _("Area under the empirical ROC curve (Mann-Whitney, ties count half).")),
        (r"Brier score", _("Mean squared difference of probability and outcome (Brier 1950).")),
        (r"average precision", _("Area under the steps of the precision-recall curve.")),
        (
            rf"expected calibration error, {_NUMBER} bins",
            _("Mean distance of observed share and mean probability over %s bins of equal width."),
        ),
        (
            r"model at the reader's specificity",
            _("The model's threshold is moved to the reader's specificity, anew in each resample."),
        ),
        (
            rf"least-squares trend, cluster-robust variance; t on {_NUMBER} df",
            _(
                "Least-squares line over the reader's own order with a robust variance, t on %s degrees of freedom."
            ),
        ),
        (r"reader disagreement index", _("Share of cases in which the senior decided against this reader.")),
        (r"item overruling rate", _("Share of items in which the senior decided against this reader.")),
        (r"exact agreement", _("Share of items with the same grade.")),
        (r"agreement within 1 grade", _("Share of items at most one grade apart.")),
        *((rf"{name}\b", sentence) for name, sentence in measures.items()),
        (r"share of positive items", share % {"what": _("Items called positive")}),
        (r"share of disease", share % {"what": _("Items at or above the cut")}),
        (r"share of not assessable items", share % {"what": _("Items called not assessable")}),
    )


def _first(method: str, patterns: tuple[tuple[str, str], ...], *, anywhere: bool) -> str:
    for pattern, sentence in patterns:
        found = (re.search if anywhere else re.match)(pattern, method)
        if found:
            return sentence % found.groups() if found.groups() else sentence
    return ""


def method_sentence(method: str) -> str:
    """
    Say in a sentence or two how a figure was computed, and after whom.

    Parameters
    ----------
    method : str
        What `readerstudy.stats` names as the method of an estimate: what was estimated, then how its interval arose.

    Returns
    -------
    str
        In the page's language; the method as it is named, where no sentence is known.
    """
    sentences = [_first(method, _things(), anywhere=False), _first(method, _ways(), anywhere=True)]
    return " ".join(filter(None, sentences)) or method
