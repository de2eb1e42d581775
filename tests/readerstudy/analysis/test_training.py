"""From a locked study to a trained model: what is handed over, what is refused, and that a kill costs nothing."""

import csv
import hashlib

import numpy as np
import pytest
import yaml
from django.core.management import CommandError, call_command
from django.test import TestCase
from django.urls import reverse
from django.utils import timezone
from safetensors.numpy import load_file

from grading.models import ReferenceGrade
from inference import running, tasks, training  # noqa: F401  (registers the handler)
from inference.engine.training_plan import PlanRefused, TrainingPlan
from inference.models import InferenceRun, ModelVersion, TrainingRun, TrainingSet
from inference.services.errors import InferenceRefused
from inference.services.registry import mark_validated, model_folder, register_model
from inference.services.runs import start_run
from inference.services.training import accept_training_set, start_training, stop_training
from inference.services.training_material import erase_crops_of_ended, file_name, training_folder
from readerstudy.accounts.models import User
from readerstudy.analysis.models import UnblindingEvent
from readerstudy.analysis.selectors import data_hash
from readerstudy.analysis.services.training_sets import (
    TrainingSetRefused,
    freeze_training_set,
    open_test_partition,
    scales_of,
)
from readerstudy.core.jobs import JobCancelled, LeaseLost, run_job
from readerstudy.core.models import AuditEvent, Job
from readerstudy.imaging.models import Instance
from readerstudy.phantom import write_folder
from readerstudy.studies.models import Case, Centre, Landmark, Patient, ReaderStudy
from readerstudy.studies.services.cases import withdraw_case
from readerstudy.studies.services.studies import grant_roles
from tests.factories.finished_study import FACET_PROTOCOL
from tests.inference.models_for_tests import SHIPPED

pytestmark = pytest.mark.django_db
PARTS = ("train", "train", "validation", "test")
PLAN = {"name": "ours", "version": "1", "start_from": "facet-demo", "epochs": 2, "batch": 8, "device": "cpu"}


@pytest.fixture(scope="session")
def phantom_folder(tmp_path_factory):
    """Four synthetic patients, MR only, with their true grades."""
    out = tmp_path_factory.mktemp("phantom-training")
    write_folder(out, cases=4, seed=31, centres=("A",), modalities=("MR",), correlation="independent")
    return out


def _locked(slug: str, reference_file, parts=PARTS) -> ReaderStudy:
    """Deal the patients out, take the truth as the reference, and lock."""
    study = ReaderStudy.objects.get(slug=slug)
    at = timezone.now()
    cases = {case.pseudonym: case for case in Case.objects.filter(study=study).select_related("patient")}
    for part, name in zip(parts, sorted(cases), strict=True):
        Patient.objects.filter(pk=cases[name].patient_id).update(partition=part)
    with reference_file.open(newline="") as stream:
        ReferenceGrade.objects.bulk_create(
            ReferenceGrade(
                case=cases[row["case_id"]],
                structure=row["structure"],
                finding=row["finding"],
                kind="grade",
                grade=int(row["grade"]),
                provenance="confirmed",
                basis="agreed",
                decided_at=at,
            )
            for row in csv.DictReader(stream)
        )
    ReaderStudy.objects.filter(pk=study.pk).update(
        state="locked", opened_at=at, locked_at=at, data_hash=data_hash(study)
    )
    study.refresh_from_db()
    model = register_model(folder=SHIPPED, actor=None, at=at)
    mark_validated(model=model, golden_difference=0.0, actor=None, at=at)
    return study


@pytest.fixture
def draft(db, settings, tmp_path):
    """The facet study before anything is in it."""
    settings.READERSTUDY_DATA_ROOT = tmp_path / "data"
    running._load.cache_clear()
    call_command("create_study", str(FACET_PROTOCOL), slug="facets")


