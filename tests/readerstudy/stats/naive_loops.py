"""Plain loops, the second implementation of everything that is vectorised: (ours, loop) of each function."""

from __future__ import annotations

import numpy as np
from sklearn.metrics import cohen_kappa_score, f1_score

from readerstudy import stats
from readerstudy.stats.agreement.chance_corrected import agreement_coefficient
from readerstudy.stats.agreement.ratings import code_ratings
from readerstudy.stats.froc.figures import FIGURES, FrocFigure
from readerstudy.stats.mrmc.covariance import jackknife_covariance
from readerstudy.stats.resampling.weights import _FEW_SCORES, bootstrap_areas
from tests.readerstudy.stats import common_calls
from tests.readerstudy.stats.common_calls import CUT, N_GRADES, Data, rng


def area(truth, score) -> float:
    x, y = score[truth], score[~truth]
    return float(np.mean((x[:, None] > y) + 0.5 * (x[:, None] == y)))


def drawn(clusters, weights) -> np.ndarray:
    """Items of a resample, each as often as its cluster was drawn."""
    codes = np.unique(clusters, return_inverse=True)[1]
    return np.repeat(np.arange(clusters.size), weights[codes].astype(int))


def jackknife_se(values) -> float:
    values = np.asarray(values)
    m = values.size
    return float(np.sqrt((m - 1) / m * np.sum((values - values.mean()) ** 2)))


def without(d: Data, figure) -> float:
    return jackknife_se([figure(d.take(d.clusters != c)) for c in np.unique(d.clusters)])


def _auc(d: Data):
    return stats.auc(d.truth, d.score).value, area(d.truth, d.score)


def _clustered_auc(d: Data):
    return stats.clustered_auc(d.truth, d.score, clusters=d.clusters).value, area(d.truth, d.score)


def _partial(d: Data):
    ours = common_calls.CALLS["partial_auc"](d)
    loop = without(d, lambda x: stats.partial_auc(x.truth, x.score, start=0.5).value)
    return ours.se, loop


def _bootstrap(d: Data):
    """Areas of all resamples, few and many distinct scores, against the resampled items themselves."""
    codes = np.unique(d.clusters, return_inverse=True)[1]
    weights = stats.cluster_weights(int(codes.max()) + 1, 12, rng())
    many = np.argsort(np.argsort(d.score)).astype(float)
    # A few ties between the classes, but still too many distinct scores for the table of counts.
    ill, healthy = np.flatnonzero(d.truth), np.flatnonzero(~d.truth)
    for k in range(3):
        many[ill[k]] = many[healthy[k]]
    assert np.unique(many).size > _FEW_SCORES
    ours = [bootstrap_areas(d.truth, x, codes, weights) for x in (d.first.astype(float), many)]
    loop = [
        np.array([area(d.truth[i], x[i]) for i in (drawn(d.clusters, w) for w in weights)])
        for x in (d.first.astype(float), many)
    ]
    return ours, loop


def _bootstrap_difference(d: Data):
    ours = common_calls.CALLS["bootstrap_auc_difference"](d).difference.se
    weights = stats.cluster_weights(np.unique(d.clusters).size, 60, rng())
    values = [
        area(d.truth[i], d.score[i]) - area(d.truth[i], d.other[i])
        for i in (drawn(d.clusters, w) for w in weights)
    ]
    return ours, float(np.std(values, ddof=1))


def _bootstrap_unpaired(d: Data):
    ours = common_calls.CALLS["bootstrap_auc_difference_unpaired"](d).difference.se
    generator, parts, items = rng(), [], np.arange(d.truth.size)
    for score in (d.score, d.other):
        weights = stats.cluster_weights(d.truth.size, 60, generator, strata=d.truth)
        parts.append([area(d.truth[i], score[i]) for i in (drawn(items, w) for w in weights)])
    return ours, float(np.std(np.subtract(*parts), ddof=1))


def _bootstrap_counts(d: Data):
    codes = np.unique(d.clusters, return_inverse=True)[1]
    m = int(codes.max()) + 1
    counts = np.array([[np.sum(d.first[codes == c] == g) for g in range(N_GRADES)] for c in range(m)])
    weights = stats.cluster_weights(m, 25, rng())
    boot = stats.bootstrap_counts(counts, lambda c: c[..., 1] / c.sum(axis=-1), rng=rng(), weights=weights)
    loop = [np.mean(d.first[drawn(d.clusters, w)] == 1) for w in weights]
    return boot.estimate.se, float(np.std(loop, ddof=1))


