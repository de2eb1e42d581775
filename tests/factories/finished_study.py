"""
A finished study through the models: patients, first reads, adjudication, panel, a model's predictions.

Grades come from a latent trait per joint with a patient's own share, so that joints of one patient are alike,
as in life. Everything here is simulated.
"""

import hashlib
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from grading.models import Adjudication, Discordance, PanelReview, Rating, Read, ReferenceGrade
from inference.models import InferenceRun, ModelVersion, Prediction, StudyRun
from readerstudy.accounts.models import User
from readerstudy.studies.models import Assignment, Case, CaseDuty, Centre, Patient, ReaderStudy, StudyRole
from readerstudy.studies.services.partition import draw_partition
from readerstudy.studies.services.studies import create_study, current_protocol, grant_roles, open_study

ROOT = Path(__file__).resolve().parents[2]
FACET_PROTOCOL = ROOT / "protocols" / "facet-joint-degeneration.yaml"
START = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
PASSWORD = "correct horse battery staple"


@dataclass
class FinishedStudy:
    """The study and its people."""

    study: ReaderStudy
    investigator: User
    coordinator: User
    auditor: User
    first_reader: User
    second_reader: User
    adjudicator: User
    panel_member: User
    readers: list[User] = field(default_factory=list)


def person(name: str, **extra: Any) -> User:
    """Make an account with the common test password."""
    user = User(username=name, display_name=name.replace("_", " ").capitalize(), **extra)
    user.set_password(PASSWORD)
    user.save()
    return user


def _cut(latent: np.ndarray, n_grades: int, prevalence: float = 0.55) -> np.ndarray:
    """Cut a standard normal trait into grades; grade 0 takes `prevalence`, the rest falls off."""
    shares = np.array([prevalence] + [(1 - prevalence) * 0.55**k for k in range(n_grades - 1)])
    edges = np.cumsum(shares / shares.sum())[:-1]
    return np.searchsorted(np.quantile(np.random.default_rng(0).normal(size=20_000), edges), latent)


def _probabilities(latent: np.ndarray, n_grades: int, width: float) -> np.ndarray:
    """Probability of each grade when the trait is known up to a normal error of `width`."""
    draws = latent[:, None] + np.linspace(-2, 2, 21)[None, :] * width
    weights = np.exp(-(np.linspace(-2, 2, 21) ** 2) / 2)
    weights /= weights.sum()
    grades = _cut(draws.ravel(), n_grades).reshape(draws.shape)
    return np.stack([((grades == g) * weights).sum(axis=1) for g in range(n_grades)], axis=1)


def finished_study(
    *,
    slug: str = "finished",
    n_patients: int = 14,
    comparison_readers: int = 0,
    centres: Sequence[tuple[str, bool]] = (("A", False),),
    seed: int = 7,
    not_assessable: float = 0.01,
    reader_error: float = 0.75,
    model_error: float = 0.45,
    with_model: bool = True,
    protocol: str | None = None,
    prefix: str = "",
    unfinished_cases: int = 0,
) -> FinishedStudy:
    """
    Make an open study in which every read is submitted and every item confirmed.

    Parameters
    ----------
    comparison_readers : int
        Readers beside the two whose grades make the reference.
    unfinished_cases : int
        Cases at the end of the list without reads and reference.
    """
    rng = np.random.default_rng(seed)
    source = protocol or FACET_PROTOCOL.read_text()
    people = {
        name: person(f"{prefix}{name}")
        for name in (
            "investigator", "coordinator", "auditor", "first_reader", "second_reader", "adjudicator",
            "panel_member",
        )
    }  # fmt: skip
    study = create_study(source=source, slug=slug, actor=None, at=START, is_demonstration=True)
    for name, role in (
        ("investigator", "is_investigator"),
        ("coordinator", "is_coordinator"),
        ("auditor", "is_auditor"),
        ("first_reader", "is_reader"),
        ("second_reader", "is_reader"),
        ("adjudicator", "is_adjudicator"),
        ("panel_member", "is_panel"),
    ):
        grant_roles(study=study, user=people[name], roles=[role], actor=None, at=START)
    truthers = [people["first_reader"], people["second_reader"]]
    others = [person(f"{prefix}reader_{k + 3}") for k in range(comparison_readers)]
    for user in others:
        grant_roles(study=study, user=user, roles=["is_reader"], actor=None, at=START)
        StudyRole.objects.filter(study=study, user=user).update(is_truther=False)
    _cases(study, n_patients, centres)
    draw_partition(study=study, seed=seed, actor=None, at=START)
    study = open_study(study=study, actor=None, at=START + timedelta(hours=1))
    cases = list(Case.objects.filter(study=study).order_by("pseudonym"))
    _assign(study, cases, [*truthers, *others], people["adjudicator"], people["panel_member"])
    finished = cases[: len(cases) - unfinished_cases]
    truth = _truth(study, finished, rng)
    grades = {
        user.pk: _given(study, finished, truth, rng, reader_error, not_assessable)
        for user in [*truthers, *others]
    }
    _write_reads(study, finished, grades)
    _settle(study, finished, grades, truthers, people, rng)
    if with_model:
        add_predictions(study, finished, truth, rng, error=model_error)
    return FinishedStudy(study=study, readers=[*truthers, *others], **people)


