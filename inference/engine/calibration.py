"""Temperature scaling: one number per finding that makes its probabilities honest."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from scipy.optimize import minimize_scalar
from torch import Tensor

from inference.engine.networks.ordinal import corn_loss


def fit_temperatures(logits: Mapping[str, Tensor], grades: Mapping[str, Tensor]) -> dict[str, float]:
    """
    Fit one temperature per finding.

    Parameters
    ----------
    logits : mapping of finding to Tensor, shape (n, n_grades - 1)
        Of the validation set.
    grades : mapping of finding to Tensor of int64, shape (n,)

    Returns
    -------
    dict of finding to float
        Divide the logits by it; above 1 = the network was too sure. Between 0.2 and 5.

    References
    ----------
    .. [1] Guo C et al. On calibration of modern neural networks. ICML 2017. arXiv:1706.04599
    """
    result = {}
    for finding, values in logits.items():

        def loss(log_t: float, values: Tensor = values, finding: str = finding) -> float:
            return float(corn_loss(values.double() / float(np.exp(log_t)), grades[finding]))

        with torch.no_grad():
            found = minimize_scalar(loss, bounds=(np.log(0.2), np.log(5.0)), method="bounded")
        result[finding] = float(np.exp(found.x))
    return result
