"""A large synthetic study, written row by row past the services: pages are measured on it, nothing else."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from django.conf import settings
from django.db import connection, transaction

from grading.models import Adjudication, Discordance, Rating, Read, ReferenceGrade
from readerstudy.accounts.models import User
from readerstudy.studies.models import Assignment, Case, CaseDuty, Centre, Patient, ReaderStudy, StudyRole
from readerstudy.studies.services.studies import create_study, grant_roles, open_study

AT = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
SLUG = "crowded"
CHUNK = 5000


@dataclass(frozen=True)
class CrowdedStudy:
    """What was made, and who looks at it."""

    study: ReaderStudy
    coordinator: User
    reader: User
    adjudicator: User
    panel_member: User
    n_ratings: int


def _chunks(rows: list[Any]) -> Iterator[list[Any]]:
    for start in range(0, len(rows), CHUNK):
        yield rows[start : start + CHUNK]


def make_crowded_study(
    *, n_cases: int, n_readers: int, n_ratings: int, seed: int, say: Callable[[str], None]
) -> CrowdedStudy:
    """
    Make an open study of `n_cases` in which about `n_ratings` answers are submitted.

    Readers are dealt evenly; as many readers per case as the number of ratings asks for. One item in six is
    disputed, four of five disputed items are settled.
    """
    rng = np.random.default_rng(seed)
    source = (Path(settings.BASE_DIR) / "protocols" / "facet-joint-degeneration.yaml").read_text()
    study = create_study(
        source=source, slug=SLUG, actor=None, at=AT, is_demonstration=True, title="Crowded study"
    )
    study = open_study(study=study, actor=None, at=AT)
    protocol = study.protocols.get()
    items = [item.key for item in protocol.document.items]
    scale = {item.key: item.finding.n_grades for item in protocol.document.items}
    per_case = max(2, min(n_readers, round(n_ratings / (n_cases * len(items)))))

    def person(name: str, role: str) -> User:
        user = User(username=f"crowded-{name}", display_name=f"Crowded {name}")
        user.set_unusable_password()
        user.save()
        grant_roles(study=study, user=user, roles=[role], actor=None, at=AT)
        return user

    readers = [person(f"reader-{k + 1}", "is_reader") for k in range(n_readers)]
    coordinator, adjudicator = (
        person("coordinator", "is_coordinator"),
        person("adjudicator", "is_adjudicator"),
    )
    member = person("panel", "is_panel")
    StudyRole.objects.filter(study=study, user__in=readers[2:]).update(is_truther=False)
    centres = [Centre.objects.create(study=study, code=code) for code in "ABC"]
    patients = Patient.objects.bulk_create(
        [
            Patient(study=study, pseudonym=f"P{k:05}", centre=centres[k % 3], partition="test")
            for k in range(n_cases)
        ],
        batch_size=CHUNK,
    )
    cases = Case.objects.bulk_create(
        [
            Case(
                study=study,
                patient=patient,
                pseudonym=f"C{k:05}",
                status=Case.Status.INCLUDED,
                numbering={"variant": "5"},
                sides_accepted_by_convention=True,
                imported_at=AT,
            )
            for k, patient in enumerate(patients)
        ],
        batch_size=CHUNK,
    )
    say(f"{len(cases)} cases, {per_case} readers each")
    reads = _reads(study, protocol, cases, readers, per_case)
    _duties(study, cases, adjudicator, CaseDuty.Duty.ADJUDICATOR)
    _duties(study, cases, member, CaseDuty.Duty.PANEL)
    n_written = _ratings(reads, items, scale, rng, say)
    Read.objects.filter(assignment__study=study).update(state=Read.State.SUBMITTED, submitted_at=AT)
    _settled(study, protocol, cases, reads, items, rng, adjudicator, say)
    return CrowdedStudy(study, coordinator, readers[0], adjudicator, member, n_written)


def _reads(
    study: ReaderStudy, protocol: Any, cases: list[Case], readers: list[User], per_case: int
) -> list[Read]:
    dealt = [
        (case, readers[(k * per_case + place) % len(readers)])
        for k, case in enumerate(cases)
        for place in range(per_case)
    ]
    duties = CaseDuty.objects.bulk_create(
        [CaseDuty(case=case, user=reader, duty=CaseDuty.Duty.READER) for case, reader in dealt],
        batch_size=CHUNK,
    )
    place: dict[int, int] = {}
    assignments = []
    for duty in duties:
        place[duty.user_id] = place.get(duty.user_id, 0) + 1
        number = place[duty.user_id]
        assignments.append(
            Assignment(
                duty=duty,
                case_id=duty.case_id,
                user_id=duty.user_id,
                study=study,
                position=number,
                running_number=number,
            )
        )
    made = Assignment.objects.bulk_create(assignments, batch_size=CHUNK)
    return Read.objects.bulk_create(
        [
            Read(
                assignment=each,
                protocol=protocol,
                case_id=each.case_id,
                reader_id=each.user_id,
                opened_at=AT,
                first_answer_at=AT,
                focused_seconds=60 + each.running_number % 60,
            )
            for each in made
        ],
        batch_size=CHUNK,
    )


def _duties(study: ReaderStudy, cases: list[Case], user: User, duty: str) -> None:
    held = CaseDuty.objects.bulk_create(
        [CaseDuty(case=case, user=user, duty=duty) for case in cases], batch_size=CHUNK
    )
    Assignment.objects.bulk_create(
        [
            Assignment(duty=each, case_id=each.case_id, user=user, study=study, position=k, running_number=k)
            for k, each in enumerate(held, start=1)
        ],
        batch_size=CHUNK,
    )


def _ratings(
    reads: list[Read],
    items: list[tuple[str, str]],
    scale: dict[tuple[str, str], int],
    rng: np.random.Generator,
    say: Callable[[str], None],
) -> int:
    """Write the answers by plain inserts: a million model instances would take the longer part of an hour."""
    table = connection.ops.quote_name(Rating._meta.db_table)
    columns = (
        "read_id",
        "structure",
        "finding",
        "kind",
        "grade",
        "reason",
        "is_flagged",
        "note",
        "sequence",
        "saved_at",
    )
    sql = f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({', '.join(['%s'] * len(columns))})"  # noqa: S608
    at = connection.ops.adapt_datetimefield_value(AT)
    grades = rng.integers(0, 4, size=(len(reads), len(items)))
    n = 0
    for start in range(0, len(reads), 400):
        rows = [
            (read.pk, *key, "grade", int(min(grades[start + k, place], scale[key] - 1)), "", False, "", 1, at)
            for k, read in enumerate(reads[start : start + 400])
            for place, key in enumerate(items)
        ]
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.executemany(sql, rows)
        n += len(rows)
        if start % 4000 == 0:
            say(f"{n} answers")
    return n


def _settled(
    study: ReaderStudy,
    protocol: Any,
    cases: list[Case],
    reads: list[Read],
    items: list[tuple[str, str]],
    rng: np.random.Generator,
    adjudicator: User,
    say: Callable[[str], None],
) -> None:
    order: dict[int, list[int]] = {}
    for read in reads:
        order.setdefault(read.case_id, []).append(read.pk)
    disputed = rng.random((len(cases), len(items))) < 1 / 6
    references, discordances = [], []
    for row, case in enumerate(cases):
        for place, (structure, finding) in enumerate(items):
            if disputed[row, place]:
                discordances.append(
                    Discordance(
                        case=case, protocol=protocol, structure=structure, finding=finding,
                        order=order[case.pk][:2], opened_at=AT,
                    )
                )  # fmt: skip
            else:
                references.append(
                    ReferenceGrade(
                        case=case, structure=structure, finding=finding, kind="grade", grade=0,
                        provenance="agreed", basis="agreed", decided_at=AT,
                    )
                )  # fmt: skip
    for chunk in _chunks(references):
        ReferenceGrade.objects.bulk_create(chunk)
    made: list[Discordance] = []
    for chunk in _chunks(discordances):
        made += Discordance.objects.bulk_create(chunk)
    seats = dict(Assignment.objects.filter(study=study, user=adjudicator).values_list("case", "pk"))
    settled = [each for each, draw in zip(made, rng.random(len(made)), strict=True) if draw < 0.8]
    for chunk in _chunks(settled):
        Adjudication.objects.bulk_create(
            [
                Adjudication(
                    discordance=each, assignment_id=seats[each.case_id], structure=each.structure,
                    finding=each.finding, kind="grade", grade=0, choice="kept", kept_read_id=each.order[0],
                    settled_at=AT + timedelta(days=1),
                )
                for each in chunk
            ]
        )  # fmt: skip
    say(f"{len(references)} agreed items, {len(made)} disputed, {len(settled)} settled")
