"""A model of presence in a run: its chance is a prediction, its tiles a map, each written once."""

import zlib

import numpy as np
import pytest
import torch
from django.utils import timezone

from inference import running
from inference.engine.bundle import save_presence
from inference.engine.networks.attention import AttentionConfig, AttentionNetwork
from inference.models import HeatMap, InferenceRun, Prediction, StudyRun
from inference.selectors import heat_maps_of
from inference.services.registry import mark_validated, register_model
from inference.task_names import RUN_INFERENCE
from readerstudy.core.jobs import enqueue_on_commit, run_job
from readerstudy.core.models import Job
from readerstudy.studies.models import Case

pytestmark = pytest.mark.django_db


def test_a_run_keeps_the_chance_and_the_map(study_with_images, tmp_path):
    torch.manual_seed(2)
    network = AttentionNetwork(AttentionConfig("MR-axial", channels=(4, 8, 8), width=8))
    crop = {"depth": 3, "height": 32, "width": 32, "depth_mm": 4.0, "in_plane_mm": 1.0}
    kind = {"crop": crop, "max_in_plane_mm": 1.0, "max_slice_mm": 5.0, "min_slices": 3}
    save_presence(
        tmp_path / "m",
        network=network,
        facts={"name": "weak", "version": "1", "synthetic": True},
        inputs={"series": {"MR-axial": kind}, "needs": [["MR-axial"]]},
        structure="case",
        finding="tumour",
    )
    model = register_model(folder=tmp_path / "m", actor=None, at=timezone.now())
    mark_validated(model=model, golden_difference=running.self_test(model), actor=None, at=timezone.now())
    case = Case.objects.order_by("pseudonym")[0]
    study_run = StudyRun.objects.create(
        study=study_with_images, model=model, number=1, started_at=timezone.now()
    )
    run = InferenceRun.objects.create(study_run=study_run, case=case, model=model, input_key="1")
    job = enqueue_on_commit(RUN_INFERENCE, at=timezone.now(), run_id=run.pk)
    assert run_job(job.pk).state == Job.State.DONE
    run.refresh_from_db()
    assert run.state == InferenceRun.State.DONE
    (prediction,) = Prediction.objects.filter(run=run)
    assert (prediction.structure, prediction.finding) == ("case", "tumour")
    assert sum(prediction.probabilities) == pytest.approx(1)
    (row,) = heat_maps_of(case, model_digest=model.digest)
    assert (row.kind, row.method) == ("MR-axial", "attention")
    assert row.frame_of_reference
    assert len(row.values) == np.prod(row.shape)
    assert max(row.values) == 255
    np.testing.assert_allclose(row.cell_mm, (12.0, 2.0, 2.0), atol=0.01)
    # Done twice, written once.
    running.run_case(None, run.pk)
    assert HeatMap.objects.get(run=run).values == zlib.compress(row.values)
