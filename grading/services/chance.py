"""Random choices per item that nobody can compute from outside."""

import hashlib

import numpy as np

from readerstudy.core.keys import derive_key
from readerstudy.studies.models import Case


def item_generator(case: Case, structure: str, finding: str) -> np.random.Generator:
    """
    Return a random source for one item, from the installation's key.

    The order of A and B and the audit draw are fixed per item and cannot be computed from outside.
    """
    key = derive_key("grading.item", str(case.public_id), structure, finding)
    return np.random.default_rng(int.from_bytes(hashlib.sha256(key).digest()[:8], "big"))
