"""Runs: the same input never twice, refusals in words, pause, stop, retry, results written once."""

from datetime import timedelta

import numpy as np
import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, transaction
from django.utils import timezone

from inference.case_images import _VolumeCache
from inference.engine.devices import has_graphics_card
from inference.engine.facets import CaseResult
from inference.models import InferenceRun, ModelVersion, Prediction, StudyRun
from inference.running import run_case
from inference.selectors import predictions_of, run_progress
from inference.services.errors import InferenceRefused, ModelDoesNotFit
from inference.services.registry import approve_model, attach_model, register_model, retire_model
from inference.services.runs import pause_run, resume_run, retry_failed, start_run, stop_run, write_result
from readerstudy.core.jobs import run_job
from readerstudy.core.models import AuditEvent, Job
from readerstudy.imaging.models import Series
from readerstudy.studies.models import Case, Landmark
from tests.inference.models_for_tests import (
    SHIPPED,
    STRUCTURES,
    given_findings,
    shipped_variant,
    untrained_model,
)

pytestmark = pytest.mark.django_db


def start(study, model):
    return start_run(study=study, model=model, actor=None, at=timezone.now())


def validated(folder):
    """Register a folder and take its self-test as passed."""
    model = register_model(folder=folder, actor=None, at=timezone.now())
    ModelVersion.objects.filter(pk=model.pk).update(state=ModelVersion.State.VALIDATED)
    model.refresh_from_db()
    return model


def do_jobs(study_run):
    for job_id in study_run.runs.order_by("pk").values_list("job_id", flat=True):
        run_job(Job.objects.get(public_id=job_id).pk)


def test_every_item_of_every_included_case_gets_its_probabilities(study_with_images, model):
    study = study_with_images
    study_run = start(study, model)
    do_jobs(study_run)
    assert {run.state for run in study_run.runs.all()} == {InferenceRun.State.DONE}
    rows = list(predictions_of(study))
    assert len(rows) == 2 * len(STRUCTURES) * len(given_findings())
    for row in rows:
        assert len(row.probabilities) == given_findings()[row.finding]
        assert min(row.probabilities) >= 0
        assert sum(row.probabilities) == pytest.approx(1)
        assert row.input_points == "automatic"
    assert AuditEvent.objects.filter(event="inference.case.graded").count() == 2


def test_the_same_input_is_not_run_twice(study_with_images, model):
    study = study_with_images
    do_jobs(start(study, model))
    assert start(study, model) is None
    assert StudyRun.objects.count() == 1


def test_confirmed_places_are_another_input_and_are_used(study_with_images, model):
    study = study_with_images
    do_jobs(start(study, model))
    case = Case.objects.filter(study=study).order_by("pseudonym").first()
    run = InferenceRun.objects.get(case=case)
    frame, points = next(iter(run.points.items()))
    found = points["L3-4-left"]
    Landmark.objects.update_or_create(
        case=case,
        structure="L3-4-left",
        frame_of_reference_uid=frame,
        defaults={
            "x_mm": found[0] + 5,
            "y_mm": found[1],
            "z_mm": found[2],
            "source": Landmark.Source.CONFIRMED,
            "set_at": timezone.now(),
        },
    )
    again = start(study, model)
    do_jobs(again)
    moved = again.runs.get()
    assert moved.case == case
    assert moved.input_points == "corrected"
    assert moved.points[frame]["L3-4-left"][:3] == pytest.approx([found[0] + 5, found[1], found[2]])
    assert moved.points[frame]["L3-4-right"] == points["L3-4-right"]
    rows = [row for row in predictions_of(study) if row.case_id == case.pk]
    assert len(rows) == len(STRUCTURES) * len(given_findings())
    assert {row.input_points for row in rows} == {"corrected"}


def test_an_imported_place_does_not_help_the_model(study_with_images, model):
    study = study_with_images
    case = Case.objects.filter(study=study).order_by("pseudonym").first()
    # The phantom folder brings the true places; they were imported with the images.
    assert {mark.source for mark in Landmark.objects.filter(case=case)} == {Landmark.Source.IMPORTED}
    do_jobs(start(study, model))
    assert InferenceRun.objects.get(case=case).input_points == "automatic"