def _jackknife_counts(d: Data):
    ours = stats.clustered_f1(d.reference, d.first, clusters=d.clusters, cut=CUT).se
    return ours, without(d, lambda x: f1_score(x.truth, x.first >= CUT))


def _clustered_summary(d: Data):
    ours = common_calls.CALLS["clustered_binary_summary"](d)
    return ours.mcc.se, without(d, lambda x: stats.binary_summary(x.reference, x.first, cut=CUT).mcc.value)


def _clustered_kappa(d: Data):
    ours = stats.clustered_kappa(d.first, d.second, clusters=d.clusters, n_grades=N_GRADES).se
    loop = without(
        d, lambda x: cohen_kappa_score(x.first, x.second, weights="quadratic", labels=range(N_GRADES))
    )
    return ours, loop


def _clustered_agreement(d: Data):
    def value(x: Data) -> float:
        coded = code_ratings(common_calls.pair(x), categories=range(N_GRADES))
        return agreement_coefficient(coded, "gwet", weights="linear").coefficient.value

    return common_calls.CALLS["clustered_agreement"](d).se, without(d, value)


def _alpha(d: Data):
    """Krippendorff's interval alpha from all pairs of grades, within units and overall."""
    table = common_calls.table(d)
    within = np.mean([np.mean([(a - b) ** 2 for a in row for b in row]) * 3 / 2 for row in table])
    flat = table.ravel()
    n = flat.size
    overall = ((flat[:, None] - flat[None, :]) ** 2).sum() / (n * (n - 1))
    ours = stats.krippendorff_alpha(table, metric="interval")
    single = [
        stats.krippendorff_alpha(np.delete(table, k, axis=0), metric="interval").value
        for k in range(table.shape[0])
    ]
    return (ours.value, ours.se), (1 - within / overall, jackknife_se(single))


def _light(d: Data):
    table = common_calls.table(d)
    ours = stats.light_kappa(table, categories=range(N_GRADES))

    def value(t) -> float:
        pairs = ((0, 1), (0, 2), (1, 2))
        return float(np.mean([cohen_kappa_score(t[:, a], t[:, b]) for a, b in pairs]))

    single = [value(np.delete(table, k, axis=0)) for k in range(table.shape[0])]
    return (ours.value, ours.se), (value(table), jackknife_se(single))


def _calibration(d: Data):
    ours = common_calls.CALLS["calibration_error"](d)
    weights = stats.cluster_weights(np.unique(d.clusters).size, 50, rng())

    def error(i) -> float:
        place = np.clip(np.ceil(d.score[i] * 4).astype(int) - 1, 0, 3)
        gaps = [abs(np.sum(d.truth[i][place == b] - d.score[i][place == b])) for b in range(4)]
        return float(np.sum(gaps) / i.size)

    loop = [error(drawn(d.clusters, w)) for w in weights]
    return ours.estimate.se, float(np.std(loop, ddof=1))


def _model_point(d: Data):
    ours = common_calls.CALLS["model_at_reader_point"](d)
    weights = stats.cluster_weights(np.unique(d.clusters).size, 40, rng())
    values = []
    for w in weights:
        i = drawn(d.clusters, w)
        truth, called = d.truth[i], d.first[i] >= CUT
        curve = stats.roc_curve(truth, d.score[i])
        at = called[~truth].mean()
        exact = np.abs(curve.fpr - at) < 1e-12
        model = curve.tpr[exact].max() if exact.any() else np.interp(at, curve.fpr, curve.tpr)
        values.append(model - called[truth].mean())
    return ours.difference.se, float(np.std(values, ddof=1))


def _or(d: Data):
    """Leave-one-out areas of all cells by computing each afresh."""
    study = common_calls.study(d)
    cells = stats.Auc().cells(study)
    n = len(study.cases)
    loop = np.empty(cells.without.shape)
    for k in range(n):
        keep = np.arange(n) != k
        for i in range(2):
            for j in range(3):
                loop[i, j, k] = area(study.diseased[keep], study.ratings[i, j, keep])
    ours = stats.obuchowski_rockette(study).covariance
    return (cells.without, ours), (loop, jackknife_covariance(type(cells)(cells.values, loop)))


