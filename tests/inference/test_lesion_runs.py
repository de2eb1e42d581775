"""A detector in a study: it fits the protocol that asks for boxes, runs in the background, its marks are counted."""

import shutil
from pathlib import Path

import pytest
import torch
from django.conf import settings as django_settings
from django.core.management import call_command
from django.utils import timezone

from inference import running, tasks  # noqa: F401  (registers the handler)
from inference.engine.bundle import save_detector
from inference.engine.networks.detector import Detector, DetectorConfig
from inference.engine.train_lesions import INPUTS, STEPS_MM
from inference.engine.training.phantom_lesions import LESION_CLASSES
from inference.models import InferenceRun, PredictedLesion
from inference.services.errors import InferenceRefused, ModelDoesNotFit
from inference.services.registry import attach_model, mark_validated, register_model
from inference.services.runs import start_run
from readerstudy.analysis.models import ImportedLesion
from readerstudy.analysis.selectors import data_hash, predictions_hash
from readerstudy.analysis.selectors.marks import mark_data, marks_of
from readerstudy.core.jobs import run_job
from readerstudy.core.models import Job
from readerstudy.studies.models import Case, ReaderStudy

pytestmark = pytest.mark.django_db
PROTOCOL = Path(django_settings.BASE_DIR) / "protocols" / "lumbar-degeneration-detection.yaml"


@pytest.fixture
def detector(data_root, tmp_path):
    """A registered detector that has learnt nothing and marks all over."""
    torch.manual_seed(4)
    network = Detector(DetectorConfig(LESION_CLASSES, STEPS_MM, (4, 8, 8, 8))).eval()
    with torch.no_grad():
        for kind in STEPS_MM:
            network.of(kind).score.bias.fill_(0.5)
            network.of(kind).score.weight.mul_(6)
    facts = {"name": "restless", "version": "1", "synthetic": True}
    save_detector(tmp_path / "restless", detector=network, facts=facts, inputs=INPUTS)
    model = register_model(folder=tmp_path / "restless", actor=None, at=timezone.now())
    mark_validated(model=model, golden_difference=running.self_test(model), actor=None, at=timezone.now())
    return model


@pytest.fixture
def detection_study(data_root, phantom_cases, tmp_path):
    # The images alone: the tables beside them speak of facet joints.
    images = tmp_path / "images"
    shutil.copytree(phantom_cases, images, ignore=shutil.ignore_patterns("*.csv"))
    call_command("create_study", str(PROTOCOL), slug="lesions")
    call_command("import_dicom", "lesions", str(images), laterality="established")
    call_command("screen_cases", "lesions", include_all=True, numbering="5")
    return ReaderStudy.objects.get(slug="lesions")


def run_all(study, model):
    study_run = start_run(study=study, model=model, actor=None, at=timezone.now())
    for job_id in study_run.runs.values_list("job_id", flat=True):
        assert run_job(Job.objects.get(public_id=job_id).pk).state == Job.State.DONE
    return study_run


def test_marks_of_a_run_become_marks_of_the_study(detection_study, detector):
    study = detection_study
    locked, no_predictions = data_hash(study), predictions_hash(study)
    study_run = run_all(study, detector)
    assert {run.state for run in study_run.runs.all()} == {InferenceRun.State.DONE}
    case = Case.objects.filter(study=study).order_by("pk")[0]
    own = list(PredictedLesion.objects.filter(run__case=case).order_by("number"))
    assert [each.number for each in own] == list(range(1, len(own) + 1))
    assert [each.score for each in own] == sorted((each.score for each in own), reverse=True)
    assert set(own[0].run.series_used) == {"MR-sagittal", "MR-axial"}
    # What models do after a lock is not part of what the lock froze; the second hash holds it.
    assert data_hash(study) == locked
    assert predictions_hash(study) != no_predictions

    first = own[0]
    ImportedLesion.objects.create(
        case=case,
        lesion="L1",
        lesion_class=first.lesion_class,
        place={"frame_of_reference": first.frame_of_reference, **first.box},
    )
    ImportedLesion.objects.create(
        case=case,
        lesion="L2",
        lesion_class=first.lesion_class,
        place={"frame_of_reference": "another", **own[-1].box},
    )
    rows = [row for row in marks_of(study) if row.case_id == case.pk]
    assert [row.mark for row in sorted(rows, key=lambda row: int(row.mark))] == [str(e.number) for e in own]
    assert {(row.by, row.is_model, row.condition, row.shape) for row in rows} == {
        ("restless 1", True, "unaided", "box3d")
    }
    hit = next(row for row in rows if row.mark == "1")
    assert hit.lesion == "L1"
    assert hit.confidence == pytest.approx(100 * first.score, abs=1e-3)
    assert "L2" not in {row.lesion for row in rows}
    data = mark_data(study, {each.pk: i for i, each in enumerate(Case.objects.filter(study=study))})
    assert data.people == ("restless 1",)
    assert data.is_model == (True,)


def test_it_does_not_run_where_grades_are_asked_for(study_with_images, detector):
    with pytest.raises(ModelDoesNotFit) as refusal:
        attach_model(study=study_with_images, model=detector, actor=None, at=timezone.now())
    assert "the protocol asks for no boxes in space" in str(refusal.value)


def test_a_grader_does_not_run_where_boxes_are_asked_for(detection_study, model):
    with pytest.raises(ModelDoesNotFit):
        attach_model(study=detection_study, model=model, actor=None, at=timezone.now())


def test_a_result_is_written_once(detection_study, detector):
    study_run = run_all(detection_study, detector)
    n = PredictedLesion.objects.count()
    assert n > 10
    running.run_case(None, study_run.runs.first().pk)  # has its result: left alone
    assert PredictedLesion.objects.count() == n
    assert start_run(study=detection_study, model=detector, actor=None, at=timezone.now()) is None


def test_no_training_starts_from_it(detection_study, detector):
    from inference.engine.training_plan import TrainingPlan
    from inference.models import TrainingSet
    from inference.services.training import start_training

    frozen = TrainingSet.objects.create(
        study=detection_study, number=1, digest="d", protocol_digest="p", items=[], frozen_at=timezone.now()
    )
    plan = TrainingPlan("x", "1", "restless")
    with pytest.raises(InferenceRefused, match="marks lesions; a training starts from a model that grades"):
        start_training(training_set=frozen, plan=plan, scales=[], actor=None, at=timezone.now())
