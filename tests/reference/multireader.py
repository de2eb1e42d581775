"""Entries on several readers and several cases, and on marks."""

from __future__ import annotations

import math

import numpy as np

from readerstudy import stats
from readerstudy.stats.froc.study import localisation_curve
from readerstudy.stats.mrmc.covariance import cell_covariance
from readerstudy.stats.roc.placements import placements

from . import layouts
from .layouts import Folder


def study(folder: Folder, data: dict):
    """The readings of any multi-reader layout."""
    if data["layout"] == "froc":
        return _froc(folder, data)
    rows = folder.rows(data["file"], data)
    if data["layout"] == "reader_wide":
        long = [(r, column) for r in rows for column in data["reader_columns"] if _given(r[column])]
        return stats.readings_from_long(
            [column for _, column in long], [r[data["treatment"]] for r, _ in long],
            [r[data["case"]] for r, _ in long],
            [layouts.is_positive(r[data["truth"]["column"]], data["truth"]["positive"]) for r, _ in long],
            [layouts.number(r[column]) for r, column in long],
            readers=data["reader_columns"], treatments=[layouts.text(t) for t in data["treatments"]],
            clusters=[r[data["cluster"]] for r, _ in long],
        )  # fmt: skip
    c = data["columns"]
    rows = [r for r in rows if _given(r[c["rating"]])]
    truth = [layouts.is_positive(r[c["truth"]], data["positive"]) for r in rows]
    ratings = [layouts.number(r[c["rating"]]) for r in rows]
    readers = [layouts.text(r) for r in data["readers"]]
    if data["layout"] == "lroc":
        correct = [r[c["correct"]].strip() in ("1", "1.0", "TRUE", "True", "true") for r in rows]
        return stats.lroc_study(
            [r[c["reader"]] for r in rows],
            [r[c["case"]] for r in rows],
            truth,
            ratings,
            correct,
            readers=readers,
        )
    return stats.readings_from_long(
        [r[c["reader"]] for r in rows], [r[c["treatment"]] for r in rows], [r[c["case"]] for r in rows],
        truth, ratings, readers=readers, treatments=[layouts.text(t) for t in data["treatments"]],
    )  # fmt: skip


def _given(cell: str) -> bool:
    return cell.strip() not in layouts.MISSING


def _froc(folder: Folder, data: dict):
    cases = folder.rows(data["cases"], {})
    marks = folder.rows(data["marks"], {"drop": data.get("drop_marks", [])})
    return stats.froc_study(
        cases=[r["case"] for r in cases],
        n_lesions=[int(float(r["n_lesions"] or 0)) for r in cases],
        lesion_weights=[[float(w) for w in (r["lesion_weights"] or "").split(";") if w] for r in cases],
        treatment=[r["modality"] for r in marks], reader=[r["reader"] for r in marks],
        case=[r["case"] for r in marks], is_lesion=[r["kind"] == "LL" for r in marks],
        lesion=[int(float(r["index"] or 0)) for r in marks], rating=[float(r["rating"]) for r in marks],
        treatments=[layouts.text(t) for t in data["treatments"]],
        readers=[layouts.text(r) for r in data["readers"]],
    )  # fmt: skip


def endpoint(e: dict):
    name = e["name"]
    if name == "auc":
        return stats.Auc()
    if name in ("sensitivity", "specificity"):
        return stats.CallRate(name, e["threshold"])
    if name == "partial_auc":
        return stats.PartialAuc(e["focus"], e["from"], e["to"], e["normalised"])
    if name == "sensitivity_at_specificity":
        return stats.SensitivityAtSpecificity(e["specificity"])
    if name == "froc":
        return stats.FrocFigure(e["fom"])
    return stats.LrocAuc(e["max_fpf"]) if name == "lroc_auc" else stats.LrocPcl(e["fpf"])


def _difference(d) -> dict:
    statistic = "t" if math.isfinite(d.test.df) else "z"
    out = {
        "first": d.first, "second": d.second, "estimate": d.estimate.value, "se": d.estimate.se,
        "df": d.test.df, statistic: d.test.statistic, "t": d.test.statistic, "p": d.test.p,
        "ci_lower": d.estimate.low, "ci_upper": d.estimate.high,
    }  # fmt: skip
    return out if d.reader is None else {**out, "reader": d.reader}


