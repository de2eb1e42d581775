"""Sample sizes for the designs of the protocols, with the correlation within patients that a study itself showed."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from readerstudy.stats import (
    AnalysisRefused,
    design_effect,
    patients_for_paired_proportions,
    patients_for_proportion,
    sample_size_auc,
    sample_size_kappa_interval,
    sample_size_mrmc,
)


@dataclass(frozen=True)
class Own:
    """What a study's estimate says of its nesting: items per patient in its denominator, and their correlation."""

    measure: str
    who: str
    share: float
    items_per_patient: float
    design_effect: float
    correlation: float


def own_correlation(measure: str, who: str, estimate: Mapping[str, Any]) -> Own | None:
    """
    Return the nesting behind a clustered share: its variance over that of independent items is the design effect.

    None where there is no variance, or one item per patient.
    """
    value, se, n, m = (estimate[name] for name in ("value", "se", "n", "n_clusters"))
    if value is None or not se or not m or n <= m or value in (0.0, 1.0):
        return None
    effect = se**2 / (value * (1 - value) / n)
    per_patient = n / m
    correlation = min(max((effect - 1) / (per_patient - 1), 0.0), 1.0)
    return Own(measure, who, value, per_patient, effect, correlation)


def plan_size(design: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """
    Compute the size of a design.

    Parameters
    ----------
    design : {"share", "paired", "auc", "kappa", "mrmc"}
    given : mapping
        Numbers of the form of that design.

    Returns
    -------
    dict
        ``patients`` or ``cases`` (diseased and others), ``items``, ``design_effect``; or ``refused`` with the reason.
    """
    try:
        return _SIZES[design](given)
    except (AnalysisRefused, ValueError) as refusal:
        return {"refused": str(refusal)}


def _nesting(given: Mapping[str, Any]) -> dict[str, float]:
    return {"items_per_patient": given["items_per_patient"], "correlation": given["correlation"]}


def _share(given: Mapping[str, Any]) -> dict[str, Any]:
    patients = patients_for_proportion(given["share"], given["half_width"], **_nesting(given))
    return {"patients": patients, "design_effect": design_effect(**_nesting(given))}


def _paired(given: Mapping[str, Any]) -> dict[str, Any]:
    patients = patients_for_paired_proportions(
        given["first_only"],
        given["second_only"],
        alpha=given["alpha"],
        power=given["power"],
        **_nesting(given),
    )
    return {"patients": patients, "design_effect": design_effect(**_nesting(given))}


def _auc(given: Mapping[str, Any]) -> dict[str, Any]:
    size = sample_size_auc(given["auc"], ratio=given["ratio"], alpha=given["alpha"], power=given["power"])
    return {"diseased": size.n_diseased, "non_diseased": size.n_non_diseased}


def _kappa(given: Mapping[str, Any]) -> dict[str, Any]:
    share = given["share"]
    items = sample_size_kappa_interval(
        given["kappa"], kappa_lower=given["kappa_lower"], proportions=[share, 1 - share], alpha=given["alpha"]
    )
    effect = design_effect(**_nesting(given))
    patients = -(-items * effect // given["items_per_patient"])
    return {"items": items, "patients": int(patients), "design_effect": effect}


def _mrmc(given: Mapping[str, Any]) -> dict[str, Any]:
    size = sample_size_mrmc(
        n_readers=int(given["readers"]),
        difference=given["difference"],
        accuracy=given["auc"],
        range_between=given["range_between"],
        range_within=given["range_within"],
        ratio=given["ratio"],
        alpha=given["alpha"],
        power=given["power"],
    )
    return {"diseased": size.n_diseased, "non_diseased": size.n_non_diseased}


_SIZES = {"share": _share, "paired": _paired, "auc": _auc, "kappa": _kappa, "mrmc": _mrmc}
