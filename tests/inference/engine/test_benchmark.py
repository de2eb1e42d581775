"""What the benchmark promises, on a machine that does nothing else: the long form alone measures."""

import json

import pytest

from inference.engine import benchmark
from tests.inference.models_for_tests import SHIPPED


def test_one_worker_grades_and_says_how_fast():
    assert benchmark.throughput(SHIPPED, benchmark.phantom_case(), workers=1, n_cases=1) > 0


@pytest.mark.full
def test_the_way_round_the_network_is_short_and_two_workers_share_it(capsys):
    assert benchmark.main([str(SHIPPED), "--repeats", "5", "--workers", "2", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["reference on cpu"]["overhead"] <= 0.20
    assert found["throughput"]["growth"] >= 1.7
    assert found["small on cpu"]["case_seconds"] < found["reference on cpu"]["case_seconds"]
