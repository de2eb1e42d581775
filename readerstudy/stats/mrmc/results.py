"""Frozen results of the multi-reader analyses."""

from __future__ import annotations

from dataclasses import dataclass

from readerstudy.stats._arrays import FloatArray
from readerstudy.stats.estimate import Estimate, HypothesisTest, _Record


@dataclass(frozen=True, slots=True)
class Components(_Record):
    """
    Variance components and error covariances of Obuchowski and Rockette, negative values kept.

    Parameters
    ----------
    var_r, var_tr : float
        Readers, and treatments x readers.
    var_error : float
        Mean variance of a cell.
    cov1, cov2, cov3 : float
        Mean covariance of the same reader under different treatments, of different readers under the same,
        and of different readers under different.
    """

    var_r: float
    var_tr: float
    var_error: float
    cov1: float
    cov2: float
    cov3: float


@dataclass(frozen=True, slots=True)
class GlobalTest(_Record):
    """
    Test that all treatments are alike.

    Parameters
    ----------
    ms_t, ms_tr : float
        Mean squares of treatments and of treatments x readers.
    denominator : float
        Denominator of the statistic.
    test : HypothesisTest
        F, or chi-square with fixed readers.
    """

    ms_t: float
    ms_tr: float
    denominator: float
    test: HypothesisTest


@dataclass(frozen=True, slots=True)
class Difference(_Record):
    """First minus second treatment; of one reader where `reader` is given."""

    first: str
    second: str
    estimate: Estimate
    test: HypothesisTest
    reader: str | None = None


@dataclass(frozen=True, slots=True)
class Mean(_Record):
    """
    Mean figure of merit of a treatment (over readers, or of one where `reader` is given).

    Parameters
    ----------
    treatment : str
        Treatment.
    estimate : Estimate
        Mean with its interval from this treatment's readings alone.
    df : float
        Degrees of freedom of the interval, infinite for a normal one.
    ms_r, cov2, var_error : float
        Mean square of readers, covariance of readers and error variance of this treatment.
    reader : str or None
        The one reader.
    """

    treatment: str
    estimate: Estimate
    df: float
    ms_r: float
    cov2: float
    var_error: float
    reader: str | None = None


@dataclass(frozen=True, slots=True)
class MrmcResult(_Record):
    """
    A multi-reader analysis.

    Parameters
    ----------
    treatments, readers : tuple of str
        Order of the tables.
    foms : ndarray, shape (n_treatments, n_readers)
        Figures of merit.
    covariance : ndarray, shape (n_cells, n_cells)
        Their covariance, treatments outer; NaN with fixed cases.
    components : Components
        Variance components.
    global_test : GlobalTest
        Test of all treatments.
    differences : tuple of Difference
        Pairs of treatments in order.
    means : tuple of Mean
        Mean of each treatment.
    reader_differences : tuple of Difference
        Pairs of treatments of each reader, with fixed readers.
    reader_means : tuple of Mean
        Cells, with fixed readers.
    method, note : str
        Words for the report.
    """

    treatments: tuple[str, ...]
    readers: tuple[str, ...]
    foms: FloatArray
    covariance: FloatArray
    components: Components
    global_test: GlobalTest
    differences: tuple[Difference, ...]
    means: tuple[Mean, ...]
    reader_differences: tuple[Difference, ...]
    reader_means: tuple[Mean, ...]
    method: str
    note: str = ""

    def difference(self, first: str, second: str) -> Difference:
        """The pair of treatments first minus second, turned round where it is listed the other way."""
        for d in self.differences:
            if (d.first, d.second) == (first, second):
                return d
        raise KeyError(
            f"no difference {first} - {second}; there are {[(d.first, d.second) for d in self.differences]}"
        )