def test_a_job_done_twice_writes_once(study_with_images, model):
    study = study_with_images
    study_run = start(study, model)
    do_jobs(study_run)
    before = list(Prediction.objects.order_by("pk").values_list("pk", "probabilities"))
    job = Job.objects.order_by("pk").first()
    Job.objects.filter(pk=job.pk).update(state=Job.State.QUEUED)
    assert run_job(job.pk).state == Job.State.DONE
    assert list(Prediction.objects.order_by("pk").values_list("pk", "probabilities")) == before


def test_a_result_is_written_once_whatever_comes_later(study_with_images, model):
    study = study_with_images
    study_run = start(study, model)
    run = study_run.runs.first()
    first = CaseResult(probabilities={("L1-2-right", "cyst"): (0.25, 0.75)})
    assert write_result(run_id=run.pk, result=first, at=timezone.now())
    second = CaseResult(probabilities={("L1-2-right", "cyst"): (0.5, 0.5)})
    assert not write_result(run_id=run.pk, result=second, at=timezone.now())
    assert Prediction.objects.get(run=run).probabilities == [0.25, 0.75]


def test_the_database_refuses_a_second_prediction_of_an_item(study_with_images, model):
    study = study_with_images
    run = start(study, model).runs.first()
    Prediction.objects.create(run=run, structure="s", finding="f", probabilities=[1.0])
    with pytest.raises(IntegrityError), transaction.atomic():
        Prediction.objects.create(run=run, structure="s", finding="f", probabilities=[1.0])


def test_two_runs_of_one_case_give_bit_equal_numbers(study_with_images, model, tmp_path):
    """The same weights under another version: another run, the same numbers to the last bit."""
    study = study_with_images
    do_jobs(start(study, model))
    twin = validated(shipped_variant(tmp_path / "twin", "twin"))
    do_jobs(start(study, twin))
    first, second = (
        [row.probabilities for row in predictions_of(study_with_images, model=each)] for each in (model, twin)
    )
    assert first == second


def test_an_uncertain_localiser_grades_nothing_and_says_so(study_with_images, data_root, tmp_path):
    study = study_with_images
    untrained_model(tmp_path / "unsure")
    unsure = validated(tmp_path / "unsure")
    study_run = start(study, unsure)
    do_jobs(study_run)
    assert not Prediction.objects.exists()
    progress = run_progress(study_run)
    assert progress.n_refused == 2
    assert "not found with enough certainty" in progress.to_look_at[0].reason


def test_images_outside_the_specification_are_refused_in_words(study_with_images, data_root, tmp_path):
    study = study_with_images

    def stricter(content):
        content["inputs"]["series"]["MR-axial"]["max_in_plane_mm"] = 0.2

    strict = validated(shipped_variant(tmp_path / "strict", "strict", stricter))
    study_run = start(study, strict)
    do_jobs(study_run)
    run = study_run.runs.first()
    assert run.state == InferenceRun.State.REFUSED
    assert "needs axial CT or axial MR" in run.refusal_reason
    assert "0.2 mm or finer" in run.refusal_reason
    assert Job.objects.get(public_id=run.job_id).state == Job.State.DONE


def test_a_model_that_does_not_fit_is_not_attached(study_with_images, data_root, tmp_path):
    study = study_with_images
    grades = {"narrowing": 3, "hypertrophy": 4, "osteophytes": 4, "erosion": 3, "cyst": 2}
    untrained_model(tmp_path / "m", n_grades=grades)
    misfit = register_model(folder=tmp_path / "m", actor=None, at=timezone.now())
    with pytest.raises(ModelDoesNotFit, match="4 grades in the protocol, 3 in the model") as refused:
        attach_model(study=study, model=misfit, actor=None, at=timezone.now())
    wrong = [line.what for line in refused.value.report if not line.fits]
    assert wrong == ["narrowing"]


def test_drafts_and_retired_models_do_not_run(study_with_images, model, tmp_path):
    study = study_with_images
    retire_model(model=model, reason="superseded", actor=None, at=timezone.now())
    with pytest.raises(InferenceRefused, match="retired"):
        start(study, model)
    untrained_model(tmp_path / "draft", name="draft")
    draft = register_model(folder=tmp_path / "draft", actor=None, at=timezone.now())
    with pytest.raises(InferenceRefused, match="draft"):
        start(study, draft)
    with pytest.raises(InferenceRefused, match="only a validated model"):
        approve_model(model=draft, actor=None, at=timezone.now())


def test_registering_twice_gives_the_same_row_and_other_content_is_refused(model, tmp_path):
    assert register_model(folder=SHIPPED, actor=None, at=timezone.now()) == model
    shipped_variant(tmp_path / "other", model.version, lambda content: content.update(purpose="another"))
    with pytest.raises(InferenceRefused, match="other content"):
        register_model(folder=tmp_path / "other", actor=None, at=timezone.now())