def _cases(study: ReaderStudy, n_patients: int, centres: Sequence[tuple[str, bool]]) -> None:
    made = [Centre.objects.create(study=study, code=code, is_external=outer) for code, outer in centres]
    for k in range(n_patients):
        patient = Patient.objects.create(study=study, pseudonym=f"P{k:04d}", centre=made[k % len(made)])
        Case.objects.create(
            study=study,
            patient=patient,
            pseudonym=f"C{k:04d}",
            status=Case.Status.INCLUDED,
            numbering={"variant": "5"},
            sides_accepted_by_convention=True,
            imported_at=START,
        )


def _assign(
    study: ReaderStudy, cases: list[Case], readers: list[User], adjudicator: User, panel_member: User
) -> None:
    duties = [(user, CaseDuty.Duty.READER) for user in readers]
    duties += [(adjudicator, CaseDuty.Duty.ADJUDICATOR), (panel_member, CaseDuty.Duty.PANEL)]
    for user, duty in duties:
        held = CaseDuty.objects.bulk_create([CaseDuty(case=case, user=user, duty=duty) for case in cases])
        Assignment.objects.bulk_create(
            [
                Assignment(duty=each, case=case, user=user, study=study, position=place, running_number=place)
                for place, (case, each) in enumerate(zip(cases, held, strict=True), start=1)
            ]
        )


