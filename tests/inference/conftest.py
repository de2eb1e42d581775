"""A study of two phantom cases, a model that takes them, and one account per role."""

from pathlib import Path
from types import SimpleNamespace

import pytest
from django.conf import settings as django_settings
from django.core.management import call_command
from django.utils import timezone

from inference import running, tasks  # noqa: F401  (registers the handler)
from inference.models import InferenceRun, Prediction, StudyRun
from inference.services.registry import mark_validated, register_model
from readerstudy.accounts.models import User
from readerstudy.phantom import write_folder
from readerstudy.studies.models import Case, Centre, Patient, ReaderStudy
from readerstudy.studies.services.studies import grant_roles
from tests.inference.models_for_tests import SHIPPED

PROTOCOL = Path(django_settings.BASE_DIR) / "protocols" / "facet-joint-degeneration.yaml"


@pytest.fixture(scope="session")
def phantom_cases(tmp_path_factory) -> Path:
    """Two synthetic cases, MR only."""
    out = tmp_path_factory.mktemp("phantom-mr")
    write_folder(out, cases=2, seed=77, centres=("A",), modalities=("MR",))
    return out


@pytest.fixture
def data_root(settings, tmp_path) -> Path:
    settings.READERSTUDY_DATA_ROOT = tmp_path / "data"
    running._load.cache_clear()
    return tmp_path / "data"


@pytest.fixture
def model(db, data_root):
    """The shipped model, registered and validated."""
    registered = register_model(folder=SHIPPED, actor=None, at=timezone.now())
    mark_validated(
        model=registered, golden_difference=running.self_test(registered), actor=None, at=timezone.now()
    )
    return registered


@pytest.fixture
def study(db, data_root) -> ReaderStudy:
    """The facet study without images."""
    call_command("create_study", str(PROTOCOL), slug="facets")
    return ReaderStudy.objects.get(slug="facets")


@pytest.fixture
def study_with_images(study, phantom_cases) -> ReaderStudy:
    """The facet study with two included phantom cases."""
    call_command("import_dicom", "facets", str(phantom_cases), laterality="established")
    call_command("screen_cases", "facets", include_all=True, numbering="5")
    return study


@pytest.fixture
def bare_run(study, model) -> StudyRun:
    """A run of two cases without images: one done, one in part."""
    at = timezone.now()
    study_run = StudyRun.objects.create(study=study, model=model, number=1, started_at=at)
    centre = Centre.objects.create(study=study, code="A")
    for number, state in enumerate((InferenceRun.State.DONE, InferenceRun.State.IN_PART)):
        patient = Patient.objects.create(study=study, pseudonym=f"P{number}", centre=centre)
        case = Case.objects.create(study=study, patient=patient, pseudonym=f"C{number}", imported_at=at)
        run = InferenceRun.objects.create(
            study_run=study_run, case=case, model=model, input_key=str(number), state=state, finished_at=at
        )
        Prediction.objects.create(
            run=run, structure="L4-5-left", finding="cyst", probabilities=[0.123456, 0.876544]
        )
    return study_run


@pytest.fixture
def people(study) -> SimpleNamespace:
    """One account per role of the study, and an administrator."""
    made = {}
    for name, role in {
        "coordinator": "is_coordinator",
        "investigator": "is_investigator",
        "auditor": "is_auditor",
        "first_reader": "is_reader",
        "adjudicator": "is_adjudicator",
        "panel_member": "is_panel",
    }.items():
        made[name] = User.objects.create_user(name, password="a long enough password", display_name=name)
        grant_roles(study=study, user=made[name], roles=[role], actor=None, at=timezone.now())
    made["stranger"] = User.objects.create_user("stranger", password="a long enough password")
    made["administrator"] = User.objects.create_user("administrator", password="a long", is_staff=True)
    return SimpleNamespace(**made)
