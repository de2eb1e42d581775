"""The invariants of the registry, each run on every function of which the registry says that it holds."""

from __future__ import annotations

import math
from dataclasses import asdict, is_dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import readerstudy.stats as stats
from readerstudy.stats.estimate import AnalysisRefused, Comparison, Estimate, HypothesisTest
from readerstudy.stats.registry import HELPERS, INVARIANTS, REGISTRY
from tests.readerstudy.stats import common_calls, naive_loops
from tests.readerstudy.stats.common_calls import CALLS, Data, make

SEEDS = st.integers(min_value=0, max_value=2**20)
FEW = settings(max_examples=6, deadline=None, derandomize=True)


def holding(invariant: str) -> list[str]:
    return [name for name, method in REGISTRY.items() if invariant in method.holds]


def plain(value):
    """Numbers and texts of a result, all the way down."""
    if is_dataclass(value):
        return plain(asdict(value))
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value.tolist() if isinstance(value, np.ndarray | np.generic) else value


def assert_same(a, b, path="", atol=1e-9):
    if isinstance(a, dict):
        assert a.keys() == b.keys(), path
        for key in a:
            assert_same(a[key], b[key], f"{path}.{key}", atol)
    elif isinstance(a, list):
        assert len(a) == len(b), path
        for k, (x, y) in enumerate(zip(a, b, strict=True)):
            assert_same(x, y, f"{path}[{k}]", atol)
    elif isinstance(a, float):
        assert a == pytest.approx(b, rel=1e-7, abs=atol, nan_ok=True), path
    else:
        assert a == b, path


def head(result):
    """The first estimate, comparison or test of a result: what the invariants speak of."""
    if isinstance(result, Estimate | Comparison | HypothesisTest):
        return result
    if isinstance(result, tuple) and result:
        return head(result[0])
    for name in (
        "difference", "estimate", "coefficient", "icc", "kappa", "bias", "rate", "slope", "sensitivity",
        "normal",
        "precision", "accuracy",
    ):  # fmt: skip
        if hasattr(result, name) and not callable(getattr(result, name)):
            return head(getattr(result, name))
    if hasattr(result, "differences"):
        return head(result.differences[0].estimate)
    return result


def value_of(result) -> float:
    found = head(result)
    if isinstance(found, Comparison):
        return found.difference.value
    return found.statistic if isinstance(found, HypothesisTest) else found.value


def p_of(result) -> float | None:
    for name in ("test", "asymptotic"):
        if hasattr(result, name):
            return getattr(result, name).p
    if isinstance(result, tuple) and isinstance(result[-1], HypothesisTest):
        return result[-1].p
    return result.p if hasattr(result, "p") else None


def test_every_public_function_is_in_the_registry_or_a_named_helper():
    functions = {name for name in dir(stats) if name in stats._MODULE_OF and name[0].islower()}
    assert functions == set(REGISTRY) | set(HELPERS)


@pytest.mark.parametrize("name", REGISTRY)
def test_each_invariant_holds_or_has_its_reason(name):
    method = REGISTRY[name]
    for invariant in INVARIANTS:
        if invariant not in method.holds:
            assert len(method.why_not(invariant)) > 10
    assert callable(getattr(stats, name))


@pytest.mark.parametrize("name", [n for n, m in REGISTRY.items() if m.holds and m.kind != "numbers"])
def test_the_common_tests_know_how_to_call_each_function(name):
    assert name in CALLS


@pytest.mark.parametrize("name", holding("permutation"))
@FEW
@given(seed=SEEDS)
def test_permutation(name, seed):
    data = make(seed)
    order = np.random.default_rng(seed).permutation(data.first.size)
    assert_same(plain(CALLS[name](data)), plain(CALLS[name](data.take(order))))


def swapped(name: str, data: Data) -> Data:
    if name in ("auc", "clustered_auc"):
        return data.with_(reference=3 - data.reference, score=-data.score)
    if name in ("obuchowski_rockette", "u_statistics"):
        return data.with_(score=data.other, other=data.score)
    return data.with_(
        first=data.second, second=data.first, score=data.other, other=data.score,
        first_mm=data.second_mm, second_mm=data.first_mm,
    )  # fmt: skip


