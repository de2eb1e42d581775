"""
Covariance matrices of the cells' figures of merit; cells in the order treatments (outer), readers (inner).
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from readerstudy.stats._arrays import FloatArray, IntArray
from readerstudy.stats.estimate import AnalysisRefused
from readerstudy.stats.roc.placements import delong_covariance, obuchowski_covariance

from .endpoints import Auc, CallRate, Cells, Endpoint
from .readings import Readings

CovarianceMethod = Literal["jackknife", "delong", "unbiased", "obuchowski1997"]
COVARIANCE_METHODS: tuple[CovarianceMethod, ...] = ("jackknife", "delong", "unbiased", "obuchowski1997")


def jackknife_covariance(cells: Cells) -> FloatArray:
    r"""
    Covariance by leaving one case out, of all cells at once.

    .. math:: \frac{N-1}{N} \sum_k g_k g_k^T, \quad
              g_k = \theta_{(-k)} - \bar\theta_{(\cdot)}

    Parameters
    ----------
    cells : Cells
        Figures and their leave-one-out values.

    Returns
    -------
    ndarray, shape (n_cells, n_cells)
    """
    flat = cells.without.reshape(-1, cells.n_units)
    n = cells.n_units
    gap = flat - flat.sum(axis=1, keepdims=True) / n
    return np.asarray((n - 1) / n * (gap @ gap.T))


def _overlap(v: FloatArray) -> FloatArray:
    """Sum of products over the cases that both cells read, over both numbers of cases, with n/(n - 1)."""
    there = ~np.isnan(v)
    n = there.sum(axis=1)
    gap = np.where(there, v - np.nanmean(v, axis=1, keepdims=True), 0.0)
    both = (there.astype(np.float64) @ there.T).astype(np.float64)
    correction = np.where(both > 1, both / np.maximum(both - 1, 1), 0.0)
    return np.asarray(gap @ gap.T * correction / np.outer(n, n))


def _delong(data: Readings, endpoint: Auc | CallRate) -> FloatArray:
    if isinstance(endpoint, CallRate):
        return _overlap(endpoint.right(data))
    v10, v01 = endpoint.placements(data)
    if data.complete:
        return delong_covariance(v10, v01)
    return np.asarray(_overlap(v10) + _overlap(v01))


def _unbiased(data: Readings, endpoint: Auc | CallRate) -> FloatArray:
    r"""
    Unbiased covariance of AUCs (Gallas 2006).

    The product of two observed areas estimates the product of the true ones plus their covariance; the mean
    of products of comparisons that share no case estimates the former alone.
    """
    if isinstance(endpoint, CallRate):
        # For a mean of calls the unbiased estimator is the ordinary one.
        return _overlap(endpoint.right(data))
    v10, v01 = endpoint.placements(data)
    flat = data.ratings.reshape(-1, len(data.cases))
    x, y = flat[:, data.diseased], flat[:, ~data.diseased]
    has1, has0 = (~np.isnan(v10)).astype(np.float64), (~np.isnan(v01)).astype(np.float64)
    n1, n0 = has1.sum(axis=1), has0.sum(axis=1)
    rows = np.where(has1 > 0, np.nan_to_num(v10), 0.0) * n0[:, None]
    columns = np.where(has0 > 0, np.nan_to_num(v01), 0.0) * n1[:, None]
    psi = np.zeros((flat.shape[0], x.shape[1], y.shape[1]))
    with np.errstate(invalid="ignore"):
        psi += x[:, :, None] > y[:, None, :]
        psi += 0.5 * (x[:, :, None] == y[:, None, :])
    cells = psi.reshape(flat.shape[0], -1)
    total = rows.sum(axis=1)
    both1, both0 = has1 @ has1.T, has0 @ has0.T
    apart = np.outer(total, total) - rows @ rows.T - columns @ columns.T + cells @ cells.T
    # Pairs of comparisons with different cases: all, less those that share one, plus those that share both.
    pairs = np.outer(n1 * n0, n1 * n0) - both1 * np.outer(n0, n0) - both0 * np.outer(n1, n1) + both1 * both0
    if np.any(pairs <= 0):
        raise AnalysisRefused("the unbiased covariance needs two diseased and two non-diseased cases")
    area = total / (n1 * n0)
    return np.asarray(np.outer(area, area) - apart / pairs)


def _clustered(data: Readings, endpoint: Auc | CallRate) -> FloatArray:
    if data.clusters is None:
        raise AnalysisRefused("obuchowski1997 needs the patient of each case (clusters)")
    if isinstance(endpoint, CallRate):
        return _clustered_rates(endpoint.right(data), data.clusters[endpoint.mask(data)])
    v10, v01 = endpoint.placements(data)
    if not data.complete:
        raise AnalysisRefused("obuchowski1997 needs every reader to have read every case; use the jackknife")
    codes = np.unique(data.clusters, return_inverse=True)[1]
    return obuchowski_covariance(v10, v01, codes[data.diseased], codes[~data.diseased], int(codes.max()) + 1)


def _clustered_rates(right: FloatArray, clusters: IntArray) -> FloatArray:
    """Covariance of rates of right calls as ratio estimators over patients."""
    codes = np.unique(clusters, return_inverse=True)[1]
    m = int(codes.max()) + 1
    if m < 2:
        raise AnalysisRefused("the cases of this class come from one patient: there is no variance")
    there = ~np.isnan(right)
    size = there.sum(axis=1)
    gap = np.where(there, right - np.nanmean(right, axis=1, keepdims=True), 0.0)
    sums = np.stack([np.bincount(codes, weights=row, minlength=m) for row in gap])
    return np.asarray(m / (m - 1) * (sums @ sums.T) / np.outer(size, size))


def cell_covariance(data: Any, endpoint: Endpoint, method: CovarianceMethod, cells: Cells) -> FloatArray:
    """
    Covariance of the cells' figures of merit.

    Parameters
    ----------
    data : Readings or FrocStudy
        The study; `cells` are its figures.
    endpoint : Endpoint
        Figure of merit.
    method : {"jackknife", "delong", "unbiased", "obuchowski1997"}
        jackknife: any figure. delong and unbiased: AUC, sensitivity and specificity. obuchowski1997: the same
        for cases nested in patients (Obuchowski's for areas, ratio estimators for rates).
    cells : Cells
        From `endpoint.cells(data)`.

    Returns
    -------
    ndarray, shape (n_cells, n_cells)

    Raises
    ------
    AnalysisRefused
        If the method does not apply to the figure of merit, or the patients are not known.

    References
    ----------
    .. [1] DeLong ER, DeLong DM, Clarke-Pearson DL. Biometrics 1988;44:837-845. doi:10.2307/2531595
    .. [2] Gallas BD. Acad Radiol 2006;13:353-362. doi:10.1016/j.acra.2005.11.030
    .. [3] Obuchowski NA. Biometrics 1997;53:567-578. doi:10.2307/2533958
    """
    if method == "jackknife":
        return jackknife_covariance(cells)
    if method not in COVARIANCE_METHODS:
        raise ValueError(f"covariance must be one of {', '.join(COVARIANCE_METHODS)}, got {method!r}")
    if not isinstance(data, Readings) or not isinstance(endpoint, Auc | CallRate):
        raise AnalysisRefused(f"covariance {method} does not apply to {endpoint.name}; use jackknife")
    if method == "delong":
        return _delong(data, endpoint)
    if method == "unbiased":
        return _unbiased(data, endpoint)
    return _clustered(data, endpoint)
