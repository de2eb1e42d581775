"""The list of cases: whom the study enrolled, where nobody need have read or marked anything."""

from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext as _

from readerstudy.analysis.exchange_columns import CASES
from readerstudy.analysis.services.imports.recording import note_import
from readerstudy.analysis.services.imports.roster import Roster, writable
from readerstudy.analysis.services.imports.tables import BadCell, Row, checked, one_of, read_table
from readerstudy.core.audit import Actor
from readerstudy.studies.models import Case, ReaderStudy
from readerstudy.studies.services.studies import current_protocol


@transaction.atomic
def import_cases(*, study: ReaderStudy, text: str, actor: Actor | None, at: datetime, source: str) -> int:
    """
    Take in the list of cases as the export writes it.

    Parameters
    ----------
    text : str
        CSV with the columns of `exchange_columns.CASES`.

    Raises
    ------
    ImportRefused, WrongState
        As `import_reads`. A case that the study has already is refused.
    """
    study = writable(study)
    criteria = [name for name, __ in current_protocol(study).document.exclusion_criteria]
    roster = Roster(study, at)
    known = set(roster.cases)

    def check(row: Row) -> Case:
        if row["case_id"] in known:
            raise BadCell("case_id", _("the study has a case %(case)s already") % {"case": row["case_id"]})
        status = one_of(row, "status", ["included", "excluded"])
        one_of(row, "centre_is_external", ["yes", "no"])
        sides = one_of(row, "sides", ["established", "by convention", ""])
        if status == "excluded":
            one_of(row, "exclusion_reason", criteria)
        elif row["exclusion_reason"]:
            raise BadCell("exclusion_reason", _("must be empty where the case is included"))
        case = roster.case(row)
        case.status, case.exclusion_reason = status, row["exclusion_reason"]
        case.sides_accepted_by_convention = sides == "by convention"
        known.add(row["case_id"])
        return case

    good = checked(read_table(text, CASES), check)
    Case.objects.bulk_update(
        [case for __, __, case in good],
        ["status", "exclusion_reason", "sides_accepted_by_convention"],
        batch_size=500,
    )
    note_import(study=study, table="cases", n_rows=len(good), text=text, source=source, actor=actor, at=at)
    return len(good)