def _mean(m) -> dict:
    out = {
        "treatment": m.treatment, "estimate": m.estimate.value, "se": m.estimate.se, "df": m.df,
        "ci_lower": m.estimate.low, "ci_upper": m.estimate.high, "ms_r": m.ms_r, "cov2": m.cov2,
        "var_error": m.var_error,
    }  # fmt: skip
    return out if m.reader is None else {**out, "reader": m.reader}


def _analysis(result) -> dict:
    g = result.global_test
    test = {"ms_t": g.ms_t, "ms_tr": g.ms_tr, "denominator": g.denominator, "p": g.test.p}
    if math.isnan(g.test.df2):
        test |= {"chi2": g.test.statistic, "df": g.test.df}
    else:
        test |= {"F": g.test.statistic, "df1": g.test.df, "df2": g.test.df2}
    return {
        "foms": result.foms.tolist(), "covariance": result.covariance.tolist(),
        "components": {name: getattr(result.components, name) for name in result.components.__slots__},
        "global_test": test,
        "differences": [_difference(d) for d in result.differences],
        "treatment_means": [_mean(m) for m in result.means],
        "reader_differences": [_difference(d) for d in result.reader_differences],
        "reader_means": [_mean(m) for m in result.reader_means],
        "note": "; ".join(filter(None, (result.note, result.global_test.test.undefined_because))),
    }  # fmt: skip


def or_mrmc(folder: Folder, p: dict) -> dict:
    result = stats.obuchowski_rockette(
        study(folder, p["data"]), endpoint=endpoint(p["endpoint"]), covariance=p["covariance"] or "jackknife",
        readers=p["readers"], cases=p["cases"], design=p["design"], missing=p.get("missing", "refuse"),
        clip=p["clip"], confidence=p["confidence"],
    )  # fmt: skip
    return _analysis(result)


def dbm_mrmc(folder: Folder, p: dict) -> dict:
    result = stats.dbm(
        study(folder, p["data"]), endpoint=endpoint(p["endpoint"]), readers=p["readers"], cases=p["cases"],
        clip=p["clip"], confidence=p["confidence"],
    )  # fmt: skip
    components = {name: getattr(result.components, name) for name in result.components.__slots__}
    return {**_analysis(result.analysis), "components": components}


def u_statistics_mrmc(folder: Folder, p: dict) -> dict:
    data, out = study(folder, p["data"]), {}
    for estimator in p["estimators"]:
        rows = []
        for u in stats.u_statistics(
            data, endpoint=endpoint(p["endpoint"]), estimator=estimator, confidence=p["confidence"]
        ):
            row = {
                "treatment_a": u.first, "treatment_b": u.second, "estimate_a": u.estimate_first,
                "var_a": u.variance_first, "n_readers": u.n_readers, "n0": u.n_non_diseased,
                "n1": u.n_diseased, "p_normal": u.test_normal.p, "ci_lower_normal": u.normal.low,
                "ci_upper_normal": u.normal.high, "df_bdg": u.df, "p_bdg": u.test_bdg.p,
                "ci_lower_bdg": u.bdg.low, "ci_upper_bdg": u.bdg.high, "note": u.normal.note,
            }  # fmt: skip
            row |= {
                "estimate_b": u.estimate_second, "var_b": u.variance_second,
                "diff": u.normal.value if u.second is not None else None,
                "var_diff": None if u.second is None else u.variance,
            }  # fmt: skip
            rows.append(row)
        out[estimator] = rows
    return out


