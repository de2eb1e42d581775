"""The synthetic patients of the small demonstration, drawn once for every test that makes it."""

import shutil
from pathlib import Path

import pytest

from readerstudy.phantom import generator_digest


@pytest.fixture(scope="session")
def drawn_patients(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """
    A folder where the demonstration finds its patients, or leaves them for the next test and the next run.

    What another generator drew is removed: the name of a folder is a digest of the code that drew it.
    """
    cache = getattr(request.config, "cache", None)
    if cache is None:
        return tmp_path_factory.mktemp("patients")
    folder = cache.mkdir("readerstudy-patients")
    for other in folder.iterdir():
        if other.name != generator_digest():
            shutil.rmtree(other, ignore_errors=True)
    return folder
