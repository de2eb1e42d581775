r"""
Placement values: the one computation behind the empirical AUC and all of its variances.

With :math:`\psi(x, y) = 1` if x > y, 1/2 if x = y, else 0, the placement of a diseased item is its mean
:math:`\psi` over all non-diseased items, and the other way round. Their mean is the AUC (Mann-Whitney), their
covariances are DeLong's and Obuchowski's, and leaving an item out is a formula in them.
"""

from __future__ import annotations

import numpy as np

from readerstudy.stats._arrays import BoolArray, FloatArray

# Below this many comparisons a full table of them is faster than sorting.
_SMALL = 20_000


def placements(diseased: FloatArray, healthy: FloatArray) -> tuple[FloatArray, FloatArray]:
    r"""
    Placement values of each diseased and each non-diseased item.

    Parameters
    ----------
    diseased : ndarray, shape (..., n1)
        Scores of the diseased items; leading axes are readers or treatments.
    healthy : ndarray, shape (..., n0)
        Scores of the non-diseased items, the same leading axes.

    Returns
    -------
    v10 : ndarray, shape (..., n1)
        Share of non-diseased items below each diseased one, ties one half.
    v01 : ndarray, shape (..., n0)
        Share of diseased items above each non-diseased one, ties one half.

    References
    ----------
    .. [1] DeLong ER, DeLong DM, Clarke-Pearson DL. Biometrics 1988;44:837-845. doi:10.2307/2531595
    .. [2] Sun X, Xu W. IEEE Signal Process Lett 2014;21:1389-1393. doi:10.1109/LSP.2014.2337313
    """
    n1, n0 = diseased.shape[-1], healthy.shape[-1]
    if n1 * n0 <= _SMALL:
        x, y = diseased[..., :, None], healthy[..., None, :]
        # Counting in bytes: (x > y) + (x >= y) is twice psi.
        twice = np.greater(x, y).view(np.int8) + np.greater_equal(x, y).view(np.int8)
        return twice.sum(-1) / (2.0 * n0), twice.sum(-2) / (2.0 * n1)
    lead = diseased.shape[:-1]
    flat_x, flat_y = diseased.reshape(-1, n1), healthy.reshape(-1, n0)
    v10, v01 = np.empty(flat_x.shape), np.empty(flat_y.shape)
    for row in range(flat_x.shape[0]):
        v10[row], v01[row] = _sorted_placements(flat_x[row], flat_y[row])
    return v10.reshape(*lead, n1), v01.reshape(*lead, n0)


def _sorted_placements(x: FloatArray, y: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Placements of one reader by sorting the pooled scores once."""
    n1, n0 = x.shape[0], y.shape[0]
    pooled = np.concatenate((x, y))
    # Equal scores are taken together below: their order does not matter, and a plain sort is faster.
    order = np.argsort(pooled)
    ordered = pooled[order]
    is_x = order < n1
    starts = np.flatnonzero(np.concatenate(([True], ordered[1:] != ordered[:-1])))
    ends = np.concatenate((starts[1:], [pooled.shape[0]]))
    group = np.repeat(np.arange(starts.shape[0]), ends - starts)
    below_x = np.concatenate(([0], np.cumsum(is_x)))
    x_before, x_upto = below_x[starts], below_x[ends]
    y_before, y_upto = starts - x_before, ends - x_upto
    v10_group = (y_before + y_upto) / (2.0 * n0)
    v01_group = 1.0 - (x_before + x_upto) / (2.0 * n1)
    by_item = np.empty(pooled.shape[0], dtype=np.int64)
    by_item[order] = group
    return v10_group[by_item[:n1]], v01_group[by_item[n1:]]


def delong_covariance(v10: FloatArray, v01: FloatArray) -> FloatArray:
    r"""
    DeLong's covariance of several AUCs on the same items.

    .. math:: S = S_{10} / n_1 + S_{01} / n_0

    Parameters
    ----------
    v10 : ndarray, shape (n_readers, n1)
    v01 : ndarray, shape (n_readers, n0)
        Placement values of the readers.

    Returns
    -------
    ndarray, shape (n_readers, n_readers)
        With n - 1 divisors; NaN when a class has one item only.

    References
    ----------
    .. [1] DeLong ER, DeLong DM, Clarke-Pearson DL. Biometrics 1988;44:837-845. doi:10.2307/2531595
    """
    n1, n0 = v10.shape[1], v01.shape[1]
    if n1 < 2 or n0 < 2:
        return np.full((v10.shape[0], v10.shape[0]), np.nan)
    a = v10 - v10.mean(axis=1, keepdims=True)
    b = v01 - v01.mean(axis=1, keepdims=True)
    return np.asarray(a @ a.T / (n1 * (n1 - 1)) + b @ b.T / (n0 * (n0 - 1)))


def obuchowski_covariance(
    v10: FloatArray, v01: FloatArray, clusters1: np.ndarray, clusters0: np.ndarray, n_clusters: int
) -> FloatArray:
    r"""
    Obuchowski's covariance of several AUCs whose items are nested in clusters.

    .. math:: \widehat{var} = S_{10}/M + S_{01}/N + 2 S_{11}/(MN)

    with sums of placement values per cluster in place of single items.

    Parameters
    ----------
    v10 : ndarray, shape (n_readers, M)
    v01 : ndarray, shape (n_readers, N)
        Placement values of diseased and non-diseased items.
    clusters1, clusters0 : ndarray of int, shapes (M,) and (N,)
        Cluster code of each item, in 0 .. n_clusters - 1.
    n_clusters : int
        All clusters.

    Returns
    -------
    ndarray, shape (n_readers, n_readers)
        NaN when the diseased or the non-diseased items lie in fewer than two clusters.

    References
    ----------
    .. [1] Obuchowski NA. Biometrics 1997;53:567-578. doi:10.2307/2533958
    """
    total1, total0 = v10.shape[1], v01.shape[1]
    per1 = np.bincount(clusters1, minlength=n_clusters)
    per0 = np.bincount(clusters0, minlength=n_clusters)
    with1, with0 = int((per1 > 0).sum()), int((per0 > 0).sum())
    if with1 < 2 or with0 < 2:
        return np.full((v10.shape[0], v10.shape[0]), np.nan)
    auc = v10.mean(axis=1, keepdims=True)
    a = _cluster_sums(v10, clusters1, n_clusters) - auc * per1
    b = _cluster_sums(v01, clusters0, n_clusters) - auc * per0
    s10 = with1 / ((with1 - 1) * total1) * (a @ a.T)
    s01 = with0 / ((with0 - 1) * total0) * (b @ b.T)
    s11 = n_clusters / (n_clusters - 1) * (a @ b.T)
    return np.asarray(s10 / total1 + s01 / total0 + (s11 + s11.T) / (total1 * total0))


def _cluster_sums(values: FloatArray, codes: np.ndarray, m: int) -> FloatArray:
    return np.stack([np.bincount(codes, weights=row, minlength=m) for row in values])


def split_by_class(reference: BoolArray, scores: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Scores (..., n) of the diseased and of the non-diseased items."""
    # Places instead of a mask: one pass over the reference, whatever the number of readers.
    return np.take(scores, np.flatnonzero(reference), -1), np.take(scores, np.flatnonzero(~reference), -1)
