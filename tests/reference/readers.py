"""Entries on agreement and paired comparison of readings."""

from __future__ import annotations

import math
from collections import defaultdict

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
    table = np.empty((len(cells), len(cells[0]) if cells else len(data.get("raters", ()))), dtype=object)
    table[:] = cells
    labels = np.array(categories, dtype=object)
    coded = code_ratings(table, categories=labels, missing=p.get("missing", "available"))
    if p.get("spacing") == "rank":
        coded = type(coded)(coded.codes, np.arange(1.0, len(labels) + 1), coded.n_dropped)
    return coded


def _labels(folder: Folder, p: dict, n_categories: int) -> list:
    """The categories as the entry's data name them; positions for a table without labels."""
    data = p["data"]
    if data["layout"] in ("ratings", "inline_ratings"):
        return layouts.ratings(folder, data)[1]
    return data.get("columns", list(range(1, n_categories + 1)))


def _fleiss_null(folder: Folder, p: dict, coded) -> dict:
    """Fleiss' test of no agreement; it is known for complete, unweighted ratings only."""
    out: dict = {"z0": None, "p0": None}
    complete = bool((coded.codes >= 0).all())
    if not complete or _weights(p) != "identity":
        out["note"] = "the null variance is known for complete ratings without weights only"
    if complete:
        null = fleiss_null_test(coded)
        if _weights(p) == "identity":
            out |= {"z0": null.z, "p0": null.p}
            if math.isnan(null.z):
                out["note"] = "no test: chance agreement is complete"
    if p.get("by_category"):
        labels = _labels(folder, p, coded.n_categories)
        nothing = [math.nan] * len(labels)
        kappas, zs = (null.category_kappa, null.category_z) if complete else (nothing, nothing)
        out["categories"] = [
            {
                "category": label, "coefficient": k, "z0": z,
                "note": "used for no unit or for all, or ratings incomplete" if math.isnan(k) else "",
            }
            for label, k, z in zip(labels, kappas, zs, strict=True)
        ]  # fmt: skip
    return out


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
    if math.isnan(a.test.p):
        out.setdefault("note", a.test.undefined_because)
    if kind == "fleiss":
        null = _fleiss_null(folder, p, coded)
        said = "; ".join(filter(None, (out.get("note"), null.pop("note", ""))))
        out |= null | ({"note": said} if said else {})
    return out


def cohen_kappa(folder: Folder, p: dict) -> dict:
    out = _cohen_by_table(folder, p)
    if p["variance"] == "subjects":
        out |= _agreement(folder, {**p, "function": "conger_kappa"})
    return out


def _cohen_by_table(folder: Folder, p: dict) -> dict:
    """Kappa and its tests from the table of the units that both readers graded."""
    coded = _coded(folder, {**p, "missing": "complete_cases"})
    table = coded.pair_table()
    names = ("coefficient", "se", "ci_lower", "ci_upper", "p", "pa", "pe", "se0", "z0", "p0", "kappa_max")
    if not table.sum():
        gone = "no unit was graded by both readers"
        return {**dict.fromkeys(names, math.nan), "n": 0, "undefined_because": gone}
    k = stats.cohen_kappa_table(
        table, weights=_weights(p), values=coded.values, interval=p["interval"],
        alternative=p["alternative"], confidence=p["confidence"],
    )  # fmt: skip
    e = k.kappa
    return result_of(
        e, coefficient=e.value, se=e.se, ci_lower=e.low, ci_upper=e.high, p=k.p, pa=k.observed, pe=k.expected,
        n=e.n, se0=k.se_null, z0=k.z_null, p0=k.p_null,
        kappa_max=stats.cohen_kappa_table(table).maximum,
        **({} if e.undefined_because or k.se_null > 0 else {"note": "the variance under no agreement is 0"}),
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
    """(treatment, reader) -> {case: positive call} among the cases of the measure's class that were read."""
    c = data["columns"]
    out: dict = defaultdict(dict)
    for row in folder.rows(data["file"], data):
        diseased = layouts.is_positive(row[c["truth"]], data["positive"])
        rating = layouts.number(row[c["rating"]])
        if diseased == (measure == "sensitivity") and not math.isnan(rating):
            out[row[c["treatment"]], row[c["reader"]]][row[c["case"]]] = rating >= threshold
    return out


def mcnemar_per_reader(folder: Folder, p: dict) -> list:
    data, rows = p["data"], []
    calls_of = {measure: _calls(folder, data, measure, p["threshold"]) for measure in p["measures"]}
    for reader in data["readers"]:
        for measure, calls in calls_of.items():
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
    if not cases:
        nan, gone = math.nan, "no case was read by all readers"
        return {"Q": nan, "df": len(cells) - 1, "p": nan, "undefined_because": gone}
    test = stats.cochran_q([[cell[case] for cell in cells] for case in cases])
    return result_of(test, Q=test.statistic, df=test.df, p=test.p)


def clustered_mcnemar(folder: Folder, p: dict) -> dict:
    data = p["data"]
    rows = folder.rows(data["file"], data)
    if data["layout"] == "cluster_counts":
        counts = stats.PairedCounts(*(np.array([float(r[data[k]]) for r in rows]) for k in "abcd"))
    else:
        first, second = (
            np.array([layouts.is_positive(row[call["column"]], data["positive"]) for row in rows])
            for call in data["calls"]
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