@pytest.mark.parametrize("name", holding("label_swap"))
@FEW
@given(seed=SEEDS)
def test_label_swap(name, seed):
    data = make(seed)
    if name in ("obuchowski_rockette", "u_statistics"):
        a, b = _treatments_swapped(name, data)
    elif name == "mcnemar":
        a, b = (CALLS[name](x).difference.value for x in (data, swapped(name, data)))
    elif name == "fleiss_null_test":
        a, b = (CALLS[name](x).z for x in (data, swapped(name, data)))
    else:
        a, b = (value_of(CALLS[name](x)) for x in (data, swapped(name, data)))
    sign = -1 if REGISTRY[name].swap == "negated" else 1
    assert b == pytest.approx(sign * a, rel=1e-9, abs=1e-10)


def _treatments_swapped(name: str, data: Data) -> tuple[float, float]:
    study = common_calls.study(data)
    turned = study.only(treatments=["B", "A"])
    if name == "u_statistics":
        return stats.u_statistics(study)[-1].normal.value, stats.u_statistics(turned)[-1].normal.value
    return tuple(stats.obuchowski_rockette(x).differences[0].estimate.value for x in (study, turned))


@pytest.mark.parametrize("name", holding("duplicated_reader"))
@FEW
@given(seed=SEEDS)
def test_duplicated_reader(name, seed):
    data = make(seed)
    result = CALLS[name](data.with_(second=data.first, other=data.score))
    if REGISTRY[name].group == "Agreement":
        assert value_of(result) == pytest.approx(1.0)
        return
    if name == "mcnemar":
        assert result.exact.p == result.mid_p.p == 1.0
        assert result.asymptotic.undefined_because
        return
    assert value_of(result) == pytest.approx(0.0, abs=1e-12)
    assert p_of(result) == 1.0


def outcome(name: str, data: Data):
    """The result, or that it was refused: a refusal must not depend on the scale of the scores either."""
    try:
        return CALLS[name](data)
    except AnalysisRefused as refusal:
        return {"refused": str(refusal)}


def _numbers(result, skip=("thresholds", "threshold")):
    out = plain(result)
    return {k: v for k, v in out.items() if k not in skip} if isinstance(out, dict) else out


@pytest.mark.parametrize("name", holding("monotone"))
@FEW
@given(seed=SEEDS)
def test_monotone_transformation(name, seed):
    data = make(seed)
    if REGISTRY[name].kind == "study" and name not in ("mark_accuracy",):
        a, b = _study_pair(name, data)
    elif name == "kendall_w":
        a, b = (plain(CALLS[name](x)) for x in (data, data.with_(first=data.first**2, second=data.second**2)))
    else:
        # All of (0, 1) goes to (0, 1), so that what expects probabilities gets some.
        changed = data.with_(score=data.score**3, other=data.other**3)
        a, b = (_numbers(outcome(name, x)) for x in (data, changed))
    assert_same(a, b)


def _study_pair(name: str, data: Data):
    def transformed(x):
        return np.where(np.isfinite(x), np.arctan(x) * 3 + 1, x)

    if name in ("froc_figures", "localisation_curve"):
        study = common_calls.froc(data)
        other = type(study)(
            study.treatments, study.readers, study.cases, study.n_lesions, study.weights,
            transformed(study.lesion), transformed(study.non_lesion),
        )  # fmt: skip
        if name == "froc_figures":
            return plain(stats.froc_figures(study)), plain(stats.froc_figures(other))
        curves = (
            stats.localisation_curve(s, curve="FROC", treatment="B", reader="r1") for s in (study, other)
        )
        return tuple(plain(c) for c in curves)
    study = common_calls.study(data)
    other = type(study)(
        study.treatments, study.readers, study.cases, study.diseased, transformed(study.ratings)
    )
    calls = {
        "obuchowski_rockette": stats.obuchowski_rockette,
        "dbm": stats.dbm,
        "u_statistics": stats.u_statistics,
        "standalone_vs_readers": lambda s: stats.standalone_vs_readers(s.only(treatments=["B"]), model="r2"),
        "non_inferiority": lambda s: stats.non_inferiority(s, reference="A", test="B", margin=0.1),
    }
    return plain(calls[name](study)), plain(calls[name](other))


