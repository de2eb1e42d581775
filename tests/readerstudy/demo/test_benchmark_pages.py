"""The benchmark of pages makes its study, prints its table, and no page asks more than 20 questions."""

import pytest
from django.core.management import CommandError, call_command

from grading.models import Rating
from readerstudy.studies.models import Case


@pytest.mark.django_db
def test_a_small_one_stays_within_twenty_queries(capsys):
    # Milliseconds of a busy machine say nothing; the number of queries does not grow with the study.
    call_command("benchmark_pages", cases=30, readers=4, ratings=3000, times=1, limit_ms=60_000)
    told = capsys.readouterr().out
    assert (Case.objects.count(), Rating.objects.count()) == (30, 3000)
    assert "grading:worklist" in told
    assert "every page within" in told
    with pytest.raises(CommandError, match="over"):
        call_command("benchmark_pages", times=1, limit_ms=60_000, limit_queries=3)