@pytest.fixture
def study(draft, phantom_folder) -> ReaderStudy:
    """A locked facet study of two training patients, one for validation, one held out; without images."""
    study = ReaderStudy.objects.get(slug="facets")
    centre = Centre.objects.create(study=study, code="A")
    for number in range(1, 5):
        patient = Patient.objects.create(study=study, pseudonym=f"PP{number:04d}", centre=centre)
        Case.objects.create(
            study=study,
            patient=patient,
            pseudonym=f"PH{number:04d}",
            status=Case.Status.INCLUDED,
            imported_at=timezone.now(),
        )
    return _locked("facets", phantom_folder / "reference.csv")


@pytest.fixture
def study_with_images(draft, phantom_folder) -> ReaderStudy:
    """The same with images, and with places that a person confirmed."""
    call_command("import_dicom", "facets", str(phantom_folder), laterality="established")
    call_command("screen_cases", "facets", include_all=True, numbering="5")
    Landmark.objects.update(source=Landmark.Source.CONFIRMED)
    return _locked("facets", phantom_folder / "reference.csv")


def freeze(study):
    return freeze_training_set(study=study, actor=None, at=timezone.now())


def begin(study, **changes):
    plan = TrainingPlan.from_json({**PLAN, **changes})
    return start_training(
        training_set=freeze(study), plan=plan, scales=scales_of(study), actor=None, at=timezone.now()
    )


def do(run):
    job = run_job(Job.objects.get(public_id=run.job_id).pk)
    run.refresh_from_db()
    return job


def weights_of(run):
    return load_file(model_folder(run.result) / "weights.safetensors")


def test_only_training_and_validation_patients_are_handed_over(study):
    frozen = freeze(study)
    of_part = {"train": set(), "validation": set(), "test": set()}
    for patient in Patient.objects.filter(study=study):
        of_part[patient.partition].add(patient.pseudonym)
    for part in ("train", "validation"):
        assert {i["patient"] for i in frozen.items if i["partition"] == part} == of_part[part]
    assert set(frozen.test_patients) == of_part["test"]
    assert not of_part["test"] & {item["patient"] for item in frozen.items}
    assert len(frozen.items) == 3 * 50
    assert freeze(study).pk == frozen.pk
    assert TrainingSet.objects.count() == 1
    assert AuditEvent.objects.filter(event="analysis.training_set.frozen").count() == 1


@pytest.mark.parametrize("state", ["draft", "open"])
def test_a_study_that_can_still_change_is_not_trained_on(study, state):
    ReaderStudy.objects.filter(pk=study.pk).update(state=state)
    with pytest.raises(TrainingSetRefused, match="locked study"):
        freeze(study)


def test_data_that_are_not_what_was_signed_are_refused(study):
    Patient.objects.filter(study=study, partition="test").update(partition="train")
    with pytest.raises(TrainingSetRefused, match="hash that was signed"):
        freeze(study)
    assert not TrainingSet.objects.exists()


def test_the_same_pixels_in_two_partitions_are_refused(study_with_images):
    study = study_with_images
    trained, held_out = (
        Case.objects.filter(study=study, patient__partition=part).order_by("pseudonym")[0]
        for part in ("train", "test")
    )
    of = lambda case: Instance.objects.filter(series__imaging_study__image_set=case.image_set)  # noqa: E731
    digest = of(trained).order_by("pk").first().pixel_digest
    of(held_out).filter(pk=of(held_out).order_by("pk").first().pk).update(pixel_digest=digest)
    with pytest.raises(TrainingSetRefused, match="share 1 images") as refusal:
        freeze(study)
    assert trained.pseudonym in str(refusal.value)
    assert held_out.pseudonym in str(refusal.value)


def test_a_patient_in_two_parts_is_refused_at_the_door(study):
    items = [
        {"case": "C1", "patient": "P1", "partition": "train", "structure": "s", "finding": "f", "grade": 1},
        {
            "case": "C2",
            "patient": "P1",
            "partition": "validation",
            "structure": "s",
            "finding": "f",
            "grade": 0,
        },
    ]
    take = {"study": study, "protocol_digest": "x", "at": timezone.now()}
    with pytest.raises(InferenceRefused, match="P1 is in more than one part"):
        accept_training_set(items=items, test_patients=[], **take)
    with pytest.raises(InferenceRefused, match="P1 is in more than one part"):
        accept_training_set(items=items[:1], test_patients=["P1"], **take)


