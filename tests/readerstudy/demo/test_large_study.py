"""The simulated study of full size: what it holds, and how long its snapshot and pages take."""

import io
import re

import numpy as np
import pytest
from django.core.management import CommandError, call_command

from grading.models import Adjudication, Rating, ReferenceGrade
from readerstudy.analysis.services.snapshots import latest_snapshot
from readerstudy.demo.building.large import simulate
from readerstudy.studies.models import Assignment, Centre, ReaderStudy
from readerstudy.studies.protocols.loading import load_protocol
from tests.factories.finished_study import FACET_PROTOCOL

pytestmark = pytest.mark.django_db


def times_of(text):
    """What the command says took how many seconds."""
    seconds = {what: float(n) for what, n in re.findall(r"^(.+): ([\d.]+) s$", text, re.M)}
    return seconds | {what: float(n) / 1000 for what, n in re.findall(r"^(.+): (\d+) ms$", text, re.M)}


def made(slug, n_patients):
    out = io.StringIO()
    call_command("make_large_study", slug, patients=n_patients, stdout=out)
    return ReaderStudy.objects.get(slug=slug), times_of(out.getvalue())


def test_the_command_makes_a_whole_study_of_any_size():
    study, times = made("large", 40)
    assert study.state == ReaderStudy.State.UNBLINDED
    assert study.is_demonstration
    assert set(Centre.objects.filter(study=study).values_list("code", flat=True)) == {"A", "B", "C"}
    assert ReferenceGrade.objects.filter(case__study=study).count() == 40 * 50
    repeats = Assignment.objects.filter(study=study, occasion=2).count()
    assert repeats == 2 * 4
    assert Rating.objects.filter(read__case__study=study).count() == (2 * 40 + repeats) * 50
    assert Adjudication.objects.filter(discordance__case__study=study).count() > 100
    results = latest_snapshot(study).results
    assert results["summary"]["flow"]["analysed"] == 40
    kappa = [row["repeats"]["kappa"]["value"] for row in results["readers"]["findings"]]
    assert all(value is not None for value in kappa)
    assert all(row["quartiles"] for row in results["readers"]["times"])
    assert {"snapshot with all intervals of the plan", "results page, state of the plan"} <= set(times)
    with pytest.raises(CommandError, match="already"):
        call_command("make_large_study", "large")
    with pytest.raises(CommandError, match="20 patients"):
        call_command("make_large_study", "small", patients=5)


def test_simulated_doctors_agree_as_published_and_grades_have_the_shares_meant():
    """Weighted kappa between doctors about 0.4 to 0.6; most joints healthy; probabilities add up to 1."""
    from sklearn.metrics import cohen_kappa_score

    drawn = simulate(load_protocol(FACET_PROTOCOL.read_text()), 400, seed=1)
    for name, first in drawn.first.items():
        both = (first >= 0) & (drawn.second[name] >= 0)
        kappa = cohen_kappa_score(first[both], drawn.second[name][both], weights="quadratic")
        assert 0.35 < kappa < 0.75, name
        assert 0.4 < np.mean(drawn.final[name] == 0) < 0.75
        assert np.allclose(drawn.probabilities[name].sum(axis=-1), 1, atol=1e-5)
        assert (drawn.probabilities[name] >= 0).all()


@pytest.mark.full
def test_the_full_size_keeps_its_promises():
    """
    Snapshot in 20 s, pages in 1 s, a filter change in 0.3 s, bootstrap figures in 3 s; ten times the size in 12 times.

    Seconds are those of two quiet cores, and doubled here.
    """
    _study, times = made("full", 1132)
    snapshot = times["snapshot with all intervals of the plan"]
    assert snapshot < 2 * 20
    assert times["results page, state of the plan"] < 2
    assert times["results page, the same state again"] < 2
    assert times["figures of a state outside the plan, first time"] < 2 * 0.3
    assert times["bootstrap figures of a state outside the plan, first time"] < 2 * 3
    _study, ten = made("ten", 11320)
    assert ten["snapshot with all intervals of the plan"] < 12 * snapshot
