"""Entries on sample size and power."""

from __future__ import annotations

from readerstudy import stats
from readerstudy.stats.planning.readers import PilotComponents

from . import layouts
from .layouts import Folder
from .multireader import endpoint, study


def sample_size_roc_one(folder: Folder, p: dict) -> dict:
    s = stats.sample_size_auc(
        p["auc"], n_diseased=p["n_cases"], n_non_diseased=p["n_controls"], power=p["power"], ratio=p["ratio"],
        alpha=p["alpha"],
    )  # fmt: skip
    return {"n_cases": s.n_diseased, "n_controls": s.n_non_diseased, "power": s.power}


def sample_size_roc_two_paired(folder: Folder, p: dict) -> dict:
    truth, first, second, _ = layouts.paired(folder, p["data"])
    s = stats.sample_size_auc_difference(truth, first, second, power=p["power"], alpha=p["alpha"])
    return {"n_cases": s.n_diseased, "n_controls": s.n_non_diseased}


def _pilot(folder: Folder, p: dict) -> PilotComponents:
    if "components" in p:
        return PilotComponents(**p["components"], n_cases=p["pilot_cases"])
    return stats.pilot_components(study(folder, p["data"]), endpoint=endpoint(p["endpoint"]))


def mrmc_power(folder: Folder, p: dict) -> dict:
    r = stats.mrmc_power(
        _pilot(folder, p),
        n_readers=p["n_readers"],
        n_cases=p["n_cases"],
        effect=p["effect"],
        alpha=p["alpha"],
    )
    return {"power": r.power, "ncp": r.noncentrality, "df2": r.df2, "f_critical": r.f_critical}


def mrmc_cases_needed(folder: Folder, p: dict) -> dict:
    r = stats.mrmc_cases_needed(
        _pilot(folder, p), n_readers=p["n_readers"], effect=p["effect"], alpha=p["alpha"], power=p["power"]
    )
    return {"n_cases": r.n_cases, "power": r.power}


def sample_size_mrmc_no_pilot(folder: Folder, p: dict) -> dict:
    names = (
        "endpoint", "n_readers", "difference", "accuracy", "range_between", "range_within", "ratio", "r1",
        "r2", "r3", "alpha", "power",
    )  # fmt: skip
    r = stats.sample_size_mrmc(**{name: p[name] for name in names})
    parts = ("var_tr", "var_error", "var_r", "var_w", "cov1", "cov2", "cov3")
    return {
        "components": {name: getattr(r, name) for name in parts},
        "n_cases": r.n_diseased, "n_controls": r.n_non_diseased, "n_total": r.n_diseased + r.n_non_diseased,
    }  # fmt: skip


def sample_size_standalone(folder: Folder, p: dict) -> dict:
    names = ("endpoint", "accuracy", "precision", "ratio", "alpha", "power")
    s = stats.sample_size_standalone(**{name: p[name] for name in names})
    return {
        "n_cases": s.n_diseased, "n_controls": s.n_non_diseased, "n_total": s.n_diseased + s.n_non_diseased
    }  # fmt: skip


def sample_size_kappa_test(folder: Folder, p: dict) -> dict:
    n = stats.sample_size_kappa_test(
        p["kappa0"], p["kappa1"], proportions=p["proportions"], raters=p["raters"], alpha=p["alpha"],
        power=p["power"],
    )  # fmt: skip
    return {"n": n}


def sample_size_kappa_ci(folder: Folder, p: dict) -> dict:
    n = stats.sample_size_kappa_interval(
        p["kappa0"], kappa_lower=p["kappa_lower"], kappa_upper=p["kappa_upper"], proportions=p["proportions"],
        raters=p["raters"], alpha=p["alpha"],
    )  # fmt: skip
    return {"n": n}


FUNCTIONS = {
    f.__name__: f
    for f in (
        sample_size_roc_one, sample_size_roc_two_paired, mrmc_power, mrmc_cases_needed,
        sample_size_mrmc_no_pilot, sample_size_standalone, sample_size_kappa_test, sample_size_kappa_ci,
    )
}  # fmt: skip
