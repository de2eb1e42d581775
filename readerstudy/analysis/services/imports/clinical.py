"""Pseudonyms and clinical data of imported cases, from the coordinator's own table."""

from dataclasses import replace
from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext as _

from readerstudy.analysis.exchange_columns import CLINICAL
from readerstudy.analysis.services.imports.recording import note_import
from readerstudy.analysis.services.imports.roster import writable
from readerstudy.analysis.services.imports.tables import (
    BadCell,
    ImportRefused,
    Row,
    RowProblem,
    checked,
    name_of,
    one_of,
    read_table,
)
from readerstudy.core.audit import Actor
from readerstudy.studies.models import Case, ReaderStudy
from readerstudy.studies.protocols.clinical import COLUMN, says_who
from readerstudy.studies.protocols.document import ClinicalDatum
from readerstudy.studies.services.errors import StudyRefused
from readerstudy.studies.services.joining import join_cases
from readerstudy.studies.services.naming import Stated, cases_by_patient_number, state_case
from readerstudy.studies.services.studies import current_protocol
from readerstudy.studies.wording import datum_words

LONGEST_VALUE = 200


@transaction.atomic
def import_clinical(*, study: ReaderStudy, text: str, actor: Actor | None, at: datetime, source: str) -> int:
    """
    Name imported cases and take in their clinical data, all rows or none.

    Parameters
    ----------
    text : str
        CSV with the columns of `exchange_columns.CLINICAL`, of which centre, laterality and one_case may be absent.
        Every other column is a clinical value of that name; one that the protocol shows to readers must be as the
        protocol says: a number within its bounds, or one of its options. Rows with one case_id that say ``yes`` in
        one_case join the cases of their numbers.

    Raises
    ------
    ImportRefused
        With every refused row. A row for each patient number of the files; a number that no image has is refused.
    WrongState
        If the study is not open.
    """
    study = writable(study)
    rows = read_table(text, CLINICAL[:3])
    clinical = [name for name in rows[0][1] if name not in CLINICAL]
    _check_columns(clinical)
    shown = {each.id: each for each in current_protocol(study).document.clinical_context}
    cases = cases_by_patient_number(study)
    lines: dict[str, tuple[Case, Row]] = {}

    def joined(stays: Case, comes: Case, stated: Stated, first: Row) -> Case:
        """Return the one case of two patient numbers whose rows say that they are one."""
        centre = stated.centre or first.get("centre", "")
        own = replace(stated, case=comes.pseudonym, patient=comes.patient.pseudonym, centre=centre)
        try:
            # What the row says holds before the cases are compared.
            state_case(case=comes, stated=own, source=source, actor=actor, at=at)
            comes.refresh_from_db()
            case = join_cases(study=study, stays=stays, comes=[comes], actor=actor, at=at)
        except StudyRefused as refusal:
            raise BadCell("one_case", str(refusal)) from None
        for known, of_number in cases.items():
            cases[known] = [case if each in (stays, comes) else each for each in of_number]
        return case

    def check(row: Row) -> Case:
        number = row["dicom_patient_id"]
        found = cases.get(number, [])
        if not found:
            raise BadCell("dicom_patient_id", _("no image that was taken in has this patient number"))
        if len(found) > 1:
            raise BadCell("dicom_patient_id", _("%(n)d cases have this patient number") % {"n": len(found)})
        if row.get("one_case"):
            one_of(row, "one_case", ["yes", "no"])
        case = found[0]
        first_case, first = lines.setdefault(row["case_id"], (case, row))
        if first is not row:
            if first_case != case and not (row.get("one_case") == first.get("one_case") == "yes"):
                raise BadCell(
                    "case_id",
                    _(
                        "stands for another patient number as well; if both are one case, say one_case yes in both "
                        "rows, else give them one patient_id and two case_id"
                    ),
                )
            _agree(row, first, ["patient_id", "centre", *clinical])
        if row.get("laterality"):
            one_of(row, "laterality", ["established", "by-convention", "unknown"])
        for name in clinical:
            if len(row[name]) > LONGEST_VALUE:
                raise BadCell(name, _("is longer than %(most)d characters") % {"most": LONGEST_VALUE})
            if row[name] and name in shown:
                _check_shown(shown[name], row[name])
        stated = Stated(
            case=name_of(row, "case_id"),
            patient=name_of(row, "patient_id"),
            centre=row.get("centre", ""),
            laterality=row.get("laterality", ""),
            number=number,
            clinical={name: row[name] for name in clinical if row[name]},
        )
        if first_case != case:
            case = joined(first_case, case, stated, first)
            lines[row["case_id"]] = (case, first)
        try:
            state_case(case=case, stated=stated, source=source, actor=actor, at=at)
        except StudyRefused as refusal:
            raise BadCell("case_id", str(refusal)) from None
        return case

    n_rows = len(checked(rows, check))
    note_import(study=study, table="clinical", n_rows=n_rows, text=text, source=source, actor=actor, at=at)
    return n_rows


def _agree(row: Row, first: Row, names: list[str]) -> None:
    """Refuse a row that says otherwise of a case than the first row of it."""
    for name in names:
        said, says = first.get(name, ""), row.get(name, "")
        if said and says and said != says:
            raise BadCell(name, _("is %(value)s in another row of the same case") % {"value": said})


def _check_shown(datum: ClinicalDatum, given: str) -> None:
    if datum.value_of(given) is None:
        words = {"value": given, "allowed": datum_words(datum)}
        raise BadCell(
            datum.id,
            _("%(value)r is not allowed; readers see this value, and allowed are %(allowed)s") % words,
        )


def _check_columns(names: list[str]) -> None:
    problems = []
    for name in names:
        if not COLUMN.fullmatch(name):
            problems.append(
                RowProblem(1, name[:40], _("a clinical column is named by small letters, digits and _"))
            )
        elif says_who(name):
            problems.append(
                RowProblem(1, name, _("names and birth dates stay outside; an age can be given instead"))
            )
    if problems:
        raise ImportRefused(problems)