def test_a_training_makes_a_model_that_runs_on_the_study(study_with_images, tmp_path, capsys):
    study = study_with_images
    config = tmp_path / "plan.yaml"
    config.write_text(yaml.safe_dump(PLAN))
    call_command("train", "facets", config=config, now=True)
    run = TrainingRun.objects.get()
    model = run.result
    assert model.state == ModelVersion.State.VALIDATED
    assert (len(run.epochs), run.left_out) == (2, {})
    assert model.manifest["material"]["training_set_digest"] == run.training_set.digest
    assert model.manifest["training"]["joints"] == 20
    assert model.manifest["training"]["validation_joints"] == 10
    # MR was all there was: nothing is given out from CT, which it never saw.
    assert model.manifest["outputs"]["seen_on"]["cyst"] == ["MR-axial"]
    # Crops are pixels of patients: they are gone when the model stands.
    assert not training_folder(run).exists()
    card = (model_folder(model) / "MODEL_CARD.md").read_text()
    assert "The 1 patients of the test partition and of external centres were not seen." in card
    study_run = start_run(study=study, model=model, actor=None, at=timezone.now())
    for job_id in study_run.runs.values_list("job_id", flat=True):
        run_job(Job.objects.get(public_id=job_id).pk)
    assert {each.state for each in study_run.runs.all()} == {InferenceRun.State.DONE}


def test_a_worker_killed_between_epochs_costs_nothing(study_with_images, monkeypatch):
    """Epochs end in the job's fenced transaction; whoever takes the job over goes on from the checkpoint."""
    study = study_with_images
    whole = begin(study, epochs=3, patience=0)
    assert do(whole).state == Job.State.DONE
    cut = begin(study, epochs=3, patience=0, version="2")
    written = []
    real = training.note_epochs

    def killed(*, run_id, epochs):
        real(run_id=run_id, epochs=epochs)
        written.append(len(epochs))
        if len(written) == 2:
            raise LeaseLost

    monkeypatch.setattr(training, "note_epochs", killed)
    job = do(cut)
    assert (job.state, cut.result) == (Job.State.RUNNING, None)
    monkeypatch.undo()
    Job.objects.filter(pk=job.pk).update(state=Job.State.QUEUED)
    assert do(cut).state == Job.State.DONE
    # The second epoch's record was rolled back with the lease; its checkpoint was not lost.
    assert [each["epoch"] for each in cut.epochs] == [0, 1, 2]
    first, second = weights_of(whole), weights_of(cut)
    assert all(np.array_equal(first[name], second[name]) for name in first)


def test_stopping_keeps_the_checkpoint_and_going_on_uses_it(study_with_images, client):
    study = study_with_images
    run = begin(study, epochs=2)
    coordinator = User.objects.create_user("coordinator", password="a long enough password")
    grant_roles(study=study, user=coordinator, roles=["is_coordinator"], actor=None, at=timezone.now())
    client.force_login(coordinator)
    act = lambda name: client.post(  # noqa: E731
        reverse("inference:training_act", kwargs={"slug": "facets", "number": 1, "act": name})
    )
    act("stop")
    assert Job.objects.get(public_id=run.job_id).state == Job.State.CANCELLED
    page = client.get(reverse("inference:training", kwargs={"slug": "facets", "number": 1}))
    assert b"Go on" in page.content
    act("retry")
    assert do(run).state == Job.State.DONE
    page = client.get(reverse("inference:training", kwargs={"slug": "facets", "number": 1}))
    assert run.result.short_digest in page.content.decode()


def test_withdrawn_images_leave_the_case_out_and_say_so(study_with_images):
    study = study_with_images
    case = Case.objects.filter(study=study, patient__partition="train").order_by("pseudonym")[0]
    run = begin(study, epochs=1)
    Case.objects.filter(pk=case.pk).update(status=Case.Status.WITHDRAWN)
    assert do(run).state == Job.State.DONE
    assert list(run.left_out) == [case.pseudonym]
    assert run.result.manifest["training"]["joints"] == 10