@pytest.mark.parametrize("name", holding("cluster_of_one"))
@FEW
@given(seed=SEEDS)
def test_cluster_of_one(name, seed):
    data = make(seed)
    data = data.with_(clusters=np.arange(data.first.size))
    nested, single = CALLS[name](data), CALLS[REGISTRY[name].plain](data)
    if name == "clustered_binary_summary":
        for measure in ("sensitivity", "specificity", "ppv", "npv", "f1", "mcc", "accuracy"):
            assert getattr(nested, measure).value == pytest.approx(getattr(single, measure).value)
        n = data.truth.sum()
        assert nested.sensitivity.se == pytest.approx(single.sensitivity.se * math.sqrt(n / (n - 1)))
        return
    if name == "clustered_multiclass_measure":
        assert nested.value == pytest.approx(single.macro_f1)
        return
    assert value_of(nested) == pytest.approx(value_of(single))
    if name.startswith("clustered_auc"):
        assert head(nested) is not None
        a, b = (x.difference.se if isinstance(x, Comparison) else x.se for x in (nested, single))
        assert a == pytest.approx(b)


@FEW
@given(seed=SEEDS)
def test_one_fixed_reader_is_delong(seed):
    data = make(seed)
    study = common_calls.study(data).only(readers=["r2"])
    whole = stats.obuchowski_rockette(study, covariance="delong", readers="fixed", clip=False)
    delong = stats.auc_difference(data.truth, study.ratings[0, 0], study.ratings[1, 0])
    d = whole.differences[0]
    assert d.estimate.value == pytest.approx(delong.difference.value)
    assert d.estimate.se == pytest.approx(delong.difference.se)
    assert d.test.p == pytest.approx(delong.p)
    assert (d.estimate.low, d.estimate.high) == pytest.approx((delong.difference.low, delong.difference.high))


def test_the_delong_invariant_is_named_by_both_sides():
    assert set(holding("delong_or")) == {"auc_difference", "obuchowski_rockette"}


@pytest.mark.parametrize("name", holding("naive_loop"))
@settings(max_examples=3, deadline=None, derandomize=True)
@given(seed=SEEDS)
def test_naive_loop(name, seed):
    ours, loop = naive_loops.LOOPS[name](make(seed))
    assert_same(plain(ours), plain(loop), name, atol=1e-8)


@pytest.mark.parametrize("name", holding("single_class"))
@pytest.mark.parametrize("grade", [0, 3])
def test_single_class(name, grade):
    data = make(3)
    data = data.with_(reference=np.full_like(data.reference, grade))
    if REGISTRY[name].kind == "study":
        with pytest.raises(AnalysisRefused):
            CALLS[name](data)
        return
    result = CALLS[name](data)
    if name in ("binary_summary", "clustered_binary_summary"):
        gone = result.sensitivity if grade == 0 else result.specificity
        assert gone.undefined_because == ("no positive items" if grade == 0 else "no negative items")
        return
    if grade == 3 and name in (
        "clustered_sensitivity", "clustered_ppv", "clustered_f1", "compare_calls", "pr_curve"
    ):  # fmt: skip
        return
    if name in ("clustered_ppv", "clustered_f1"):
        # Calls without a positive item: PPV and F1 are 0 in earnest, and undefined without a call as well.
        none = stats.clustered_f1(data.reference, data.reference * 0, clusters=data.clusters, cut=2)
        assert none.undefined_because
        return
    assert getattr(head(result), "undefined_because", "") or result.undefined_because


@pytest.mark.parametrize("name", holding("one_item"))
def test_one_item(name):
    one = make(3).take(np.array([2]))
    try:
        result = CALLS[name](one)
    except AnalysisRefused:
        return
    found = head(result)
    found = found.difference if isinstance(found, Comparison) else found
    assert found.undefined_because or math.isnan(found.se) or found.note


@pytest.mark.parametrize("name", holding("empty"))
def test_empty(name):
    nothing = make(3).take(np.array([], dtype=int))
    with pytest.raises(ValueError, match=r"empty|must have|no unit|shape|one dimension"):
        CALLS[name](nothing)


@pytest.mark.parametrize("name", holding("nan"))
def test_nan(name):
    if name in common_calls.NAN_DIRECT:
        with pytest.raises(ValueError, match="NaN"):
            common_calls.NAN_DIRECT[name]()
        return
    data = make(3)
    for argument in common_calls.NAN_IN[name]:
        broken = getattr(data, argument).astype(float)
        broken[1] = np.nan
        with pytest.raises(ValueError, match=r"NaN|finite"):
            CALLS[name](data.with_(**{argument: broken}))