def _dbm(d: Data):
    """F of the analysis of variance against F of Obuchowski-Rockette, which it must equal."""
    result = stats.dbm(common_calls.study(d))
    g = result.analysis.global_test
    return (result.anova.f, result.anova.df2, result.anova.p), (g.test.statistic, g.test.df2, g.test.p)


def _u(d: Data):
    """Variance of one treatment by the mean over all pairs of comparisons, small study."""
    study = common_calls.study(d.take(np.arange(16)))
    x = study.ratings[0][:, study.diseased]
    y = study.ratings[0][:, ~study.diseased]
    psi = (x[:, :, None] > y[:, None, :]) + 0.5 * (x[:, :, None] == y[:, None, :])
    every = [(r, i, j) for r in range(3) for i in range(x.shape[1]) for j in range(y.shape[1])]
    apart_sum = apart = 0.0
    for r, i, j in every:
        for s, k, m in every:
            if r != s and i != k and j != m:
                apart_sum += psi[r, i, j] * psi[s, k, m]
                apart += 1
    ours = stats.u_statistics(study)[0]
    return (ours.estimate_first, ours.variance), (psi.mean(), psi.mean() ** 2 - apart_sum / apart)


def _froc(d: Data):
    """Every figure and its leave-one-out values from the definition, without each case in turn."""
    study = common_calls.froc(d)

    def cut(keep):
        return type(study)(
            study.treatments, study.readers, tuple(np.array(study.cases)[keep]), study.n_lesions[keep],
            study.weights[keep], study.lesion[:, :, keep], study.non_lesion[:, :, keep],
        )  # fmt: skip

    ours, loop = [], []
    for figure in FIGURES:
        cells = FrocFigure(figure).cells(study)
        ours += [cells.values, cells.without]
        loop.append(np.array([[_figure(study, figure, i, j) for j in range(3)] for i in range(2)]))
        units = {"HrSe": study.diseased, "MaxLLF": study.diseased}.get(
            figure, ~study.diseased if figure in ("HrSp", "MaxNLF") else np.ones(len(study.cases), bool)
        )
        single = [
            [[_figure(cut(np.arange(len(study.cases)) != k), figure, i, j) for k in np.flatnonzero(units)[:6]]
             for j in range(3)] for i in range(2)
        ]  # fmt: skip
        ours[-1] = cells.without[:, :, :6]
        loop.append(np.array(single))
    return ours, loop


def _figure(s, name: str, i: int, j: int) -> float:
    ill = s.n_lesions > 0
    hits, false = s.lesion[i, j], s.non_lesion[i, j]
    top = false.max(axis=1)
    high = np.maximum(top, hits.max(axis=1))
    if name in ("wAFROC", "AFROC", "wAFROC1", "AFROC1"):
        against = top if name.endswith("1") else top[~ill]
        total = mass = 0.0
        for k in np.flatnonzero(ill):
            for lesion in range(s.n_lesions[k]):
                w = s.weights[k, lesion] if name.startswith("w") else 1.0
                z = hits[k, lesion]
                total += w * np.sum((z > against) + 0.5 * (z == against))
                mass += w
        return total / (mass * against.size)
    if name == "HrAuc":
        return area(ill, high)
    if name == "HrSe":
        return float((high[ill] > -np.inf).mean())
    if name == "HrSp":
        return float((high[~ill] == -np.inf).mean())
    if name == "MaxLLF":
        return float((hits > -np.inf).sum() / s.n_lesions.sum())
    marks = (false > -np.inf).sum(axis=1)
    return float(marks[~ill].mean()) if name == "MaxNLF" else float(marks.mean())


LOOPS = {
    "auc": _auc,
    "clustered_auc": _clustered_auc,
    "partial_auc": _partial,
    "bootstrap_auc": _bootstrap,
    "bootstrap_auc_difference": _bootstrap_difference,
    "bootstrap_auc_difference_unpaired": _bootstrap_unpaired,
    "bootstrap_counts": _bootstrap_counts,
    "jackknife_counts": _jackknife_counts,
    "clustered_binary_summary": _clustered_summary,
    "clustered_kappa": _clustered_kappa,
    "clustered_agreement": _clustered_agreement,
    "krippendorff_alpha": _alpha,
    "light_kappa": _light,
    "calibration_error": _calibration,
    "model_at_reader_point": _model_point,
    "obuchowski_rockette": _or,
    "dbm": _dbm,
    "u_statistics": _u,
    "froc_figures": _froc,
}
