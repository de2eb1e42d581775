"""
A finished study of any size, simulated row by row and written in bulk: what the dashboard is measured with.

Each finding has a latent line with a share of the patient, of the joint and of its own, so that joints of one
patient and findings of one joint are alike, as in life. Readers and model see it with an error of their own. No
images: the cases are rows. Everything here is simulated.
"""

import hashlib
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from django.db import transaction
from numpy.typing import NDArray

from grading.models import Adjudication, Discordance, PanelReview, Rating, Read, ReferenceGrade
from inference.models import InferenceRun, ModelVersion, Prediction, StudyRun
from readerstudy.accounts.models import User
from readerstudy.studies.models import Assignment, Case, CaseDuty, Centre, Patient, ReaderStudy
from readerstudy.studies.protocols.document import ProtocolDocument
from readerstudy.studies.services.partition import draw_partition
from readerstudy.studies.services.studies import create_study, current_protocol, grant_roles, open_study

GradeArray = NDArray[np.int8]
Say = Callable[[str], None]

CENTRES = (("A", False, 0.55), ("B", False, 0.25), ("C", True, 0.20))
REPEATED = 0.10
READER_ERROR, ADJUDICATOR_ERROR, MODEL_ERROR = 0.62, 0.35, 0.5
NOT_ASSESSABLE = 0.01
OVERRULED = 0.02
PREVALENCE = (0.55, 0.25, 0.13, 0.05, 0.02)  # of grades, least to most
_BATCH = 5000


@dataclass(frozen=True)
class Simulated:
    """
    Grades of a whole study; -1 where not assessable. Shapes (n_patients, n_structures) by finding.

    first, second, repeat_first, repeat_second : grades of the two readers, and of their repeats.
    settled, final : what the adjudicator and then the panel let stand.
    probabilities : the model's, shape (n_patients, n_structures, n_grades).
    """

    first: Mapping[str, GradeArray]
    second: Mapping[str, GradeArray]
    repeat_first: Mapping[str, GradeArray]
    repeat_second: Mapping[str, GradeArray]
    settled: Mapping[str, GradeArray]
    final: Mapping[str, GradeArray]
    probabilities: Mapping[str, NDArray[np.float64]]


def _cuts(n_grades: int) -> NDArray[np.float64]:
    from scipy.stats import norm

    shares = np.array(PREVALENCE[:n_grades])
    return np.asarray(norm.ppf(np.cumsum(shares / shares.sum())[:-1]))


def simulate(document: ProtocolDocument, n_patients: int, seed: int) -> Simulated:
    """Draw a whole study of the protocol's structures and findings."""
    rng = np.random.default_rng(seed)
    shape = (n_patients, len(document.structures))
    patient, joint = rng.normal(size=(n_patients, 1)), rng.normal(size=shape)
    parts: dict[str, dict[str, Any]] = {name: {} for name in Simulated.__dataclass_fields__}
    for finding in document.findings:
        cuts = _cuts(finding.n_grades)
        latent = 0.5 * patient + 0.55 * joint + 0.669 * rng.normal(size=shape)

        def seen(error: float, latent: Any = latent, cuts: Any = cuts) -> GradeArray:
            given = np.digitize(latent + error * rng.normal(size=shape), cuts * np.hypot(1, error))
            return np.where(rng.random(shape) < NOT_ASSESSABLE, -1, given).astype(np.int8)

        first, second, senior = seen(READER_ERROR), seen(READER_ERROR), seen(ADJUDICATOR_ERROR)
        nearer = np.where(np.abs(first - senior) <= np.abs(second - senior), first, second)
        settled = np.where(first == second, first, nearer)
        panel = np.digitize(latent, cuts)
        overruled = (rng.random(shape) < OVERRULED) & (settled != panel)
        values: dict[str, Any] = {
            "first": first,
            "second": second,
            "repeat_first": seen(READER_ERROR),
            "repeat_second": seen(READER_ERROR),
            "settled": settled,
            "final": np.where(overruled, panel, settled).astype(np.int8),
            "probabilities": _probabilities(latent + MODEL_ERROR * rng.normal(size=shape), cuts),
        }
        for name, value in values.items():
            parts[name][finding.id] = value
    return Simulated(**parts)


