"""A data root for every process of the suite."""

import tempfile
from collections.abc import Mapping


def own_data_root(environment: Mapping[str, str]) -> dict[str, str]:
    """
    Return what to add to the environment, so that no two processes of a run share files or a database.

    A run may be shared by several processes (``pytest -n 2``). Each takes a root of its own once; what it starts
    itself, with a root that the test names, keeps that one.
    """
    worker = environment.get("PYTEST_XDIST_WORKER", "")
    is_given = "READERSTUDY_DATA_ROOT" in environment
    if is_given and worker == environment.get("READERSTUDY_TEST_ROOT_OF", ""):
        return {}
    root = tempfile.mkdtemp(prefix="readerstudy-test-")
    return {"READERSTUDY_DATA_ROOT": root, "READERSTUDY_TEST_ROOT_OF": worker}
