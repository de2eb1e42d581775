"""Submitted reads."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from grading.models import Rating, Read
from readerstudy.analysis.exchange_columns import READS
from readerstudy.analysis.services.imports.answers import answer_of
from readerstudy.analysis.services.imports.recording import note_import
from readerstudy.analysis.services.imports.roster import Roster, writable
from readerstudy.analysis.services.imports.tables import (
    BadCell,
    ImportRefused,
    Row,
    RowProblem,
    checked,
    moment_of,
    one_of,
    read_table,
    whole_number,
)
from readerstudy.core.audit import Actor
from readerstudy.studies.models import Assignment, Case, CaseDuty, ReaderStudy, StudyRole
from readerstudy.studies.services.studies import current_protocol


@transaction.atomic
def import_reads(*, study: ReaderStudy, text: str, actor: Actor | None, at: datetime, source: str) -> int:
    """
    Take in submitted reads as the export writes them.

    Parameters
    ----------
    text : str
        CSV with the columns of `exchange_columns.READS`.
    source : str
        Where it came from, for the audit log.

    Returns
    -------
    int
        Rows taken in.

    Raises
    ------
    ImportRefused
        With every refused row; nothing is changed then.
    WrongState
        If the study is not open.
    """
    study = writable(study)
    protocol = current_protocol(study)
    document = protocol.document
    roster = Roster(study, at)
    versions = {each.version: each for each in study.protocols.all()}
    seen: set[tuple[str, ...]] = set()

    def check(row: Row) -> tuple[Case, StudyRole, dict[str, Any], tuple[Any, ...], datetime]:
        answer = answer_of(document, row)
        showing = (
            one_of(row, "condition", ["unaided", "aided"]),
            whole_number(row, "session", 1),
            whole_number(row, "occasion", 1),
            whole_number(row, "read_version", 1),
        )
        if whole_number(row, "protocol_version", 1) not in versions:
            raise BadCell(
                "protocol_version",
                _("the study has no protocol version %(version)s") % {"version": row["protocol_version"]},
            )
        one_of(row, "status", ["final", "superseded"])
        confidence = whole_number(row, "confidence", 0, 100) if row["confidence"] else None
        key = (row["case_id"], row["reader_id"], *map(str, showing), row["structure"], row["finding"])
        if key in seen:
            raise BadCell("row", _("stands twice: the same reader, case, showing, version and item"))
        seen.add(key)
        return (
            roster.case(row), roster.reader(row), answer | {"confidence": confidence}, showing,
            moment_of(row, "submitted_at"),
        )  # fmt: skip

    good = checked(read_table(text, READS), check)
    _write_reads(study, versions, good, at)
    note_import(study=study, table="reads", n_rows=len(good), text=text, source=source, actor=actor, at=at)
    return len(good)


def _write_reads(
    study: ReaderStudy, versions: Mapping[int, Any], good: list[tuple[int, dict[str, str], Any]], at: datetime
) -> None:
    """Write assignments, reads and ratings; the reads are closed last, because closing is for good."""
    grouped: dict[tuple[Any, ...], list[tuple[dict[str, str], dict[str, Any], datetime]]] = {}
    people: dict[tuple[Any, ...], tuple[Case, StudyRole]] = {}
    for line, row, (case, role, answer, showing, moment) in good:
        key = (case.pk, role.user_id, *showing)
        if key in grouped and grouped[key][0][2] != moment:
            raise ImportRefused(
                [RowProblem(line, "submitted_at", _("differs from the other rows of the same read"))]
            )
        if key in grouped and grouped[key][0][0]["status"] != row["status"]:
            raise ImportRefused(
                [RowProblem(line, "status", _("differs from the other rows of the same read"))]
            )
        grouped.setdefault(key, []).append((row, answer, moment))
        people[key] = (case, role)
    assignments = _Assignments(study)
    closing: dict[datetime, list[int]] = {}
    ratings: list[Rating] = []
    for key in sorted(grouped, key=lambda key: (people[key][1].code, key[3], people[key][0].pseudonym, key)):
        (case, role), rows = people[key], grouped[key]
        condition, session, occasion, version = key[2:]
        row, __, moment = rows[0]
        read = Read.objects.create(
            assignment=assignments.of(case, role.user_id, condition, session, occasion),
            protocol=versions[int(row["protocol_version"])],
            case=case,
            reader_id=role.user_id,
            version=version,
            opened_at=moment,
            superseded_at=at if row["status"] == "superseded" else None,
        )
        closing.setdefault(moment, []).append(read.pk)
        ratings.extend(
            Rating(read=read, structure=each["structure"], finding=each["finding"], saved_at=moment, **answer)
            for each, answer, __ in rows
        )
    Rating.objects.bulk_create(ratings, batch_size=1000)
    for moment, reads in closing.items():
        Read.objects.filter(pk__in=reads).update(state=Read.State.SUBMITTED, submitted_at=moment)


class _Assignments:
    """Assignments of imported reads: one per showing, numbered in the order in which they are made."""

    def __init__(self, study: ReaderStudy) -> None:
        self.study = study
        self._made: dict[tuple[Any, ...], Assignment] = {}
        self._numbers: dict[int, int] = {}
        for each in Assignment.objects.filter(study=study):
            self._made[each.case_id, each.user_id, each.condition, each.session, each.occasion] = each
            self._numbers[each.user_id] = max(self._numbers.get(each.user_id, 0), each.running_number)

    def of(self, case: Case, user_id: int, condition: str, session: int, occasion: int) -> Assignment:
        key = (case.pk, user_id, condition, session, occasion)
        if key not in self._made:
            duty, _ = CaseDuty.objects.get_or_create(
                case=case, user_id=user_id, defaults={"duty": CaseDuty.Duty.READER}
            )
            number = self._numbers[user_id] = self._numbers.get(user_id, 0) + 1
            self._made[key] = Assignment.objects.create(
                duty=duty, case=case, user_id=user_id, study=self.study, condition=condition,
                session=session, occasion=occasion, position=number, running_number=number,
            )  # fmt: skip
        return self._made[key]