def cut_after_one_epoch(monkeypatch, raised):
    """Let the next training end after its first epoch in the given way."""
    real = training.note_epochs

    def note(*, run_id, epochs):
        real(run_id=run_id, epochs=epochs)
        raise raised

    monkeypatch.setattr(training, "note_epochs", note)


def files_of(run):
    """Names of all files of a training, below its folder."""
    folder = training_folder(run)
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_a_stopped_training_keeps_no_crops_and_goes_on_exactly(study_with_images, monkeypatch):
    study = study_with_images
    whole = begin(study, epochs=2, patience=0)
    assert do(whole).state == Job.State.DONE
    run = begin(study, epochs=2, patience=0, version="2")
    cut_after_one_epoch(monkeypatch, JobCancelled())
    assert do(run).state == Job.State.CANCELLED
    assert files_of(run) == ["grader.safetensors"]
    monkeypatch.undo()
    Job.objects.filter(public_id=run.job_id).update(state=Job.State.QUEUED)
    assert do(run).state == Job.State.DONE
    first, second = weights_of(whole), weights_of(run)
    assert all(np.array_equal(first[name], second[name]) for name in first)


def test_stopping_a_training_whose_worker_died_erases_its_crops(study_with_images, monkeypatch, tmp_path):
    study = study_with_images
    run = begin(study, epochs=2)
    cut_after_one_epoch(monkeypatch, LeaseLost())
    assert do(run).state == Job.State.RUNNING
    assert [name for name in files_of(run) if name.startswith("cases/")]
    assert erase_crops_of_ended() == 0
    assert [name for name in files_of(run) if name.startswith("cases/")]
    # Back in the queue, as the reaper puts it, and stopped there.
    Job.objects.filter(public_id=run.job_id).update(state=Job.State.QUEUED)
    with TestCase.captureOnCommitCallbacks(execute=True):
        stop_training(run=run, actor=None, at=timezone.now())
    assert not [name for name in files_of(run) if name.endswith((".npz", ".npy"))]


def test_withdrawing_a_case_erases_its_crops_at_once(study_with_images, monkeypatch):
    study = study_with_images
    run = begin(study, epochs=2, patience=0)
    cut_after_one_epoch(monkeypatch, LeaseLost())
    do(run)
    case = Case.objects.filter(study=study, patient__partition="train").order_by("pseudonym")[0]
    before = files_of(run)
    own = f"cases/{hashlib.sha256(case.pseudonym.encode()).hexdigest()[:24]}.npz"
    assert own in before
    assert any(name.startswith("train/") for name in before)
    with TestCase.captureOnCommitCallbacks(execute=True):
        withdraw_case(case=case, actor=None, at=timezone.now())
    # Its own file, and what was put together from several cases; the other cases' files stay.
    assert set(before) - set(files_of(run)) == {own} | {
        name for name in before if name.startswith(("train/", "validation/"))
    }
    monkeypatch.undo()
    Job.objects.filter(public_id=run.job_id).update(state=Job.State.QUEUED)
    assert do(run).state == Job.State.DONE
    assert list(run.left_out) == [case.pseudonym]


def test_a_case_withdrawn_while_it_is_cut_leaves_no_crops(study_with_images, monkeypatch):
    """The eraser came before the file: whoever writes it looks again."""
    study = study_with_images
    case = Case.objects.filter(study=study, patient__partition="train").order_by("pseudonym")[0]
    run = begin(study, epochs=1)
    real = training._images

    def withdrawn_meanwhile(one):
        images = real(one)
        if one is not None and one.pk == case.pk:
            Case.objects.filter(pk=case.pk).update(status=Case.Status.WITHDRAWN)
        return images

    monkeypatch.setattr(training, "_images", withdrawn_meanwhile)
    assert do(run).state == Job.State.DONE
    assert list(run.left_out) == [case.pseudonym]
    assert run.result.manifest["training"]["joints"] == 10