def test_changed_files_in_the_registry_stop_the_run(study_with_images, model, data_root):
    study = study_with_images
    study_run = start(study, model)
    weights = data_root / "models" / model.digest / "weights.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(bytes(content))
    from inference import running

    running._load.cache_clear()
    do_jobs(study_run)
    progress = run_progress(study_run)
    assert progress.n_failed == 2
    assert "SHA-256 differs" in progress.to_look_at[0].reason
    assert not Prediction.objects.exists()


def test_withdrawn_images_fail_in_words(study_with_images, model):
    study = study_with_images
    from readerstudy.imaging.services import withdraw_images

    study_run = start(study, model)
    for case in Case.objects.filter(study=study):
        withdraw_images(image_set=case.image_set, at=timezone.now())
    do_jobs(study_run)
    progress = run_progress(study_run)
    assert progress.n_failed + progress.n_refused == 2
    assert not Prediction.objects.exists()


def test_pause_holds_back_and_resume_goes_on(study_with_images, model):
    study = study_with_images
    study_run = start(study, model)
    first, second = study_run.runs.order_by("pk").values_list("job_id", flat=True)
    run_job(Job.objects.get(public_id=first).pk)
    pause_run(study_run=study_run, actor=None, at=timezone.now())
    assert run_job(Job.objects.get(public_id=second).pk) is None
    progress = run_progress(study_run)
    assert (progress.n_done, progress.n_held, progress.paused) == (1, 1, True)
    resume_run(study_run=study_run, actor=None, at=timezone.now())
    do_jobs(study_run)
    assert run_progress(study_run).n_done == 2


def test_a_stopped_run_keeps_what_is_done_and_can_be_asked_for_again(study_with_images, model):
    study = study_with_images
    study_run = start(study, model)
    first = study_run.runs.order_by("pk").first()
    run_job(Job.objects.get(public_id=first.job_id).pk)
    stop_run(study_run=study_run, actor=None, at=timezone.now())
    with pytest.raises(InferenceRefused, match="was stopped"):
        pause_run(study_run=study_run, actor=None, at=timezone.now())
    assert Prediction.objects.filter(run=first).exists()
    assert retry_failed(study_run=study_run, actor=None, at=timezone.now()) == 1
    do_jobs(study_run)
    assert run_progress(study_run).n_done == 2


def test_a_cancelled_case_stops_between_stages(study_with_images, model):
    study = study_with_images
    from readerstudy.core.jobs.engine import JobCancelled, JobContext, claim

    run = start(study, model).runs.first()
    job = claim(Job.objects.get(public_id=run.job_id).pk)
    Job.objects.filter(pk=job.pk).update(cancel_requested_at=timezone.now())
    context = JobContext(job)
    context.beat()
    with pytest.raises(JobCancelled):
        run_case(context, run.pk)
    run.refresh_from_db()
    assert run.state == InferenceRun.State.WAITING


def test_the_command_runs_and_says_what_came_of_it(study_with_images, model, capsys):
    call_command("infer", "facets", model="facet-demo", now=True)
    assert "2 done, 0 in part, 0 refused, 0 failed" in capsys.readouterr().out
    call_command("infer", "facets", model=f"facet-demo:{model.version}", now=True)
    assert "has its result" in capsys.readouterr().out
    with pytest.raises(CommandError, match="no model 'nothing'"):
        call_command("infer", "facets", model="nothing")
    with pytest.raises(CommandError, match="no study"):
        call_command("infer", "nowhere", model="facet-demo")


def test_register_command(db, data_root, tmp_path, capsys):
    untrained_model(tmp_path / "m", name="shown")
    call_command("register_model", str(tmp_path / "m"), approve=True)
    assert "shown 1: approved, trained on synthetic images" in capsys.readouterr().out
    (tmp_path / "m" / "weights.safetensors").write_bytes(b"\x80\x04 not weights")
    with pytest.raises(CommandError, match="pickle"):
        call_command("register_model", str(tmp_path / "m"))


