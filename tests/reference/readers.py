"""Entries on agreement and paired comparison of readings."""

from __future__ import annotations

import math

import numpy as np

from readerstudy import stats
from readerstudy.stats.agreement.chance_corrected import agreement_coefficient
from readerstudy.stats.agreement.ratings import code_ratings, ratings_of_table
from readerstudy.stats.agreement.several import alpha_of_ratings, fleiss_null_test, light_of_ratings

from . import layouts
from .layouts import Folder
from .single_reader import result_of

_KINDS = {
    "percent_agreement": "percent",
    "fleiss_kappa": "fleiss",
    "gwet_ac": "gwet",
    "brennan_prediger": "brennan_prediger",
    "conger_kappa": "conger",
    "krippendorff_alpha": "krippendorff",
}


def _weights(p: dict) -> str:
    given = p.get("weights", "unweighted")
    return "identity" if given == "unweighted" else given


def _coded(folder: Folder, p: dict):
    """Coded ratings, with positions for values where the entry asks for ranks."""
    data = p["data"]
    if data["layout"] in ("table", "inline_table"):
        return ratings_of_table(layouts.table(folder, data))
    cells, categories = layouts.ratings(folder, data)
    cells = [[None if c is None else layouts.text(c) for c in row] for row in cells]
    labels = np.array([layouts.text(c) for c in categories], dtype=object)
    table = np.empty((len(cells), len(cells[0])), dtype=object)
    table[:] = cells
    coded = code_ratings(table, categories=labels, missing=p.get("missing", "available"))
    if p.get("spacing") == "rank":
        coded = type(coded)(coded.codes, np.arange(1.0, len(labels) + 1), coded.n_dropped)
    return coded


def _agreement(folder: Folder, p: dict) -> dict:
    coded = _coded(folder, p)
    kind = _KINDS[p["function"]]
    if "metric" in p:
        alpha = alpha_of_ratings(coded, metric=p["metric"], confidence=p.get("confidence", 0.95))
        return result_of(alpha, coefficient=alpha.value, n=alpha.n)
    a = agreement_coefficient(
        coded, kind, weights=_weights(p), variance=p.get("variance", "subjects"),
        interval=p.get("interval", "t"), alternative=p.get("alternative", "two-sided"),
        confidence=p.get("confidence", 0.95),
    )  # fmt: skip
    e = a.coefficient
    out = result_of(
        e, coefficient=e.value, se=e.se, ci_lower=e.low, ci_upper=e.high, p=a.test.p, pa=a.observed,
        pe=a.expected, n=e.n,
    )  # fmt: skip
    if kind == "fleiss" and (coded.codes >= 0).all() and _weights(p) == "identity":
        null = fleiss_null_test(coded)
        out["z0"], out["p0"] = null.z, null.p
        if p.get("by_category"):
            labels = p["data"].get("categories", list(range(1, coded.n_categories + 1)))
            out["categories"] = [
                {"category": label, "coefficient": k, "z0": z}
                for label, k, z in zip(labels, null.category_kappa, null.category_z, strict=True)
            ]
    return out


def cohen_kappa(folder: Folder, p: dict) -> dict:
    if p["variance"] == "subjects":
        coded = _coded(folder, p)
        a = agreement_coefficient(
            coded, "conger", weights=_weights(p), variance="subjects", interval=p["interval"],
            alternative=p["alternative"], confidence=p["confidence"],
        )  # fmt: skip
        e = a.coefficient
        return result_of(
            e, coefficient=e.value, se=e.se, ci_lower=e.low, ci_upper=e.high, p=a.test.p, pa=a.observed,
            pe=a.expected, n=e.n,
        )  # fmt: skip
    coded = _coded(folder, {**p, "missing": "complete_cases"})
    table = coded.pair_table()
    k = stats.cohen_kappa_table(
        table, weights=_weights(p), values=coded.values, interval=p["interval"],
        alternative=p["alternative"], confidence=p["confidence"],
    )  # fmt: skip
    e = k.kappa
    return result_of(
        e, coefficient=e.value, se=e.se, ci_lower=e.low, ci_upper=e.high, p=k.p, pa=k.observed, pe=k.expected,
        n=e.n, se0=k.se_null, z0=k.z_null, p0=k.p_null,
        kappa_max=stats.cohen_kappa_table(table).maximum,
    )  # fmt: skip


def light_kappa(folder: Folder, p: dict) -> dict:
    e = light_of_ratings(_coded(folder, p), weights=_weights(p))
    return result_of(e, coefficient=e.value)