def test_a_small_sample_training_refuses_fewer_than_five_patients(study_with_images, tmp_path):
    study = study_with_images
    config = tmp_path / "plan.yaml"
    config.write_text(yaml.safe_dump({**PLAN, "mode": "small-sample"}))
    with pytest.raises(CommandError, match="needs 5 patients of each class") as refusal:
        call_command("train", "facets", config=config, now=True)
    assert "narrowing (3 patients below its cut" in str(refusal.value)
    run = TrainingRun.objects.get(study=study)
    assert run.result is None
    assert files_of(run) == []


@pytest.mark.full
def test_a_small_sample_training_makes_a_model_of_nine_patients(draft, tmp_path, client):
    folder = tmp_path / "phantoms"
    write_folder(folder, cases=10, seed=32, centres=("A",), modalities=("MR",), correlation="independent")
    call_command("import_dicom", "facets", str(folder), laterality="established")
    call_command("screen_cases", "facets", include_all=True, numbering="5")
    Landmark.objects.update(source=Landmark.Source.CONFIRMED)
    study = _locked("facets", folder / "reference.csv", ("train",) * 6 + ("validation",) * 3 + ("test",))
    run = begin(study, mode="small-sample", repeats=4)
    assert do(run).state == Job.State.DONE
    assert run.result.state == ModelVersion.State.VALIDATED
    figures = run.result.manifest["small_sample"]
    assert figures["narrowing"]["auc"] > 0.9
    assert {row["n_patients"] for row in figures.values()} == {9}
    coordinator = User.objects.create_user("coordinator", password="a long enough password")
    grant_roles(study=study, user=coordinator, roles=["is_coordinator"], actor=None, at=timezone.now())
    client.force_login(coordinator)
    page = client.get(reverse("inference:training", kwargs={"slug": "facets", "number": 1})).content.decode()
    assert "Few patients: repeated cross-validation" in page
    assert f"{figures['narrowing']['auc']:.3f}" in page
    assert not training_folder(run).exists()


def test_the_last_layers_alone_can_learn(study_with_images):
    study = study_with_images
    run = begin(study, epochs=1, freeze_encoder=True, weight_decay=0.1)
    assert do(run).state == Job.State.DONE
    before, after = load_file(SHIPPED / "weights.safetensors"), weights_of(run)
    trained = {
        name
        for name, value in after.items()
        if before[name].shape == value.shape and not np.array_equal(before[name], value)
    }
    encoder = {name for name in trained if name.startswith("grader.encoders.") and "running" not in name}
    assert not {name for name in encoder if not name.endswith("num_batches_tracked")}
    assert any(name.startswith("grader.heads.") for name in trained)


def test_the_test_partition_is_opened_once_after_unblinding(study_with_images):
    study = study_with_images
    person = User.objects.create_user("investigator", password="a long enough password")
    run = begin(study, epochs=1)
    assert do(run).state == Job.State.DONE
    open_it = lambda: open_test_partition(run=run, actor=person, at=timezone.now())  # noqa: E731
    with pytest.raises(TrainingSetRefused, match="after unblinding"):
        open_it()
    ReaderStudy.objects.filter(pk=study.pk).update(state="unblinded", unblinded_at=timezone.now())
    with pytest.raises(TrainingSetRefused, match="no result for 1 of 1 held-out cases"):
        open_it()
    study_run = start_run(study=study, model=run.result, actor=None, at=timezone.now())
    for job_id in study_run.runs.values_list("job_id", flat=True):
        run_job(Job.objects.get(public_id=job_id).pk)
    figures = open_it()
    run.refresh_from_db()
    assert run.test_figures["narrowing"]["n"] == 10
    held_out = Case.objects.get(study=study, patient__partition="test")
    truth = {
        row.structure: row.grade for row in ReferenceGrade.objects.filter(case=held_out, finding="narrowing")
    }
    given = {
        each.structure: int(np.argmax(each.probabilities))
        for each in study_run.runs.get(case=held_out).predictions.filter(finding="narrowing")
    }
    same = np.mean([truth[name] == given[name] for name in truth])
    assert figures["narrowing"]["exact"]["value"] == pytest.approx(same, abs=1e-12)
    with pytest.raises(InferenceRefused, match="opened once"):
        open_it()
    assert UnblindingEvent.objects.filter(detail__contains="test partition").count() == 1
    assert AuditEvent.objects.filter(event="inference.training.test_opened").count() == 1


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"epochs": 0}, "epochs: a whole number from 1 to 1000"),
        ({"epochs": True}, "epochs: a whole number"),
        ({"epoch": 3}, "Unknown: epoch. Known:"),
        ({"learning_rate": "fast"}, "learning_rate: a number"),
        ({"name": "Our Model"}, "name: small letters"),
        ({"device": "tpu"}, "device: cpu, cuda or auto"),
        ({"finding_weights": {"cyst": -1}}, "finding_weights.cyst: a number from 0"),
        ({"fine_tune": False, "freeze_encoder": True}, "must not be frozen"),
    ],
)
def test_a_plan_that_cannot_be_is_refused_with_the_key(changes, words):
    with pytest.raises(PlanRefused, match=words.replace(".", r"\.")):
        TrainingPlan.from_json({**PLAN, **changes})