def test_retire_command(db, data_root, tmp_path, capsys):
    untrained_model(tmp_path / "m", name="old")
    model = register_model(folder=tmp_path / "m", actor=None, at=timezone.now())
    with pytest.raises(CommandError, match="Say why"):
        call_command("retire_model", "old:1", reason=" ")
    call_command("retire_model", "old:1", reason="superseded")
    assert "old 1: retired" in capsys.readouterr().out
    model.refresh_from_db()
    assert model.state == ModelVersion.State.RETIRED
    assert AuditEvent.objects.get(event="inference.model.retired").detail["reason"] == "superseded"
    with pytest.raises(CommandError, match="no model"):
        call_command("retire_model", "old:1", reason="again")


def test_the_time_left_follows_from_the_cases_that_ended(bare_run):
    """Two ended a minute apart and one waits: one case a minute, a minute to go."""
    first, second = bare_run.runs.order_by("pk")
    InferenceRun.objects.filter(pk=second.pk).update(finished_at=first.finished_at + timedelta(minutes=1))
    case = Case.objects.create(
        study=bare_run.study, patient=first.case.patient, pseudonym="C2", imported_at=timezone.now()
    )
    InferenceRun.objects.create(study_run=bare_run, case=case, model=bare_run.model, input_key="2")
    progress = run_progress(bare_run)
    assert (progress.n_waiting, progress.cases_per_minute, progress.seconds_left) == (1, 1.0, 60)


def test_probabilities_survive_the_database_exactly(study_with_images, model):
    study = study_with_images
    run = start(study, model).runs.first()
    row = (0.1, 0.2, 1 - 0.1 - 0.2)
    write_result(
        run_id=run.pk, result=CaseResult(probabilities={("L1-2-left", "erosion"): row}), at=timezone.now()
    )
    assert np.array_equal(Prediction.objects.get(run=run).probabilities, row)


def test_the_command_takes_single_cases(study_with_images, model, capsys):
    first, second = Case.objects.order_by("pseudonym").values_list("pseudonym", flat=True)
    call_command("infer", "facets", model="facet-demo", case=[second])
    assert "1 cases wait" in capsys.readouterr().out
    assert list(InferenceRun.objects.values_list("case__pseudonym", flat=True)) == [second]
    with pytest.raises(CommandError, match="named X9"):
        call_command("infer", "facets", model="facet-demo", case=[first, "X9"])


def test_decoded_series_are_kept_up_to_a_size_and_the_oldest_go_first(study_with_images, settings):
    settings.READERSTUDY_VOLUME_CACHE_MB = 256
    cache = _VolumeCache()
    series = list(Series.objects.order_by("pk"))
    stacks = [cache.get(each)[0] for each in series]
    sizes = [stack.pixels.nbytes for stack in stacks]
    assert cache.bytes_held == sum(sizes)
    assert cache.get(series[0])[0] is stacks[0]
    # Room for the first, which was asked for last, and for the next, but for no third.
    settings.READERSTUDY_VOLUME_CACHE_MB = 1
    small = _VolumeCache()
    kept = [small.get(each)[0] for each in series]
    assert small.bytes_held <= 1 << 20
    assert [stack.pixels.shape for stack in kept] == [stack.pixels.shape for stack in stacks]
    settings.READERSTUDY_VOLUME_CACHE_MB = -(-(sizes[0] + sizes[1]) // (1 << 20))
    two = _VolumeCache()
    (first,) = two.get(series[0])
    two.get(series[1])
    assert two.get(series[0])[0] is first
    for each in series[2:]:
        two.get(each)
        assert two.bytes_held <= settings.READERSTUDY_VOLUME_CACHE_MB << 20


def test_runs_wait_where_the_setting_says_and_a_worker_without_a_card_refuses(
    study_with_images, model, settings
):
    settings.READERSTUDY_INFERENCE_QUEUE = "inference.gpu"
    study_run = start(study_with_images, model)
    jobs = Job.objects.filter(public_id__in=study_run.runs.values("job_id"))
    assert {job.queue for job in jobs} == {"inference.gpu"}
    do_jobs(study_run)
    if has_graphics_card():
        assert {job.state for job in jobs.all()} == {"done"}
        return
    assert {job.state for job in jobs.all()} == {"failed"}
    assert all("sees no graphics card" in job.error for job in jobs.all())
    assert not Prediction.objects.exists()

    settings.READERSTUDY_INFERENCE_QUEUE = "inference.cpu"
    assert retry_failed(study_run=study_run, actor=None, at=timezone.now()) == len(jobs.all())
    assert {job.queue for job in jobs.all()} == {"inference.cpu"}
    do_jobs(study_run)
    assert {run.state for run in study_run.runs.all()} == {InferenceRun.State.DONE}