def _probabilities(seen: NDArray[np.float64], cuts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Probability of each grade when the trait is known up to a normal error; six decimals that add up to 1."""
    from scipy.stats import norm

    below = norm.cdf((cuts - seen[..., None] / (1 + MODEL_ERROR**2)) / MODEL_ERROR)
    edges = np.concatenate((np.zeros((*seen.shape, 1)), below.round(6), np.ones((*seen.shape, 1))), axis=-1)
    return np.diff(edges, axis=-1).round(6)


def _people(study: ReaderStudy, investigator: User, at: datetime) -> dict[str, User]:
    """Readers, adjudicator and panel member that nobody can sign in as."""
    people = {}
    for name, role in (
        ("first", "is_reader"), ("second", "is_reader"), ("senior", "is_adjudicator"), ("panel", "is_panel"),
    ):  # fmt: skip
        user = User(
            username=f"{study.slug}-{name}", display_name=f"Simulated {name} ({study.slug})", is_active=False
        )
        user.set_unusable_password()
        user.save()
        grant_roles(study=study, user=user, roles=[role], actor=None, at=at)
        people[name] = user
    grant_roles(study=study, user=investigator, roles=["is_investigator"], actor=None, at=at)
    return people


def _bulk(rows: Sequence[Any]) -> None:
    if rows:
        type(rows[0]).objects.bulk_create(rows, batch_size=_BATCH)


def _answer(grade: int) -> dict[str, Any]:
    return (
        {"kind": "not_assessable", "reason": "artefact"} if grade < 0 else {"kind": "grade", "grade": grade}
    )


@transaction.atomic
def make_large_study(
    *,
    source: str,
    slug: str,
    n_patients: int,
    seed: int,
    investigator: User,
    at: datetime,
    say: Say = lambda words: None,
) -> ReaderStudy:
    """
    Write a study in which everything is read, settled, confirmed and predicted; it is open and can be locked.

    Parameters
    ----------
    source : str
        The protocol's YAML.
    at : datetime
        When it was made; reading lies in the weeks after.
    """
    study = create_study(
        source=source, slug=slug, title=f"Simulated study of {n_patients} patients", actor=None, at=at,
        is_demonstration=True,
    )  # fmt: skip
    people = _people(study, investigator, at)
    cases = _cases(study, n_patients, seed, at)
    draw_partition(study=study, seed=seed, actor=None, at=at)
    study = open_study(study=study, actor=None, at=at + timedelta(hours=1))
    document = current_protocol(study).document
    drawn = simulate(document, n_patients, seed)
    say(f"{n_patients} patients drawn")
    seats = _assign(study, cases, people, seed)
    reads = _write_reads(study, cases, seats, people, drawn, at, say)
    _settle(study, cases, seats, people, reads, drawn, at + timedelta(days=40))
    say("settled and confirmed")
    _predict(study, cases, drawn, at)
    say("predicted")
    return study


def _cases(study: ReaderStudy, n_patients: int, seed: int, at: datetime) -> list[Case]:
    centres = [Centre.objects.create(study=study, code=code, is_external=outer) for code, outer, _ in CENTRES]
    chosen = np.random.default_rng([seed, 1]).choice(
        len(centres), size=n_patients, p=[share for *_, share in CENTRES]
    )
    patients = [
        Patient(study=study, pseudonym=f"P{k:06d}", centre=centres[centre]) for k, centre in enumerate(chosen)
    ]
    _bulk(patients)
    patients = list(Patient.objects.filter(study=study).order_by("pseudonym"))
    _bulk(
        [
            Case(
                study=study,
                patient=patient,
                pseudonym=f"C{k:06d}",
                status=Case.Status.INCLUDED,
                numbering={"variant": "5"},
                sides_accepted_by_convention=True,
                imported_at=at,
            )
            for k, patient in enumerate(patients)
        ]
    )
    return list(Case.objects.filter(study=study).order_by("pseudonym"))


Seats = dict[tuple[str, int, int], Assignment]  # (person, case, occasion)


def _assign(study: ReaderStudy, cases: list[Case], people: Mapping[str, User], seed: int) -> Seats:
    rng = np.random.default_rng([seed, 2])
    duties = {"first": "reader", "second": "reader", "senior": "adjudicator", "panel": "panel"}
    for name, duty in duties.items():
        _bulk([CaseDuty(case=case, user=people[name], duty=duty) for case in cases])
    held = {
        (each.user_id, each.case_id): each
        for each in CaseDuty.objects.filter(case__study=study).iterator(5000)
    }
    repeated = rng.permutation(len(cases))[: round(REPEATED * len(cases))]
    rows = []
    for name in duties:
        user = people[name]
        order = [(1, place) for place in rng.permutation(len(cases))]
        if duties[name] == "reader":
            order += [(2, place) for place in rng.permutation(repeated)]
        for number, (occasion, place) in enumerate(order, start=1):
            case = cases[place]
            rows.append(
                Assignment(
                    duty=held[user.pk, case.pk], case=case, user=user, study=study, session=occasion,
                    occasion=occasion, position=number, running_number=number,
                )
            )  # fmt: skip
    _bulk(rows)
    names = {user.pk: name for name, user in people.items()}
    return {
        (names[each.user_id], each.case_id, each.occasion): each
        for each in Assignment.objects.filter(study=study).iterator(5000)
    }


def _write_reads(
    study: ReaderStudy,
    cases: list[Case],
    seats: Seats,
    people: Mapping[str, User],
    drawn: Simulated,
    at: datetime,
    say: Say,
) -> dict[tuple[str, int], Read]:
    protocol = current_protocol(study)
    document = protocol.document
    row_of = {case.pk: row for row, case in enumerate(cases)}
    rng = np.random.default_rng(len(cases))
    given = {
        ("first", 1): drawn.first,
        ("second", 1): drawn.second,
        ("first", 2): drawn.repeat_first,
        ("second", 2): drawn.repeat_second,
    }
    keys = [key for key in seats if (key[0], key[2]) in given]
    reads = []
    for name, case, occasion in keys:
        seat = seats[name, case, occasion]
        # A case takes a minute or two, and less the longer one has read.
        took = float(rng.lognormal(np.log(95 if seat.running_number <= 100 else 75), 0.35))
        opened = at + timedelta(days=1 + 30 * (occasion - 1), minutes=3 * seat.position)
        reads.append(
            Read(
                assignment=seat,
                protocol=protocol,
                case_id=case,
                reader=people[name],
                opened_at=opened,
                first_answer_at=opened + timedelta(seconds=0.1 * took),
                focused_seconds=round(took),
            )
        )
    _bulk(reads)
    made = {each.assignment_id: each for each in Read.objects.filter(case__study=study).iterator(5000)}
    ratings: list[Rating] = []
    for done, (name, case, occasion) in enumerate(keys, start=1):
        read, grades = made[seats[name, case, occasion].pk], given[name, occasion]
        row = row_of[case]
        ratings.extend(
            Rating(
                read=read, structure=structure.id, finding=finding.id, saved_at=read.opened_at,
                **_answer(int(grades[finding.id][row, column])),
            )
            for column, structure in enumerate(document.structures)
            for finding in document.findings
        )  # fmt: skip
        if len(ratings) > 200_000 or done == len(keys):
            _bulk(ratings)
            say(f"{done} of {len(keys)} reads written")
            ratings = []
    for read in made.values():
        read.state, read.submitted_at = (
            Read.State.SUBMITTED,
            read.opened_at + timedelta(seconds=read.focused_seconds),
        )
    Read.objects.bulk_update(made.values(), ["state", "submitted_at"], batch_size=500)
    return {(name, case): made[seats[name, case, 1].pk] for name, case, occasion in keys if occasion == 1}


def _settle(
    study: ReaderStudy,
    cases: list[Case],
    seats: Seats,
    people: Mapping[str, User],
    reads: Mapping[tuple[str, int], Read],
    drawn: Simulated,
    at: datetime,
) -> None:
    protocol = current_protocol(study)
    discordances: list[Discordance] = []
    decisions: list[Adjudication] = []
    references: list[ReferenceGrade] = []
    for row, case in enumerate(cases):
        pair = [reads["first", case.pk], reads["second", case.pk]]
        order = [read.pk for read in pair]
        for column, structure in enumerate(protocol.document.structures):
            for finding in protocol.document.findings:
                names = {"structure": structure.id, "finding": finding.id}
                grades = [int(each[finding.id][row, column]) for each in (drawn.first, drawn.second)]
                stands = int(drawn.settled[finding.id][row, column])
                final = int(drawn.final[finding.id][row, column])
                if grades[0] != grades[1]:
                    one = Discordance(case=case, protocol=protocol, order=order, opened_at=at, **names)
                    discordances.append(one)
                    decisions.append(
                        Adjudication(
                            discordance=one, assignment=seats["senior", case.pk, 1], choice="kept",
                            kept_read=pair[grades.index(stands)], settled_at=at, **names, **_answer(stands),
                        )
                    )  # fmt: skip
                references.append(
                    ReferenceGrade(
                        case=case, provenance="confirmed" if final == stands else "overruled",
                        basis="agreed" if grades[0] == grades[1] else "adjudicated", decided_at=at, **names,
                        **_answer(final),
                    )
                )  # fmt: skip
        if len(references) > 50_000 or row + 1 == len(cases):
            for rows in (discordances, decisions, references):
                _bulk(rows)
            discordances, decisions, references = [], [], []
    _bulk(
        [
            PanelReview(case=case, assignment=seats["panel", case.pk, 1], opened_at=at, submitted_at=at)
            for case in cases
        ]
    )


def _predict(study: ReaderStudy, cases: list[Case], drawn: Simulated, at: datetime) -> None:
    document = current_protocol(study).document
    model = ModelVersion.objects.create(
        digest=hashlib.sha256(f"simulated {study.slug}".encode()).hexdigest(),
        name=f"simulated-{study.slug}",
        version="1",
        manifest={"simulated": True},
        is_synthetic=True,
        state=ModelVersion.State.APPROVED,
        registered_at=at,
        validated_at=at,
        approved_at=at,
    )
    study_run = StudyRun.objects.create(study=study, model=model, number=1, started_at=at)
    _bulk(
        [
            InferenceRun(
                study_run=study_run,
                case=case,
                model=model,
                state=InferenceRun.State.DONE,
                input_key=uuid.uuid4().hex,
                input_points="automatic",
                finished_at=at,
            )
            for case in cases
        ]
    )
    runs = dict(InferenceRun.objects.filter(study_run=study_run).values_list("case_id", "pk"))
    rows: list[Prediction] = []
    for row, case in enumerate(cases):
        rows.extend(
            Prediction(
                run_id=runs[case.pk], structure=structure.id, finding=finding.id,
                probabilities=drawn.probabilities[finding.id][row, column].tolist(),
            )
            for column, structure in enumerate(document.structures)
            for finding in document.findings
        )  # fmt: skip
        if len(rows) > 200_000:
            _bulk(rows)
            rows = []
    _bulk(rows)
