"""Which model version is analysed, and whether it was named and approved in time."""

from django.db.models import Count

from inference.models import InferenceRun, ModelVersion
from readerstudy.analysis.plan import AnalysisPlan
from readerstudy.studies.models import ReaderStudy

# A run "in part" has left some structures out; what it graded counts.
FINISHED_RUNS = (InferenceRun.State.DONE, InferenceRun.State.IN_PART)


# Mark of a run whose predictions came from a table.
IMPORTED = "imported"


def model_versions(study: ReaderStudy) -> "list[ModelVersion]":
    """Return the model versions with finished runs on the study, most cases first."""
    counts = (
        InferenceRun.objects.filter(case__study=study, state__in=FINISHED_RUNS)
        .values("model")
        .annotate(n=Count("case", distinct=True))
    )
    by_id = {row["model"]: row["n"] for row in counts}
    versions = list(ModelVersion.objects.filter(pk__in=by_id))
    return sorted(versions, key=lambda version: (-by_id[version.pk], version.digest))


def is_named(version: ModelVersion, plan: AnalysisPlan) -> bool:
    """Return whether the plan names this version, by name, version or digest."""
    return bool(plan.primary_model) and plan.primary_model in {
        version.name,
        f"{version.name} {version.version}",
        f"{version.name}@{version.version}",
        version.digest,
    }


def chosen_model(study: ReaderStudy, plan: AnalysisPlan) -> tuple[ModelVersion | None, bool]:
    """The model version that is analysed, and whether the plan named it or left no choice."""
    versions = model_versions(study)
    named = [version for version in versions if is_named(version, plan)]
    if named:
        return named[0], len(named) == 1
    if plan.primary_model or not versions:
        return None if plan.primary_model else (versions[0] if versions else None), False
    return versions[0], len(versions) == 1


def approved_in_time(version: ModelVersion, study: ReaderStudy) -> bool:
    """Whether the version was approved before unblinding: later ones are exploratory."""
    ran_here = InferenceRun.objects.filter(case__study=study, model=version, state__in=FINISHED_RUNS)
    # Imported predictions may carry the name of a version that was approved here; they are not its runs.
    if version.approved_at is None or any(
        IMPORTED in notes for notes in ran_here.values_list("notes", flat=True)
    ):
        return False
    return study.unblinded_at is None or version.approved_at <= study.unblinded_at
