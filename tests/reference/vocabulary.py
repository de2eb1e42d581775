"""
Draw entries of the whole vocabulary of `params.schema.json`, and check the form of what comes back.

The reference folder holds 153 entries; a folder of the same form may ask for any other combination that
the schema allows. `draw` makes such entries from the folder's own data files: other subsets, confidence
levels, alternatives, designs, figures of merit, degenerate small data. `complaints` says what is wrong with
a result whatever its numbers are: a documented key that is missing, a number that is not finite and has no
reason, a p-value outside 0..1, an interval that does not hold its estimate.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from .layouts import Folder, text

Params = dict[str, Any]

_ANALYSIS = (
    "foms", "covariance", "components.var_r", "components.var_tr", "components.var_error", "components.cov1",
    "components.cov2", "components.cov3", "global_test.ms_t", "global_test.ms_tr", "global_test.denominator",
    "global_test.p", "differences", "treatment_means",
)  # fmt: skip
_COEFFICIENT = ("coefficient", "se", "ci_lower", "ci_upper", "p", "pa", "pe", "n")
_SIZES = ("n_cases", "n_controls", "n_total")

# The keys that the README documents, by function; a list result has them in each of its rows.
KEYS: dict[str, tuple[str, ...]] = {
    "delong_single": ("auc", "var", "ci_lower", "ci_upper"),
    "delong_paired": ("auc1", "auc2", "diff", "cov", "z", "p", "ci_lower", "ci_upper"),
    "delong_unpaired": ("t", "df", "p"),
    "bootstrap_auc_ci": ("ci_lower", "median", "ci_upper"),
    "bootstrap_auc_test": ("z", "p"),
    "partial_auc": ("partial_auc",),
    "roc_curve": ("fpr", "tpr", "thresholds"),
    "roc_thresholds": (
        "threshold", "sensitivity", "specificity", "tp", "fp", "tn", "fn", "ppv", "npv", "accuracy", "youden",
    ),
    "youden_point": ("threshold", "sensitivity", "specificity"),
    "pr_curve": ("precision", "recall", "thresholds"),
    "binary_metrics": (
        "tp", "fp", "tn", "fn", "accuracy", "sensitivity", "specificity", "ppv", "npv", "f1", "mcc",
        "balanced_accuracy", "auc", "average_precision", "pr_auc_trapezoid",
    ),
    "binary_metrics_ci": (),
    "proportion_ci": ("x", "n", "method", "estimate", "ci_lower", "ci_upper"),
    "multiclass_auc": (
        "ovr_macro", "ovr_weighted", "ovo_macro", "ovo_weighted", "micro_ovr", "per_class_ovr",
        "average_precision_per_class",
    ),
    "multiclass_metrics": (
        "matrix", "accuracy", "balanced_accuracy", "precision", "recall", "f1", "support",
        "specificity_per_class", "macro_f1", "micro_f1", "weighted_f1", "mcc", "kappa", "kappa_quadratic",
        "log_loss",
    ),
    "hand_till": ("auc",),
    "cohen_kappa": (*_COEFFICIENT, "se0", "z0", "p0", "kappa_max"),
    "percent_agreement": _COEFFICIENT,
    "gwet_ac": _COEFFICIENT,
    "brennan_prediger": _COEFFICIENT,
    "fleiss_kappa": (*_COEFFICIENT, "z0", "p0"),
    "conger_kappa": _COEFFICIENT,
    "light_kappa": ("coefficient",),
    "krippendorff_alpha": ("coefficient",),
    "icc": ("icc", "F", "df1", "df2", "p", "ci_lower", "ci_upper", "n"),
    "kendall_w": ("W", "chi2", "df", "p"),
    "mcnemar": ("b", "c", "chi2", "p", "chi2_corrected", "p_corrected", "p_exact", "statistic_exact"),
    "mcnemar_per_reader": ("reader", "measure", "n", "first_only", "second_only", "p_exact"),
    "cochran_q": ("Q", "df", "p"),
    "clustered_mcnemar": ("table.a", "table.b", "table.c", "table.d", "n_rows", "n_clusters"),
    "clustered_auc_single": ("auc", "var", "se", "ci_lower", "ci_upper"),
    "clustered_auc_paired": (
        "auc1", "auc2", "var1", "var2", "cov", "ci_lower1", "ci_upper1", "ci_lower2", "ci_upper2", "abs_diff",
        "var_diff", "se_diff", "ci_lower_abs_diff", "ci_upper_abs_diff", "z", "p",
    ),
    "or_mrmc": _ANALYSIS,
    "dbm_mrmc": (
        "foms", *(f"components.{name}" for name in ("var_r", "var_c", "var_tr", "var_tc", "var_rc")),
        "components.var_error", "global_test.p", "differences", "treatment_means",
    ),
    "u_statistics_mrmc": (),
    "reader_table": ("cells", "covariance"),
    "standalone_vs_readers": (
        "fom_algorithm", "foms_readers", "mean_readers", "diff", "se", "t", "df", "p", "ci_lower", "ci_upper",
        "var_r", "var_error", "cov2", "ci_mean_lower", "ci_mean_upper",
    ),
    "non_inferiority": ("estimate", "se", "df", "t", "p", "lower_bounds"),
    "froc_fom": (),
    "froc_operating_points": ("x", "y"),
    "sample_size_roc_one": ("n_cases", "n_controls", "power"),
    "sample_size_roc_two_paired": ("n_cases", "n_controls"),
    "mrmc_power": ("power", "ncp", "df2", "f_critical"),
    "mrmc_cases_needed": ("n_cases", "power"),
    "sample_size_mrmc_no_pilot": (
        *(f"components.{name}" for name in ("var_tr", "var_error", "var_r", "var_w", "cov1", "cov2", "cov3")),
        *_SIZES,
    ),
    "sample_size_standalone": _SIZES,
    "sample_size_kappa_test": ("n",),
    "sample_size_kappa_ci": ("n",),
}  # fmt: skip
_USTATISTIC = (
    "treatment_a", "treatment_b", "estimate_a", "var_a", "estimate_b", "var_b", "diff", "var_diff",
    "n_readers", "n0", "n1", "p_normal", "ci_lower_normal", "ci_upper_normal", "df_bdg", "p_bdg",
    "ci_lower_bdg", "ci_upper_bdg",
)  # fmt: skip
_DIFFERENCE = ("first", "second", "estimate", "se", "df", "t", "p", "ci_lower", "ci_upper")
_MEAN = ("treatment", "estimate", "se", "df", "ci_lower", "ci_upper", "ms_r", "cov2", "var_error")
_FROC_FOMS = (
    "wAFROC", "wAFROC1", "AFROC", "AFROC1", "HrAuc", "HrSe", "HrSp", "MaxLLF", "MaxNLF", "MaxNLFAllCases",
)  # fmt: skip
_WEIGHTS = ("unweighted", "linear", "quadratic", "ordinal", "ratio")
_ALTERNATIVES = ("two-sided", "greater", "less")
_LEVELS = (0.5, 0.8, 0.9, 0.95, 0.99, 0.999)

# What may be infinite or absent without a reason: an open threshold, degrees of freedom of a normal
# statistic, and what belongs to a second treatment where there is one.
_OPEN = {"threshold", "thresholds", "df", "df1", "df2", "df_bdg", "treatment_b", "estimate_b", "var_b", "diff",
         "var_diff", "ms_r", "cov2"}  # fmt: skip


class Drawer:
    """Random entries on the data files of a folder; the same seed gives the same entries."""

    def __init__(self, folder: Folder, seed: int) -> None:
        self.folder = folder
        self.rng = np.random.default_rng(seed)

    def one(self, options):
        """One of several."""
        return options[int(self.rng.integers(len(options)))]

    def some(self, options, least: int = 1) -> list:
        """A random subset, in the given order or another."""
        options = list(options)
        least = min(least, len(options))
        n = int(self.rng.integers(least, len(options) + 1))
        return [options[k] for k in self.rng.permutation(len(options))[:n]]

    def chance(self, share: float) -> bool:
        """True in that share of draws."""
        return bool(self.rng.random() < share)

    def values_of(self, file: str, column: str) -> list[str]:
        """Values of a column of a data file."""
        return sorted({row[column] for row in self.folder.rows(file, {})})

    # Layouts

    def inline_scores(self, how_many: int) -> Params:
        n = int(self.rng.integers(1, 14))
        truth = self.rng.integers(0, 2, n).tolist()
        grades = self.one((1, 2, 5, 1000))
        scores = [(self.rng.integers(0, grades, n) + 1).tolist() for _ in range(how_many)]
        return {"layout": "inline_scores", "truth": truth, "scores": scores}

    def scores(self, how_many: int, *, paired: bool = True, clusters: bool = False) -> Params:
        if not clusters and self.chance(0.3):
            return self.inline_scores(how_many)
        kind = "mitotic" if clusters else self.one(("asah", "vandyke", "mitotic", "viper", "dobbins", "wine"))
        if kind == "asah":
            data = {
                "file": "asah.csv", "truth": {"column": "outcome", "positive": self.one(("Poor", "Good"))},
                "scores": [{"column": self.one(("s100b", "ndka", "wfns", "age"))} for _ in range(how_many)],
            }  # fmt: skip
            if self.chance(0.4):
                data["keep"] = {"gender": [self.one(("Female", "Male"))]}
            if self.chance(0.3):
                data["drop"] = [{"wfns": self.some([1, 2, 3, 4, 5])}]
            if not paired and self.chance(0.5):
                for one, gender in zip(data["scores"], ("Female", "Male"), strict=False):
                    one["keep"] = {"gender": [gender]}
        elif kind == "wine":
            data = {
                "file": "wine_probs.csv", "truth": {"column": "truth", "positive": self.one((0, "1", 2.0))},
                "scores": [{"column": self.one(("p0", "p1", "p2"))} for _ in range(how_many)],
            }  # fmt: skip
        elif kind == "mitotic":
            observers = [f"observer{k}" for k in range(1, 6)]
            data = {
                "file": "mitotic_scannerA_microscope.csv", "truth": {"column": "truth", "positive": 1},
                "match": "targetID",
                "scores": [
                    {
                        **({"sum": self.some(observers, 2)} if self.chance(0.5) else
                           {"column": self.one(observers)}),
                        "keep": {"modalityID": [self.one(("scanner.A", "microscope"))]},
                    }
                    for _ in range(how_many)
                ],
            }  # fmt: skip
            if clusters or self.chance(0.3):
                data["cluster"] = self.one(("roiID", "wsiName"))
            if self.chance(0.3):
                data["keep"] = {"wsiName": self.some(self.values_of(data["file"], "wsiName"))}
        else:
            file, treatment, truth, rating, treatments, readers = {
                "vandyke": ("vandyke.csv", "treatment", "truth", "rating", [1, 2], [1, 2, 3, 4, 5]),
                "dobbins": ("dobbins2_roc.csv", "treatment", "truth", "rating", [1, 2, 3, 4], [1, 2, 3, 4, 5]),
                "viper": ("viper_screeningHighP.csv", "modality", "cancer", "score", ["FFDM", "SFM"],
                          ["reader21", "reader24", "reader37", "reader40"]),
            }[kind]  # fmt: skip
            data = {
                "file": file, "truth": {"column": truth, "positive": 1}, "match": "case",
                "scores": [
                    {"column": rating,
                     "keep": {treatment: [self.one(treatments)], "reader": [self.one(readers)]}}
                    for _ in range(how_many)
                ],
            }  # fmt: skip
            if kind == "vandyke" and self.chance(0.3):
                data["match"] = "case_nested_in_treatment"
        return {"layout": "scores", **data}

    def reader_long(self, *, complete: bool = False) -> Params:
        kind = self.one(("vandyke", "vandyke", "dobbins", "nico", "viper"))
        columns = {"reader": "reader", "treatment": "treatment", "case": "case", "truth": "truth",
                   "rating": "rating"}  # fmt: skip
        data: Params = {"layout": "reader_long", "columns": columns, "positive": self.one((1, "1", 1.0))}
        if kind == "vandyke":
            data |= {"file": "vandyke.csv", "treatments": [1, 2], "readers": self.some([1, 2, 3, 4, 5])}
            columns["case"] = self.one(("case", "case", "case_nested_in_reader", "case_nested_in_treatment"))
            if columns["case"] == "case" and not complete and self.chance(0.4):
                data["drop"] = [
                    {"reader": self.some([1, 2, 3]), "case": self.rng.integers(1, 115, 9).tolist()},
                    {"treatment": [2], "reader": [1], "case": self.rng.integers(1, 115, 30).tolist()},
                ]
        elif kind == "dobbins":
            data |= {"file": "dobbins2_roc.csv", "treatments": self.some([1, 2, 3, 4], 2),
                     "readers": self.some([1, 2, 3, 4, 5])}  # fmt: skip
            if self.chance(0.5):
                data["keep"] = {"case": list(range(1, 153, 3))}
        elif kind == "nico":
            data |= {"file": "nico_cad_roc.csv", "treatments": [1], "readers": self.some(range(1, 11), 2)}
        else:
            columns |= {"treatment": "modality", "truth": "cancer", "rating": "score"}
            data |= {
                "file": "viper_screeningHighP.csv", "treatments": self.some(["FFDM", "SFM"]),
                "readers": self.some([f"reader{k}" for k in (21, 24, 25, 37, 40, 42)]),
            }  # fmt: skip
            if self.chance(0.5):
                columns["call"] = "recall"
        return data

    def reader_wide(self) -> Params:
        return {
            "layout": "reader_wide", "file": "mitotic_scannerA_microscope.csv", "treatment": "modalityID",
            "treatments": self.some(["microscope", "scanner.A"]),
            "reader_columns": self.some([f"observer{k}" for k in range(1, 6)]), "case": "targetID",
            "truth": {"column": "truth", "positive": 1}, "cluster": self.one(("wsiName", "roiID")),
        }  # fmt: skip

    def froc(self) -> Params:
        if self.chance(0.5):
            data: Params = {"marks": "tony_froc_marks.csv", "cases": "tony_froc_cases.csv",
                            "treatments": self.some(["BT", "DM"]), "readers": self.some([1, 2, 3, 4, 5])}  # fmt: skip
        else:
            data = {"marks": "federica_froc_marks.csv", "cases": "federica_froc_cases.csv",
                    "treatments": self.some([1, 2, 3, 4, 5]), "readers": self.some([1, 3, 4, 5])}  # fmt: skip
        if self.chance(0.3):
            data["drop_marks"] = [{"reader": [1]}, {"kind": [self.one(("NL", "LL"))], "case": [1, 2, 150]}]
        return {"layout": "froc", **data}

    def lroc(self) -> Params:
        return {
            "layout": "lroc", "file": "nico_cad_lroc.csv", "positive": 1,
            "columns": {"reader": "reader", "case": "case", "truth": "diseased", "rating": "rating",
                        "correct": "location_correct"},
            "readers": self.some(range(1, 11), 2),
        }  # fmt: skip

    def ratings(self, raters: int | None = None, *, tables: bool = True) -> Params:
        least = 2 if raters is None else raters
        kind = self.one(("inline", "anxiety", "fleiss", "kripp", "shrout", *(("table",) * tables)))
        if kind == "inline":
            n = int(self.rng.integers(1, 9))
            k = raters or int(self.rng.integers(2, 5))
            scale: list = self.one(
                ([1, 2, 3], ["a", "b"], [0, 5, 6, 9], [2], [0.5, 1.5], ["low", "high", "none"])
            )
            cells = [[None if self.chance(0.15) else self.one(scale) for _ in range(k)] for _ in range(n)]
            return {"layout": "inline_ratings", "ratings": cells, "categories": scale}
        if kind == "table":
            if self.chance(0.5):
                q = int(self.rng.integers(2, 5))
                table = self.rng.integers(0, 6, (q, q)).tolist()
                table[0][0] += 1
                return {"layout": "inline_table", "table": table}
            return self.one(
                (
                    {"layout": "table", "file": "mspatients_winnipeg.csv", "row_labels": "row",
                     "columns": ["Certain", "Probable", "Possible", "Doubtful"]},
                    {"layout": "table", "file": "gwet_3x3_abstractors.csv", "row_labels": "row",
                     "columns": ["NIU", "Ectopic", "AIU"]},
                )
            )  # fmt: skip
        file, columns, scale = {
            "anxiety": ("anxiety.csv", ["rater1", "rater2", "rater3"], range(1, 7)),
            "fleiss": ("fleiss1971_diagnoses.csv", [f"rater{k}" for k in range(1, 7)], range(1, 6)),
            "kripp": ("krippendorff_4x12.csv", ["X1", "X2", "X3", "X4"], range(1, 6)),
            "shrout": ("shrout_fleiss1979.csv", ["J1", "J2", "J3", "J4"], range(1, 11)),
        }[kind]
        chosen = self.some(columns, least)[: raters or len(columns)]
        data: Params = {"layout": "ratings", "file": file, "raters": chosen}
        if self.chance(0.7):
            data["categories"] = list(scale)
        if self.chance(0.3):
            ids = self.folder.rows(file, {})[0]
            data["drop"] = [{next(iter(ids)): self.rng.integers(1, 13, 4).tolist()}]
        return data

    def square_table(self) -> Params:
        while True:
            data = self.ratings()
            if "table" in data["layout"]:
                return data

    def probabilities(self) -> Params:
        classes = self.some([0, 1, 2], 2)
        data: Params = {
            "layout": "probabilities", "file": "wine_probs.csv", "truth": "truth",
            "probabilities": [f"p{k}" for k in classes], "classes": classes,
        }  # fmt: skip
        if self.chance(0.3):
            data["keep"] = {"truth": self.some([0, 1, 2])}
        return data

    # Arguments

    def endpoint(self) -> Params:
        low, high = sorted(self.rng.choice([0.0, 0.1, 0.35, 0.5, 0.8, 0.9, 1.0], 2, replace=False).tolist())
        return self.one(
            (
                {"name": "auc"}, {"name": "auc"},
                {"name": "partial_auc", "focus": self.one(("specificity", "sensitivity")), "from": low, "to": high,
                 "normalised": self.chance(0.5)},
                {"name": "sensitivity", "threshold": self.one((1, 2, 3, 4.5, 100))},
                {"name": "specificity", "threshold": self.one((1, 2, 3, 4.5, 100))},
                {"name": "sensitivity_at_specificity", "specificity": self.one((0, 0.5, 0.7, 0.9, 1))},
            )
        )  # fmt: skip

    def marks_endpoint(self) -> Params:
        return {"name": "froc", "fom": self.one(_FROC_FOMS)}

    def lroc_endpoint(self) -> Params:
        return self.one(
            (
                {"name": "lroc_auc", "max_fpf": self.one((0, 0.05, 0.2, 0.5, 1))},
                {"name": "lroc_pcl", "fpf": self.one((0, 0.05, 0.2, 0.5, 1))},
            )
        )

    def study(self, layouts: tuple[str, ...], **kwargs) -> tuple[Params, Params]:
        """Data of one of the layouts with an end point that fits it; now and then one that does not."""
        layout = self.one(layouts)
        if layout == "froc":
            data, fits = self.froc(), self.marks_endpoint
        elif layout == "lroc":
            data, fits = self.lroc(), self.lroc_endpoint
        elif layout == "reader_wide":
            data, fits = self.reader_wide(), self.endpoint
        else:
            data, fits = self.reader_long(**kwargs), self.endpoint
        misfit = self.one((self.endpoint, self.marks_endpoint, self.lroc_endpoint))
        return data, (misfit() if self.chance(0.08) else fits())

    def level(self) -> float:
        return self.one(_LEVELS)

    def agreement(self, raters: int | None = None, *, tables: bool = True) -> Params:
        data = self.ratings(raters, tables=tables)
        two = raters == 2 or "table" in data["layout"]
        two = two or len(data.get("raters", data.get("ratings", [[]])[0])) == 2
        return {
            "data": data, "weights": self.one(_WEIGHTS),
            "variance": self.one(("subjects", "multinomial")) if two else "subjects",
            "interval": self.one(("t", "normal")), "confidence": self.level(),
            "alternative": self.one(_ALTERNATIVES), "missing": self.one(("available", "complete_cases")),
        }  # fmt: skip

    def draw(self, function: str) -> Params:
        """Parameters of one entry of a function."""
        return {"function": function, **_DRAWS[function](self)}


def _single(d: Drawer) -> Params:
    return {"data": d.scores(1)}


def _coefficient(d: Drawer) -> Params:
    given = d.agreement()
    return {k: v for k, v in given.items() if k == "data" or d.chance(0.7)}


def _alpha(d: Drawer) -> Params:
    given = d.agreement()
    if d.chance(0.5):
        keep = {k: given[k] for k in ("data", "missing")}
        return keep | {"metric": d.one(("nominal", "ordinal", "interval", "ratio"))}
    return given


def _multireader(d: Drawer) -> Params:
    data, endpoint = d.study(("reader_long", "reader_long", "reader_wide", "froc"))
    covariance = "obuchowski1997" if data["layout"] == "reader_wide" and d.chance(0.7) else d.one(
        ("jackknife", "jackknife", "delong", "unbiased")
    )  # fmt: skip
    cases = "fixed" if d.chance(0.2) else "random"
    nested = {"case_nested_in_reader": "case_in_reader", "case_nested_in_treatment": "case_in_treatment"}
    case = data.get("columns", {}).get("case", "case")
    return {
        "data": data, "endpoint": endpoint, "covariance": None if cases == "fixed" else covariance,
        "readers": d.one(("random", "random", "fixed")), "cases": cases,
        "design": nested.get(case) or d.one(("factorial", "factorial", "mixed", "case_in_reader")),
        "confidence": d.level(), "clip": d.chance(0.5),
        **({"missing": "available"} if case != "case" or d.chance(0.7) else {}),
    }  # fmt: skip


def _planned(d: Drawer) -> Params:
    if d.chance(0.5):
        names = ("var_tr", "cov1", "cov2", "cov3", "var_error")
        parts = dict(zip(names, (d.rng.random(5) * 1e-3).tolist(), strict=True))
        return {"components": parts, "pilot_cases": int(d.rng.integers(10, 300))}
    data, endpoint = d.study(("reader_long",), complete=True)
    return {"data": data, "endpoint": endpoint}


def _design(d: Drawer) -> Params:
    return {"n_readers": int(d.rng.integers(1, 12)), "effect": d.one((0.01, 0.05, -0.05, 0.2)),
            "alpha": d.one((0.01, 0.05, 0.1))}  # fmt: skip


def _proportions(d: Drawer) -> list[float]:
    shares = d.rng.dirichlet(np.ones(d.one((2, 3, 4)))).tolist()
    return [*shares[:-1], 1 - sum(shares[:-1])]


def _roc_one(d: Drawer) -> Params:
    asked = d.one(("n", "power"))
    counts = [int(d.rng.integers(2, 300)), int(d.rng.integers(2, 300))]
    return {
        "auc": d.one((0.5, 0.55, 0.7, 0.95, 1)), "alpha": d.one((0.01, 0.05, 0.2)),
        "n_cases": counts[0] if asked == "power" else None,
        "n_controls": counts[1] if asked == "power" else None,
        "power": None if asked == "power" else d.one((0.5, 0.8, 0.95)),
        "ratio": None if asked == "power" else d.one((0.5, 1, 3)),
    }  # fmt: skip


def _without_pilot(d: Drawer) -> Params:
    return {
        "endpoint": d.one(("auc", "sensitivity")), "n_readers": int(d.rng.integers(2, 15)),
        "difference": d.one((0.02, 0.05, 0.1, 0.15)), "accuracy": d.one((0.6, 0.75, 0.9)),
        "range_between": d.one((0, 0.05, 0.1)), "range_within": d.one((0, 0.025, 0.05)),
        "ratio": d.one((0.5, 1, 2)), "r1": d.one((0.3, 0.47, 0.6)), "r2": 0.3, "r3": d.one((0.2, 0.3)),
        "alpha": d.one((0.01, 0.05)), "power": d.one((0.7, 0.8, 0.9)),
    }  # fmt: skip


def _standalone(d: Drawer) -> Params:
    data, endpoint = d.study(("reader_long", "froc", "lroc"), complete=True)
    if "treatments" in data:
        data["treatments"] = data["treatments"][:1]
    return {
        "data": data, "algorithm": d.one(data["readers"]), "endpoint": endpoint,
        "method": d.one(("single_modality", "two_modality")), "readers": "random",
        "cases": d.one(("random", "fixed")), "confidence": d.level(),
    }  # fmt: skip


def _treatments(d: Drawer) -> tuple[Params, list]:
    while True:
        data = d.reader_long()
        if len(data["treatments"]) > 1:
            return data, data["treatments"]


def _non_inferiority(d: Drawer) -> Params:
    data, treatments = _treatments(d)
    return {
        "data": data, "endpoint": d.endpoint(), "covariance": d.one(("jackknife", "delong", "unbiased")),
        "reference": treatments[1], "test": treatments[0], "margin": d.one((0, 0.02, 0.1)),
        "one_sided_confidence": d.some([0.9, 0.95, 0.975, 0.995]),
    }  # fmt: skip


def _per_reader(d: Drawer) -> Params:
    data, treatments = _treatments(d)
    return {"data": data, "first": treatments[1], "second": treatments[0], "threshold": d.one((2, 3, 50)),
            "measures": d.some(["sensitivity", "specificity"])}  # fmt: skip


def _q(d: Drawer) -> Params:
    data = d.reader_long()
    return {"data": data, "treatment": d.one(data["treatments"]), "threshold": d.one((2, 3, 50)),
            "measure": d.one(("sensitivity", "specificity"))}  # fmt: skip


def _clustered_calls(d: Drawer) -> Params:
    methods = d.some(["obuchowski", "durkalski", "eliasziw", "yang", "mcnemar"])
    if d.chance(0.3):
        return {"methods": methods, "data": {
            "layout": "paired_calls", "file": "obuchowski1998_thyroids.csv", "positive": d.one((0, 1)),
            "calls": [{"column": "pet"}, {"column": "spect"}], "cluster": "patient"}}  # fmt: skip
    observers = [f"observer{k}" for k in range(1, 6)]
    keep: Params = {"modalityID": [d.one(("scanner.A", "microscope"))]}
    if d.chance(0.5):
        keep["truth"] = [d.one((0, 1))]
    return {"methods": methods, "data": {
        "layout": "paired_calls", "file": "mitotic_scannerA_microscope.csv", "positive": 1, "keep": keep,
        "calls": [{"column": d.one(observers)}, {"column": d.one(observers)}],
        "cluster": d.one(("roiID", "wsiName"))}}  # fmt: skip


def _points(d: Drawer) -> Params:
    data = d.froc()
    return {"data": data, "curve": d.one(("FROC", "AFROC", "wAFROC", "ROC")),
            "treatment": d.one(data["treatments"]), "reader": d.one(data["readers"])}  # fmt: skip


def _counts(d: Drawer) -> list[list[int]]:
    out = []
    for _ in range(4):
        n = int(d.rng.integers(0, 60))
        out.append([int(d.rng.integers(0, n + 1)), n])
    return out


_METHODS = ["clopper_pearson", "wilson", "agresti_coull", "jeffreys", "wald"]
_DRAWS: dict[str, Callable[[Drawer], Params]] = {
    "delong_single": lambda d: {**_single(d), "confidence": d.level(), "clip": d.chance(0.5)},
    "delong_paired": lambda d: {
        "data": d.scores(2), "confidence": d.level(), "alternative": d.one(_ALTERNATIVES)
    },
    "delong_unpaired": lambda d: {
        "data": d.scores(2, paired=False), "confidence": d.level(), "alternative": d.one(_ALTERNATIVES)
    },
    "bootstrap_auc_ci": lambda d: {
        **_single(d), "stratified": d.chance(0.5), "resamples": d.one((100, 500)),
        "confidence": d.level(), "interval": "percentile",
    },
    "bootstrap_auc_test": lambda d: {
        "data": d.scores(2), "paired": d.chance(0.5), "stratified": d.chance(0.5), "resamples": 200
    },
    "partial_auc": lambda d: {
        **_single(d), "focus": d.one(("specificity", "sensitivity")), "corrected": d.chance(0.5),
        "from": d.one((0, 0.5, 0.85)), "to": d.one((0.9, 1)),
    },
    "roc_curve": _single,
    "roc_thresholds": _single,
    "youden_point": _single,
    "pr_curve": _single,
    "binary_metrics": lambda d: {**_single(d), "threshold": d.one((0, 1, 2, 3.5, 60))},
    "binary_metrics_ci": lambda d: {
        **_single(d), "threshold": d.one((0, 1, 2, 3.5)), "methods": d.some(_METHODS),
        "measures": d.some(["sensitivity", "specificity", "accuracy", "ppv", "npv"]),
        "confidence": d.level(), "clip": d.chance(0.5),
    },
    "proportion_ci": lambda d: {
        "counts": _counts(d), "methods": d.some(_METHODS), "confidence": d.level(), "clip": d.chance(0.5)
    },
    "multiclass_auc": lambda d: {"data": d.probabilities()},
    "multiclass_metrics": lambda d: {"data": d.probabilities()},
    "hand_till": lambda d: {"data": {
        "layout": "multiclass_score", "file": "asah.csv", "truth": "gos6", "classes": d.some([1, 3, 4, 5]),
        "score": d.one(("s100b", "ndka", "wfns")), "keep": {"gender": d.some(["Female", "Male"])},
    }},
    "cohen_kappa": lambda d: {
        **d.agreement(2), **({"spacing": d.one(("rank", "value"))} if d.chance(0.5) else {})
    },
    "percent_agreement": _coefficient,
    "gwet_ac": _coefficient,
    "brennan_prediger": _coefficient,
    "fleiss_kappa": lambda d: {**_coefficient(d), "by_category": d.chance(0.5)},
    "conger_kappa": lambda d: d.agreement(tables=False),
    "light_kappa": lambda d: {
        k: v for k, v in d.agreement(tables=False).items() if k in ("data", "weights", "missing")
    },
    "krippendorff_alpha": _alpha,
    "icc": lambda d: {
        "data": d.ratings(tables=False), "model": d.one(("oneway", "twoway")),
        "type": d.one(("consistency", "agreement")), "unit": d.one(("single", "average")),
        "variant": d.one(("mcgraw_wong", "shrout_fleiss")), "confidence": d.level(),
        **({"missing": d.one(("available", "complete_cases"))} if d.chance(0.5) else {}),
    },
    "kendall_w": lambda d: {"data": d.ratings(tables=False), "tie_corrected": d.chance(0.5)},
    "mcnemar": lambda d: {"data": d.square_table()},
    "mcnemar_per_reader": _per_reader,
    "cochran_q": _q,
    "clustered_mcnemar": _clustered_calls,
    "clustered_auc_single": lambda d: {"data": d.scores(1, clusters=True), "confidence": d.level()},
    "clustered_auc_paired": lambda d: {"data": d.scores(2, clusters=True), "confidence": d.level()},
    "or_mrmc": _multireader,
    "dbm_mrmc": lambda d: {
        **dict(zip(("data", "endpoint"), d.study(("reader_long", "froc")), strict=True)),
        "readers": d.one(("random", "fixed")), "cases": d.one(("random", "fixed")),
        "confidence": d.level(), "clip": d.chance(0.5),
    },
    "u_statistics_mrmc": lambda d: {
        **dict(zip(("data", "endpoint"), d.study(("reader_long",)), strict=True)),
        "estimators": d.some(["unbiased", "mle"]), "confidence": d.level(),
    },
    "reader_table": lambda d: {
        "data": d.reader_long(), "statistics": d.some(["n1", "n0", "tp", "fp", "auc"]),
        "covariance": d.one(("jackknife", "delong", "unbiased", None)),
        **({"threshold": d.one((1, 3))} if d.chance(0.7) else {}),
    },
    "standalone_vs_readers": _standalone,
    "non_inferiority": _non_inferiority,
    "froc_fom": lambda d: {"data": d.froc(), "foms": d.some(_FROC_FOMS)},
    "froc_operating_points": _points,
    "sample_size_roc_one": _roc_one,
    "sample_size_roc_two_paired": lambda d: {
        "data": d.scores(2), "alpha": d.one((0.01, 0.05)), "power": d.one((0.5, 0.8, 0.95))
    },
    "mrmc_power": lambda d: {**_planned(d), **_design(d), "n_cases": int(d.rng.integers(10, 400))},
    "mrmc_cases_needed": lambda d: {
        **dict(zip(("data", "endpoint"), d.study(("reader_long",), complete=True), strict=True)),
        **_design(d), "power": d.one((0.5, 0.8, 0.95)),
    },
    "sample_size_mrmc_no_pilot": _without_pilot,
    "sample_size_standalone": lambda d: {
        "endpoint": d.one(("auc", "sensitivity")), "accuracy": d.one((0.6, 0.8, 0.95)),
        "precision": d.one((0.02, 0.05, 0.1)), "ratio": d.one((0.5, 1, 2)), "alpha": d.one((0.05, 0.1)),
        "power": d.one((0.8, 0.9)),
    },
    "sample_size_kappa_test": lambda d: {
        "kappa0": d.one((0.2, 0.4)), "kappa1": d.one((0.5, 0.7)), "proportions": _proportions(d),
        "raters": d.one((2, 3, 6)), "alpha": d.one((0.01, 0.05)), "power": d.one((0.8, 0.9)),
    },
    "sample_size_kappa_ci": lambda d: {
        "kappa0": 0.6, "kappa_lower": d.one((0.4, None)), "kappa_upper": 0.75, "proportions": _proportions(d),
        "raters": d.one((2, 3, 6)), "alpha": d.one((0.01, 0.05)),
    },
}  # fmt: skip
FUNCTIONS = tuple(_DRAWS)


# What is wrong with a result whatever its numbers are


def _reason(result) -> str:
    if not isinstance(result, dict):
        return ""
    return str(result.get("undefined_because") or result.get("note") or "")


def _faults(result, where: str, reason: str) -> list[str]:
    """Numbers that are not finite and have no reason, and p-values outside 0..1, all the way down."""
    if isinstance(result, dict):
        reason = _reason(result) or reason
        out = []
        for key, value in result.items():
            if key in _OPEN and not isinstance(value, list | tuple | dict):
                continue
            if key in ("p", "p0", "p_exact", "p_normal", "p_bdg") and isinstance(value, float) and (
                value < 0 or value > 1
            ):  # fmt: skip
                out.append(f"{where}.{key}: p is {value}")
            out += [] if key in _OPEN else _faults(value, f"{where}.{key}", reason)
        low, high = result.get("ci_lower"), result.get("ci_upper")
        if low is not None and high is not None and float(low) > float(high):
            out.append(f"{where}: interval {low} to {high}")
        return out
    if isinstance(result, list | tuple):
        return [f for k, one in enumerate(result) for f in _faults(one, f"{where}[{k}]", reason)]
    gone = result is None or (isinstance(result, float | np.floating) and not math.isfinite(result))
    return [f"{where}: {result} without a reason"] if gone and not reason else []


def _missing(result, keys: tuple[str, ...], where: str) -> list[str]:
    out = []
    for key in keys:
        part = result
        for name in key.split("."):
            if not isinstance(part, dict) or name not in part:
                out.append(f"{where}: no key {key}")
                break
            part = part[name]
    return out


def complaints(params: Params, result) -> list[str]:
    """Say what is wrong with the form of a result; empty when nothing is."""
    function = params["function"]
    if isinstance(result, dict) and "refused" in result:
        return [] if str(result["refused"]).strip() else ["refused without a reason"]
    whole_is_gone = isinstance(result, dict) and bool(result.get("undefined_because"))
    out = []
    if isinstance(result, list):
        for k, row in enumerate(result):
            out += _missing(row, KEYS[function], f"[{k}]")
    elif not (whole_is_gone and function in ("roc_thresholds", "youden_point", "froc_operating_points")):
        out += _missing(result, KEYS[function], function)
    inner = {
        "u_statistics_mrmc": [(row, _USTATISTIC) for e in params.get("estimators", ()) for row in _of(result, e)],
        "or_mrmc": [(row, _DIFFERENCE) for row in _of(result, "differences")]
        + [(row, _MEAN) for row in _of(result, "treatment_means")],
        "clustered_mcnemar": [(_of(result, m), ("chi2", "p")) for m in params.get("methods", ())],
        "froc_fom": [(result, tuple(params.get("foms", ())))],
        "reader_table": [(row, ("treatment", "reader", *params.get("statistics", ())))
                         for row in _of(result, "cells")],
        "binary_metrics_ci": [
            (_of(_of(result, m), what), ("ci_lower", "ci_upper"))
            for m in params.get("methods", ()) for what in params.get("measures", ())
        ],
        "non_inferiority": [(_of(result, "lower_bounds"),
                             tuple(text(c) for c in params.get("one_sided_confidence", ())))],
    }.get(function, [])  # fmt: skip
    if not whole_is_gone:
        for part, keys in inner:
            for key in keys:
                if not isinstance(part, dict) or key not in part:
                    out.append(f"{function}: no key {key} in a part")
    return out + _faults(result, function, _reason(result))


def _of(result, key: str):
    return result.get(key, ()) if isinstance(result, dict) else ()