def reader_table(folder: Folder, p: dict) -> dict:
    data = p["data"]
    readings, cells = study(folder, data), []
    c, calls = data["columns"], None
    if "call" in c:
        called = {**data, "columns": {**c, "rating": c["call"]}}
        other = study(folder, called)
        at = {case: k for k, case in enumerate(other.cases)}
        calls = np.full((len(readings.cases), *other.ratings.shape[:2]), np.nan)
        for k, case in enumerate(readings.cases):
            if case in at:
                calls[k] = other.ratings[:, :, at[case]]
    threshold = p.get("threshold")
    for i, treatment in enumerate(readings.treatments):
        for j, reader in enumerate(readings.readers):
            x = readings.ratings[i, j]
            read = ~np.isnan(x)
            d = readings.diseased & read
            h = ~readings.diseased & read
            row = {"treatment": treatment, "reader": reader, "n1": int(d.sum()), "n0": int(h.sum())}
            if "auc" in p["statistics"]:
                row["auc"] = float(placements(x[d], x[h])[0].mean()) if d.any() and h.any() else None
            row["note"] = "" if d.any() and h.any() else "a class was not read"
            if threshold is not None:
                positive = (x if calls is None else calls[:, i, j]) >= threshold
                row["tp"], row["fp"] = int((positive & d).sum()), int((positive & h).sum())
            else:
                row |= {name: None for name in ("tp", "fp") if name in p["statistics"]}
                row["note"] = "no threshold was given"
            cells.append(row)
    out: dict = {"cells": cells, "covariance": None, "note": "" if p["covariance"] else "no covariance asked"}
    if p["covariance"] is not None:
        figure = stats.Auc()
        cov = cell_covariance(readings, figure, p["covariance"], figure.cells(readings))
        out["covariance"] = cov.tolist()
    return out


def standalone_vs_readers(folder: Folder, p: dict) -> dict:
    r = stats.standalone_vs_readers(
        study(folder, p["data"]), model=layouts.text(p["algorithm"]), endpoint=endpoint(p["endpoint"]),
        method=p["method"], cases=p["cases"], confidence=p["confidence"],
    )  # fmt: skip
    d = r.difference
    return {
        "fom_algorithm": r.fom_model, "foms_readers": r.foms_readers.tolist(),
        "mean_readers": r.mean_readers.value, "diff": d.value, "se": d.se, "t": r.test.statistic,
        "df": r.test.df, "p": r.test.p, "ci_lower": d.low, "ci_upper": d.high, "var_r": r.var_r,
        "var_error": r.var_error, "cov2": r.cov2, "ci_mean_lower": r.mean_readers.low,
        "ci_mean_upper": r.mean_readers.high, "treatment_means": [_mean(m) for m in r.means], "note": r.note,
    }  # fmt: skip


def non_inferiority(folder: Folder, p: dict) -> dict:
    r = stats.non_inferiority(
        study(folder, p["data"]), reference=layouts.text(p["reference"]), test=layouts.text(p["test"]),
        margin=p["margin"], endpoint=endpoint(p["endpoint"]), covariance=p["covariance"],
        one_sided_confidence=tuple(p["one_sided_confidence"]),
    )  # fmt: skip
    return {
        "estimate": r.difference.value, "se": r.difference.se, "df": r.test.df, "t": r.test.statistic,
        "p": r.test.p, "lower_bounds": {str(level): bound for level, bound in r.lower_bounds},
        "note": "; ".join(filter(None, (r.note, r.test.undefined_because))),
    }  # fmt: skip


def froc_fom(folder: Folder, p: dict) -> dict:
    figures = stats.froc_figures(study(folder, p["data"]), tuple(p["foms"]))
    return {name: table.tolist() for name, table in figures.items()}


def froc_operating_points(folder: Folder, p: dict) -> list:
    curve = localisation_curve(
        study(folder, p["data"]), curve=p["curve"], treatment=layouts.text(p["treatment"]),
        reader=layouts.text(p["reader"]),
    )  # fmt: skip
    return [{"x": x, "y": y} for x, y in zip(curve.x.tolist(), curve.y.tolist(), strict=True)]


FUNCTIONS = {
    f.__name__: f
    for f in (
        or_mrmc, dbm_mrmc, u_statistics_mrmc, reader_table, standalone_vs_readers, non_inferiority, froc_fom,
        froc_operating_points,
    )
}  # fmt: skip
