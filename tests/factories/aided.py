"""A study with an aided condition, drawn by the product, and a model version that has seen its cases."""

from dataclasses import dataclass
from typing import Any

from inference.models import InferenceRun, ModelVersion, Prediction, StudyRun
from readerstudy.accounts.models import User
from readerstudy.studies.models import Assignment, Case, ReaderStudy
from readerstudy.studies.services.assignment import assign_reads
from tests import factories
from tests.factories.protocols import small_source

# Shares that nothing else on a page says.
SHARES = {"narrowing": [0.0614, 0.1527, 0.5941, 0.1918], "cyst": [0.2681, 0.7319]}


@dataclass
class AidedStudy:
    """The study, its people, its cases and the model."""

    study: ReaderStudy
    people: dict[str, User]
    cases: list[Case]
    version: ModelVersion

    def showings(self, name: str, condition: str = "aided") -> list[Assignment]:
        """Return a reader's showings of a condition in the stored order."""
        return list(
            Assignment.objects.filter(user=self.people[name], condition=condition)
            .select_related("study", "case", "user", "duty")
            .order_by("position")
        )


def model_version(**fields: Any) -> ModelVersion:
    number = factories.next_number()
    defaults = {
        "digest": f"{number:064x}",
        "name": f"model-{number}",
        "version": "1",
        "manifest": {},
        "is_synthetic": True,
        "state": "approved",
        "registered_at": factories.AT,
        "approved_at": factories.AT,
    }
    return ModelVersion.objects.create(**{**defaults, **fields})


def predicted(
    *, study: ReaderStudy, version: ModelVersion, case: Case, number: int = 1, state: str = "done"
) -> InferenceRun:
    """Let a version have seen a case: each finding's shares at each structure; nothing of a case it refused."""
    started, _ = StudyRun.objects.get_or_create(
        study=study, number=number, defaults={"model": version, "started_at": factories.AT}
    )
    run = InferenceRun.objects.create(
        study_run=started,
        case=case,
        model=version,
        input_key=f"{version.digest}-{case.pk}-{number}"[-64:],
        state=state,
        refusal_reason="No series that fits." if state == "refused" else "",
        finished_at=factories.AT,
    )
    if state != "refused":
        document = study.protocols.order_by("-version")[0].document
        Prediction.objects.bulk_create(
            [
                Prediction(run=run, structure=s, finding=f, probabilities=SHARES[f])
                for s, f in (item.key for item in document.items)
            ]
        )
    return run


def aided_study(
    *, order: str = "independent", n_cases: int = 2, washout_days: int = 28, slug: str = ""
) -> AidedStudy:
    """Make an open study whose reads, unaided and aided, were drawn; its model has seen every case."""
    source = small_source(
        findings=("narrowing", "cyst"),
        reading={"conditions": ["unaided", "aided"], "aided_order": order, "washout_days": washout_days},
    )
    slug = slug or f"aided-{factories.next_number()}"
    study = factories.reader_study(source=source, slug=slug)
    people = {}
    for name, role in (
        ("first_reader", "reader"),
        ("second_reader", "reader"),
        ("adjudicator", "adjudicator"),
        ("panel_member", "panel"),
        ("coordinator", "coordinator"),
        ("investigator", "investigator"),
        ("auditor", "auditor"),
    ):
        people[name] = factories.user(f"{slug}-{name.replace('_', '-')}")
        factories.study_role(role, study=study, person=people[name])
    cases = [factories.case(study=study) for _ in range(n_cases)]
    assign_reads(study=study, seed=5, actor=None, at=factories.AT)
    version = model_version()
    for case in cases:
        predicted(study=study, version=version, case=case)
    return AidedStudy(study, people, cases, version)