def test_the_command_names_file_and_line(study, tmp_path):
    config = tmp_path / "plan.yaml"
    config.write_text("name: ours\nversion: 1\nstart_from: [\n")
    with pytest.raises(CommandError, match=r"plan\.yaml, line \d+: this is not YAML"):
        call_command("train", "facets", config=config)
    config.write_text("name: ours\nversion: 1\nstart_from: nobody\n")
    with pytest.raises(CommandError, match="no model 'nobody'"):
        call_command("train", "facets", config=config)
    assert not TrainingRun.objects.exists()


def test_a_foreign_finding_and_a_taken_name_are_refused(study):
    with pytest.raises(InferenceRefused, match="names spurs, which the protocol does not have"):
        begin(study, finding_weights={"spurs": 2})
    with pytest.raises(InferenceRefused, match="already a facet-demo 1"):
        begin(study, name="facet-demo", version="1")


def test_pseudonyms_are_no_paths():
    name = "../../outside"
    assert file_name(name) == hashlib.sha256(name.encode()).hexdigest()[:24]


ROLES = [
    ("is_coordinator", 200),
    ("is_investigator", 404),
    ("is_auditor", 404),
    ("is_reader", 404),
    ("is_adjudicator", 404),
    ("is_panel", 404),
    ("", 404),
]


@pytest.mark.parametrize(("role", "status"), ROLES)
def test_who_may_start_and_follow_a_training(study, client, role, status):
    begin(study)
    person = User.objects.create_user("somebody", password="a long enough password")
    if role:
        grant_roles(study=study, user=person, roles=[role], actor=None, at=timezone.now())
    client.force_login(person)
    for name, places in (("analysis:train", {}), ("inference:training", {"number": 1})):
        assert client.get(reverse(name, kwargs={"slug": "facets", **places})).status_code == status
    if status == 404:
        assert client.post(reverse("analysis:train", kwargs={"slug": "facets"}), PLAN).status_code == 404
        assert TrainingRun.objects.count() == 1


def test_the_page_starts_what_the_command_starts(study, client):
    person = User.objects.create_user("coordinator", password="a long enough password")
    grant_roles(study=study, user=person, roles=["is_coordinator"], actor=None, at=timezone.now())
    client.force_login(person)
    address = reverse("analysis:train", kwargs={"slug": "facets"})
    page = client.get(address).content.decode()
    assert "2 patients, 100 grades" in page
    assert study.data_hash in page
    base = ModelVersion.objects.get()
    given = {
        "start_from": str(base.public_id),
        "name": "ours",
        "version": "1",
        "epochs": "3",
        "patience": "0",
    }
    response = client.post(address, given)
    assert response.headers["Location"] == reverse(
        "inference:training", kwargs={"slug": "facets", "number": 1}
    )
    run = TrainingRun.objects.get()
    assert (run.plan["epochs"], run.plan["name"], run.started_from) == (3, "ours", base)
    assert client.get(response.headers["Location"]).status_code == 200
    refused = client.post(address, {**given, "name": "Not A Name"}, follow=True)
    assert "small letters" in refused.content.decode()
    assert TrainingRun.objects.count() == 1