def icc(folder: Folder, p: dict) -> dict:
    coded = _coded(folder, {**p, "missing": p.get("missing", "complete_cases")})
    values = np.where(coded.codes >= 0, coded.values[np.maximum(coded.codes, 0)], math.nan)
    r = stats.icc(
        values,
        model=p["model"],
        kind=p["type"],
        unit=p["unit"],
        variant=p["variant"],
        confidence=p["confidence"],
    )
    return result_of(
        r.icc, icc=r.icc.value, F=r.test.statistic, df1=r.test.df, df2=r.test.df2, p=r.test.p,
        ci_lower=r.icc.low, ci_upper=r.icc.high, n=r.icc.n,
    )  # fmt: skip


def kendall_w(folder: Folder, p: dict) -> dict:
    coded = _coded(folder, {**p, "missing": "complete_cases"})
    w, test = stats.kendall_w(coded.values[coded.codes], tie_corrected=p["tie_corrected"])
    return result_of(w, W=w.value, chi2=test.statistic, df=test.df, p=test.p)


def _mcnemar(table: np.ndarray) -> dict:
    m = stats.mcnemar_table(table)
    return {
        "b": m.first_only, "c": m.second_only, "chi2": m.asymptotic.statistic, "p": m.asymptotic.p,
        "chi2_corrected": m.corrected.statistic, "p_corrected": m.corrected.p, "p_exact": m.exact.p,
        "statistic_exact": m.exact.statistic, "note": m.asymptotic.undefined_because,
    }  # fmt: skip


def mcnemar(folder: Folder, p: dict) -> dict:
    return _mcnemar(layouts.table(folder, p["data"]))


def _calls(folder: Folder, data: dict, measure: str, threshold: float) -> dict:
    """(treatment, reader) -> {case: positive call} among the cases of the measure's class."""
    c = data["columns"]
    out: dict = {}
    for row in folder.rows(data["file"], data):
        diseased = row[c["truth"]] == layouts.text(data["positive"])
        if diseased == (measure == "sensitivity"):
            cell = out.setdefault((row[c["treatment"]], row[c["reader"]]), {})
            cell[row[c["case"]]] = layouts.number(row[c["rating"]]) >= threshold
    return out


def mcnemar_per_reader(folder: Folder, p: dict) -> list:
    data, rows = p["data"], []
    for reader in data["readers"]:
        for measure in p["measures"]:
            calls = _calls(folder, data, measure, p["threshold"])
            first = calls[layouts.text(p["first"]), layouts.text(reader)]
            second = calls[layouts.text(p["second"]), layouts.text(reader)]
            cases = [case for case in first if case in second]
            m = stats.mcnemar([first[case] for case in cases], [second[case] for case in cases])
            rows.append(
                {
                    "reader": reader, "measure": measure, "n": len(cases), "first_only": m.first_only,
                    "second_only": m.second_only, "p_exact": m.exact.p,
                }
            )  # fmt: skip
    return rows


def cochran_q(folder: Folder, p: dict) -> dict:
    calls = _calls(folder, p["data"], p["measure"], p["threshold"])
    cells = [calls[layouts.text(p["treatment"]), layouts.text(r)] for r in p["data"]["readers"]]
    cases = [case for case in cells[0] if all(case in cell for cell in cells)]
    test = stats.cochran_q([[cell[case] for cell in cells] for case in cases])
    return result_of(test, Q=test.statistic, df=test.df, p=test.p)


def clustered_mcnemar(folder: Folder, p: dict) -> dict:
    data = p["data"]
    rows = folder.rows(data["file"], data)
    if data["layout"] == "cluster_counts":
        counts = stats.PairedCounts(*(np.array([float(r[data[k]]) for r in rows]) for k in "abcd"))
    else:
        positive = layouts.text(data["positive"])
        first, second = (
            np.array([row[call["column"]] == positive for row in rows]) for call in data["calls"]
        )
        counts = stats.paired_counts(first, second, clusters=[row[data["cluster"]] for row in rows])
    out: dict = {
        "table": {
            "a": counts.both.sum(), "b": counts.first_only.sum(), "c": counts.second_only.sum(),
            "d": counts.neither.sum(),
        },
        "n_rows": counts.sizes.sum(), "n_clusters": counts.sizes.size,
    }  # fmt: skip
    for method in p["methods"]:
        test = stats.clustered_mcnemar_counts(counts, method=method)
        out[method] = result_of(test, chi2=test.statistic, p=test.p)
    return out


FUNCTIONS = {
    **dict.fromkeys(_KINDS, _agreement),
    **{
        f.__name__: f
        for f in (
            cohen_kappa, light_kappa, icc, kendall_w, mcnemar, mcnemar_per_reader, cochran_q,
            clustered_mcnemar,
        )
    },
}  # fmt: skip