def _truth(study: ReaderStudy, cases: list[Case], rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Latent trait per finding, shape (n_cases, n_structures)."""
    document = current_protocol(study).document
    shape = (len(cases), len(document.structures))
    joint = 0.6 * rng.normal(size=(len(cases), 1)) + 0.55 * rng.normal(size=shape)
    return {
        finding.id: (joint + 0.58 * rng.normal(size=shape))
        for finding in document.findings
        if finding.kind != "continuous"
    }


def _given(
    study: ReaderStudy,
    cases: list[Case],
    truth: dict[str, np.ndarray],
    rng: np.random.Generator,
    error: float,
    not_assessable: float,
) -> dict[str, np.ndarray]:
    """One reader's grades, -2 where not assessable."""
    document = current_protocol(study).document
    grades = {}
    for finding in document.findings:
        latent = truth[finding.id]
        seen = _cut((latent + error * rng.normal(size=latent.shape)).ravel(), finding.n_grades)
        seen = seen.reshape(latent.shape)
        seen[rng.random(latent.shape) < not_assessable] = -2
        grades[finding.id] = seen
    return grades


def _answer(grade: int) -> dict[str, Any]:
    if grade < 0:
        return {"kind": "not_assessable", "reason": "artefact"}
    return {"kind": "grade", "grade": int(grade)}


def _write_reads(study: ReaderStudy, cases: list[Case], grades: dict[int, dict[str, np.ndarray]]) -> None:
    protocol = current_protocol(study)
    document = protocol.document
    row_of = {case.pk: row for row, case in enumerate(cases)}
    assignments = Assignment.objects.filter(study=study, duty__duty="reader", case__in=cases)
    reads = Read.objects.bulk_create(
        [
            Read(
                assignment=each,
                protocol=protocol,
                case_id=each.case_id,
                reader_id=each.user_id,
                opened_at=START + timedelta(days=1, minutes=each.position),
                first_answer_at=START + timedelta(days=1, minutes=each.position, seconds=5),
                focused_seconds=70,
            )
            for each in assignments
        ]
    )
    Rating.objects.bulk_create(
        [
            Rating(
                read=read,
                structure=structure.id,
                finding=finding.id,
                saved_at=read.opened_at,
                **_answer(grades[read.reader_id][finding.id][row_of[read.case_id], column]),
            )
            for read in reads
            for column, structure in enumerate(document.structures)
            for finding in document.findings
        ],
        batch_size=2000,
    )
    Read.objects.filter(pk__in=[read.pk for read in reads]).update(
        state=Read.State.SUBMITTED, submitted_at=START + timedelta(days=2)
    )


def _settle(
    study: ReaderStudy,
    cases: list[Case],
    grades: dict[int, dict[str, np.ndarray]],
    truthers: list[User],
    people: dict[str, User],
    rng: np.random.Generator,
) -> None:
    """Agreed items stand; the adjudicator keeps A or B at random; the panel confirms all."""
    protocol = current_protocol(study)
    reads = {
        (read.case_id, read.reader_id): read
        for read in Read.objects.filter(case__in=cases, reader__in=truthers)
    }
    seats = {
        each.case_id: each
        for each in Assignment.objects.filter(study=study, duty__duty="adjudicator", case__in=cases)
    }
    discordances, decisions, references = [], [], []
    at = START + timedelta(days=3)
    for row, case in enumerate(cases):
        for column, structure in enumerate(protocol.document.structures):
            for finding in protocol.document.findings:
                pair = [int(grades[user.pk][finding.id][row, column]) for user in truthers]
                names = {"structure": structure.id, "finding": finding.id}
                basis = "agreed" if pair[0] == pair[1] else "adjudicated"
                chosen = 0 if basis == "agreed" else int(rng.integers(2))
                if basis == "adjudicated":
                    kept = reads[case.pk, truthers[chosen].pk]
                    one = Discordance(
                        case=case, protocol=protocol, order=[r.pk for r in reads.values() if r.case_id == case.pk],
                        opened_at=at, **names,
                    )  # fmt: skip
                    discordances.append(one)
                    decisions.append(
                        Adjudication(
                            discordance=one, assignment=seats[case.pk], choice="kept", kept_read=kept,
                            settled_at=at, **names, **_answer(pair[chosen]),
                        )
                    )  # fmt: skip
                references.append(
                    ReferenceGrade(
                        case=case, provenance="confirmed", basis=basis, decided_at=at, **names,
                        **_answer(pair[chosen]),
                    )
                )  # fmt: skip
    Discordance.objects.bulk_create(discordances, batch_size=2000)
    Adjudication.objects.bulk_create(decisions, batch_size=2000)
    ReferenceGrade.objects.bulk_create(references, batch_size=2000)
    PanelReview.objects.bulk_create(
        [
            PanelReview(case=each.case, assignment=each, opened_at=at, submitted_at=at)
            for each in Assignment.objects.filter(study=study, duty__duty="panel", case__in=cases)
        ]
    )


def add_predictions(
    study: ReaderStudy,
    cases: list[Case],
    truth: dict[str, np.ndarray],
    rng: np.random.Generator,
    *,
    error: float,
    name: str = "simulated",
    version: str = "1.0",
) -> ModelVersion:
    """Give every case a finished run of one model version."""
    document = current_protocol(study).document
    digest = hashlib.sha256(f"{study.slug} {name} {version}".encode()).hexdigest()
    model = ModelVersion.objects.create(
        digest=digest,
        name=f"{name}-{study.slug}",
        version=version,
        manifest={},
        is_synthetic=True,
        state=ModelVersion.State.APPROVED,
        registered_at=START,
        validated_at=START,
        approved_at=START,
    )
    study_run = StudyRun.objects.create(study=study, model=model, number=1, started_at=START)
    given = {
        finding.id: _probabilities(
            (truth[finding.id] + error * rng.normal(size=truth[finding.id].shape)).ravel(),
            finding.n_grades,
            error,
        ).reshape(*truth[finding.id].shape, finding.n_grades)
        for finding in document.findings
    }
    for row, case in enumerate(cases):
        run = InferenceRun.objects.create(
            study_run=study_run,
            case=case,
            model=model,
            state=InferenceRun.State.DONE,
            input_key=uuid.uuid4().hex,
            input_points="automatic",
            finished_at=START + timedelta(days=4),
        )
        Prediction.objects.bulk_create(
            [
                Prediction(
                    run=run,
                    structure=structure.id,
                    finding=finding.id,
                    probabilities=[round(float(p), 6) for p in given[finding.id][row, column]],
                )
                for column, structure in enumerate(document.structures)
                for finding in document.findings
            ]
        )
    return model
