"""What a lock and an unblinding freeze: canonical rows and their hashes."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from itertools import chain
from typing import Any

from grading.models import Rating, Read, ReferenceGrade
from inference.models import Prediction
from inference.selectors import predicted_lesions_of
from readerstudy.analysis.selectors.marks import lesions_of, marks_of
from readerstudy.analysis.selectors.model_versions import FINISHED_RUNS
from readerstudy.analysis.selectors.studies import protocol_of
from readerstudy.studies.models import Case, ReaderStudy, StudyRole


def _hash_rows(header: list[str], rows: Iterable[tuple[Any, ...]]) -> str:
    """SHA-256 over rows in canonical JSON, one per line."""
    digest = hashlib.sha256(json.dumps(header).encode() + b"\n")
    for row in rows:
        digest.update(json.dumps(row, separators=(",", ":"), ensure_ascii=False).encode() + b"\n")
    return digest.hexdigest()


def _read_rows(study: ReaderStudy) -> Iterator[tuple[Any, ...]]:
    codes = dict(StudyRole.objects.filter(study=study).values_list("user_id", "code"))
    rows = (
        Rating.objects.filter(read__case__study=study, read__state=Read.State.SUBMITTED)
        .order_by(
            "read__case__pseudonym",
            "read__reader_id",
            "read__assignment__occasion",
            "read__assignment__condition",
            "read__version",
            "structure",
            "finding",
            "pk",
        )
        .values_list(
            "read__case__pseudonym",
            "read__reader_id",
            "read__assignment__condition",
            "read__assignment__session",
            "read__assignment__occasion",
            "read__version",
            "read__superseded_at",
            "structure",
            "finding",
            "kind",
            "grade",
            "value",
            "reason",
        )
    )
    for case, reader, condition, session, occasion, version, superseded, *answer in rows.iterator(5000):
        yield (
            "read",
            case,
            codes.get(reader, ""),
            condition,
            session,
            occasion,
            version,
            superseded is None,
            *answer,
        )


def _reference_rows(study: ReaderStudy) -> Iterator[tuple[Any, ...]]:
    rows = (
        ReferenceGrade.objects.filter(case__study=study, superseded_at__isnull=True)
        .order_by("case__pseudonym", "structure", "finding", "pk")
        .values_list(
            "case__pseudonym", "structure", "finding", "kind", "grade", "value", "provenance", "basis"
        )
    )
    for row in rows.iterator(5000):
        yield ("reference", *row)


def _case_rows(study: ReaderStudy) -> Iterator[tuple[Any, ...]]:
    rows = (
        Case.objects.filter(study=study)
        .order_by("pseudonym")
        .values_list(
            "pseudonym",
            "patient__pseudonym",
            "patient__centre__code",
            "patient__partition",
            "status",
            "exclusion_reason",
            "withdrawal",
        )
    )
    for *row, status, reason, withdrawal in rows.iterator(5000):
        yield ("case", *row, _status_at_lock(study, status, withdrawal), reason)


def _status_at_lock(study: ReaderStudy, status: str, withdrawal: Mapping[str, str] | None) -> str:
    """A patient may withdraw at any time: what was signed before counts the case as it was."""
    if status != Case.Status.WITHDRAWN or withdrawal is None or study.locked_at is None:
        return status
    later = datetime.fromisoformat(withdrawal["at"]) > study.locked_at
    return withdrawal["from"] if later else status


def _lesion_rows(study: ReaderStudy) -> Iterator[tuple[Any, ...]]:
    for row in lesions_of(study):
        yield ("lesion", row.case, row.lesion, row.lesion_class, row.weight, sorted(row.place.items()))


def _mark_rows(study: ReaderStudy) -> Iterator[tuple[Any, ...]]:
    for row in marks_of(study, with_runs=False):
        yield (
            "mark", row.case, row.is_model, row.by, row.condition, row.mark, row.shape, row.mark_class,
            row.confidence, row.value, row.unit, row.lesion, sorted(row.place.items()),
        )  # fmt: skip


def data_hash(study: ReaderStudy) -> str:
    """
    Return the SHA-256 of cases, submitted reads, reference, lesions and marks in canonical rows.

    Rows are ordered by pseudonym, reader, version and item; the same data give the same digest on any
    database.
    """

    def rows() -> Iterator[tuple[Any, ...]]:
        yield from _case_rows(study)
        yield from sorted(
            _read_rows(study), key=lambda row: json.dumps(row, default=str)
        )  # by code, not by primary key
        yield from _reference_rows(study)
        yield from _lesion_rows(study)
        yield from _mark_rows(study)

    return _hash_rows(["readerstudy data", "1", protocol_of(study).digest], rows())


def predictions_hash(study: ReaderStudy) -> str:
    """Return the SHA-256 of all finished predictions and marked lesions of the study in canonical rows."""
    rows = (
        Prediction.objects.filter(run__case__study=study, run__state__in=FINISHED_RUNS)
        .order_by("run__model__digest", "run__case__pseudonym", "structure", "finding", "pk")
        .values_list(
            "run__model__digest",
            "run__case__pseudonym",
            "structure",
            "finding",
            "probabilities",
        )
    )

    def lesions() -> Iterator[tuple[Any, ...]]:
        cases = dict(Case.objects.filter(study=study).values_list("pk", "pseudonym"))
        yield from sorted(
            (
                "lesion", row.model_digest, cases[row.case_id], row.number, row.lesion_class, row.score,
                row.frame_of_reference, *sorted(row.box.items()),
            )
            for row in predicted_lesions_of(study)
        )  # fmt: skip

    return _hash_rows(["readerstudy predictions", "1"], chain(rows.iterator(5000), lesions()))
