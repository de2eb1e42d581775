"""The demonstration's model: registered, tested, approved, and run on both studies."""

from importlib.util import find_spec
from pathlib import Path

from django.conf import settings
from django.utils import timezone

from inference.models import ModelVersion, StudyRun
from inference.running import self_test
from inference.services.registry import approve_model, mark_validated, register_model
from inference.services.runs import start_run
from readerstudy.accounts.models import User
from readerstudy.studies.models import ReaderStudy

WEIGHTS = Path("inference") / "weights" / "facet-demo"


def why_not() -> str:
    """Return why no model can run here, or nothing."""
    if find_spec("torch") is None:
        return "torch is not installed"
    if not (Path(settings.BASE_DIR) / WEIGHTS / "weights.safetensors").exists():
        return f"{WEIGHTS} holds no weights"
    return ""


def ready_model(actor: User) -> ModelVersion:
    """Return the shipped demonstration model, tested and approved."""
    folder = Path(settings.BASE_DIR) / WEIGHTS
    model = register_model(folder=folder, actor=actor, at=timezone.now())
    if model.state == ModelVersion.State.DRAFT:
        mark_validated(model=model, golden_difference=self_test(model), actor=actor, at=timezone.now())
    if model.state == ModelVersion.State.VALIDATED:
        approve_model(model=model, actor=actor, at=timezone.now())
    return model


def run_once(*, study: ReaderStudy, model: ModelVersion, actor: User) -> StudyRun | None:
    """Ask for the model's run on a study, unless it was asked for before."""
    return start_run(study=study, model=model, actor=actor, at=timezone.now())
