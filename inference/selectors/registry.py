"""Models and runs of a study, for the pages that list them. They hold no probability."""

from dataclasses import dataclass, field
from datetime import datetime

from django.db.models import Count

from inference.engine.specification import OutputSchema
from inference.models import InferenceRun, ModelVersion, StudyModel, StudyRun
from readerstudy.studies.models import ReaderStudy


@dataclass(frozen=True)
class FitRow:
    """Whether a model fits one thing that the study's protocol asks for."""

    what: str
    fits: bool
    detail: str


@dataclass(frozen=True)
class ModelRow:
    """A model version as the registry shows it."""

    public_id: str
    name: str
    version: str
    digest: str
    state: str
    is_synthetic: bool
    may_run: bool
    golden_difference: float | None
    attached: bool
    fit: tuple[FitRow, ...] = ()
    fits: bool | None = None
    switched_off: tuple[tuple[str, str], ...] = ()


def registry_rows(study: ReaderStudy, fits: dict[int, tuple[FitRow, ...]]) -> list[ModelRow]:
    """All model versions, newest first, with their fit to the study's protocol (`fits` by model id)."""
    attached = set(StudyModel.objects.filter(study=study).values_list("model_id", flat=True))
    rows = []
    for model in ModelVersion.objects.order_by("-registered_at", "-pk"):
        report = fits.get(model.pk, ())
        off = OutputSchema.from_json(model.manifest["outputs"]).switched_off
        rows.append(
            ModelRow(
                public_id=str(model.public_id),
                name=model.name,
                version=model.version,
                digest=model.digest,
                state=model.state,
                is_synthetic=model.is_synthetic,
                may_run=model.may_run,
                golden_difference=model.golden_difference,
                attached=model.pk in attached,
                fit=report,
                fits=all(row.fits for row in report) if report else None,
                switched_off=tuple(off.items()),
            )
        )
    return rows


@dataclass(frozen=True)
class RunRow:
    """A run in the list of runs."""

    number: int
    model: str
    started_at: datetime
    n_total: int
    n_ended: int
    words: str = field(default="")


def run_rows(study: ReaderStudy) -> list[RunRow]:
    """All runs of a study, newest first."""
    runs = (
        StudyRun.objects.filter(study=study)
        .select_related("model")
        .annotate(n_total=Count("runs"))
        .order_by("-number")
    )
    ended = dict(
        InferenceRun.objects.filter(study_run__study=study)
        .exclude(state=InferenceRun.State.WAITING)
        .values_list("study_run")
        .annotate(n=Count("pk"))
    )
    return [
        RunRow(run.number, str(run.model), run.started_at, run.n_total, ended.get(run.pk, 0)) for run in runs
    ]
