"""CORN: probabilities are probabilities, the loss is the one of the paper."""

import numpy as np
import pytest
import torch

from inference.engine.networks.ordinal import balanced_weights, corn_loss, corn_probabilities


def test_probabilities_are_never_negative_and_sum_to_one():
    logits = torch.randn(500, 3, generator=torch.Generator().manual_seed(1)) * 6
    p = corn_probabilities(logits.double())
    assert p.shape == (500, 4)
    assert (p >= 0).all()
    np.testing.assert_allclose(p.sum(-1), 1, atol=1e-12)


def test_probabilities_of_a_hand_computed_case():
    # P(>0) = 0.8, P(>1 | >=1) = 0.5, P(>2 | >=2) = 0.25: 0.2, 0.4, 0.3, 0.1.
    logits = torch.logit(torch.tensor([[0.8, 0.5, 0.25]], dtype=torch.float64))
    np.testing.assert_allclose(corn_probabilities(logits), [[0.2, 0.4, 0.3, 0.1]], atol=1e-12)


def test_loss_of_a_hand_computed_case():
    """Grades 0 and 2 on a scale of three: the step beyond 1 is learnt from the second alone."""
    logits = torch.tensor([[0.5, 9.0], [-1.0, 2.0]], dtype=torch.float64)
    expected = -(
        np.log(1 - 1 / (1 + np.exp(-0.5))) + np.log(1 / (1 + np.exp(1.0))) + np.log(1 / (1 + np.exp(-2.0)))
    )
    assert float(corn_loss(logits, torch.tensor([0, 2]))) == pytest.approx(expected / 3)


def test_unknown_grades_count_nothing():
    logits = torch.randn(4, 2, dtype=torch.float64)
    known = corn_loss(logits[:2], torch.tensor([0, 1]))
    assert float(corn_loss(logits, torch.tensor([0, 1, -1, -1]))) == pytest.approx(float(known))
    assert float(corn_loss(logits, torch.tensor([-1, -1, -1, -1]))) == 0.0


def test_descending_the_loss_finds_the_shares_of_the_grades():
    grades = torch.tensor([0] * 50 + [1] * 30 + [2] * 20)
    logits = torch.zeros(1, 2, dtype=torch.float64, requires_grad=True)
    optimiser = torch.optim.LBFGS([logits], max_iter=100)

    def step():
        optimiser.zero_grad()
        loss = corn_loss(logits.expand(100, 2), grades)
        loss.backward()
        return loss

    optimiser.step(step)
    np.testing.assert_allclose(corn_probabilities(logits.detach())[0], [0.5, 0.3, 0.2], atol=1e-4)


def test_weights_balance_both_answers_of_each_step():
    grades = torch.tensor([0] * 75 + [1] * 25)
    weights = balanced_weights(grades, 2)
    assert float(weights[0, 0] * 75) == pytest.approx(float(weights[0, 1] * 25))
