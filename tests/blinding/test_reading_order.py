"""The order of cases says nothing: not of the truth, not of the centre, not of the import, over 200 seeds."""

import numpy as np
import pytest
from scipy import stats

from readerstudy.studies.models import Case
from readerstudy.studies.services.assignment import plan_assignment
from tests.factories.studies import make_cases, make_open_study

SEEDS = 200
# Of a right order 1 in 10,000 runs of this test strays further; the seeds are fixed, so it never does by chance.
ALPHA = 1e-4


@pytest.fixture(scope="module")
def orders(django_db_setup, django_db_blocker):
    """Return what every seed gives one reader: positions by case, and what each case is."""
    from django.db import transaction

    with django_db_blocker.unblock(), transaction.atomic():
        study, people = make_open_study(slug="orders", n_cases=1)
        make_cases(study, [f"orders-a{n:02d}" for n in range(12)], centre="A")
        make_cases(study, [f"orders-b{n:02d}" for n in range(12)], centre="B", is_external=True)
        cases = list(Case.objects.filter(study=study).select_related("patient__centre").order_by("pk"))
        place = {case.pk: row for row, case in enumerate(cases)}
        reader, partner = people["first_reader"].pk, people["second_reader"].pk
        drawn = np.empty((SEEDS, 2, len(cases)))
        for seed in range(SEEDS):
            for showing in plan_assignment(study=study, seed=seed).showings:
                if showing.user_id in {reader, partner}:
                    drawn[seed, int(showing.user_id == partner), place[showing.case_id]] = showing.position
        centres = np.array([case.patient.centre.code == "B" for case in cases], dtype=float)
        transaction.set_rollback(True)
    # The truth, as it would be: worse in centre B and in later imports, the worst for a leak to hide in.
    rng = np.random.default_rng(20260302)
    truth = centres + np.linspace(0, 1, len(cases)) + 0.5 * rng.normal(size=len(cases))
    return drawn, {"truth": truth, "centre": centres, "import": np.arange(len(cases), dtype=float)}


@pytest.mark.parametrize("what", ["truth", "centre", "import"])
def test_order_is_uncorrelated_with(orders, what):
    drawn, known = orders
    n_cases = drawn.shape[2]
    rho = np.array([stats.spearmanr(order, known[what]).statistic for order in drawn[:, 0, :]])
    # Of a random permutation Spearman's rho has mean 0 and variance 1 / (n - 1), ties or not.
    z = rho.mean() * np.sqrt(SEEDS * (n_cases - 1))
    assert 2 * stats.norm.sf(abs(z)) > ALPHA, f"mean rho {rho.mean():.3f} over {SEEDS} seeds"
    # Nor does it hide in pairs of strong correlations of either sign.
    spread = rho.var(ddof=0) * (n_cases - 1) * SEEDS
    assert 2 * min(stats.chi2.cdf(spread, SEEDS), stats.chi2.sf(spread, SEEDS)) > ALPHA


def test_every_place_is_equally_likely_for_every_case(orders):
    drawn, _ = orders
    n_cases = drawn.shape[2]
    mean = drawn[:, 0, :].mean(axis=0)
    z = (mean - (n_cases + 1) / 2) / np.sqrt((n_cases**2 - 1) / 12 / SEEDS)
    assert np.abs(z).max() < stats.norm.isf(ALPHA / n_cases / 2)


def test_two_readers_orders_say_nothing_of_each_other(orders):
    drawn, _ = orders
    n_cases = drawn.shape[2]
    rho = np.array([stats.spearmanr(mine, yours).statistic for mine, yours in drawn])
    assert abs(rho.mean()) * np.sqrt(SEEDS * (n_cases - 1)) < stats.norm.isf(ALPHA / 2)
    assert not any((mine == yours).all() for mine, yours in drawn)
