"""A reference standard."""

from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from grading.models import ReferenceGrade
from readerstudy.analysis.exchange_columns import REFERENCE
from readerstudy.analysis.models import ImportedReference
from readerstudy.analysis.services.imports.answers import answer_of
from readerstudy.analysis.services.imports.recording import note_import
from readerstudy.analysis.services.imports.roster import Roster, writable
from readerstudy.analysis.services.imports.tables import BadCell, Row, checked, one_of, read_table
from readerstudy.core.audit import Actor
from readerstudy.studies.models import Case, ReaderStudy
from readerstudy.studies.protocols.document import ProtocolDocument
from readerstudy.studies.services.studies import current_protocol

_BASIS = {
    "first reads": "agreed",
    "adjudicator": "adjudicated",
    "first readers jointly": "jointly_settled",
    "panel": "panel_read",
    "external": "external",
}


def _provenances(document: ProtocolDocument) -> list[str]:
    """Where the protocol says that the reference comes from outside, nothing of readers enters it."""
    if document.reference["from"] == "external":
        return [ReferenceGrade.Provenance.EXTERNAL.value]
    return [value for value, __ in ReferenceGrade.Provenance.choices]


@transaction.atomic
def import_reference(*, study: ReaderStudy, text: str, actor: Actor | None, at: datetime, source: str) -> int:
    """
    Take in a reference standard as the export writes it.

    Parameters
    ----------
    text : str
        CSV with the columns of `exchange_columns.REFERENCE`.

    Raises
    ------
    ImportRefused, WrongState
        As `import_reads`. A case of which the study has a reference already is refused.
    """
    study = writable(study)
    document = current_protocol(study).document
    roster = Roster(study, at)
    taken = set(
        ReferenceGrade.objects.filter(case__study=study, superseded_at__isnull=True).values_list(
            "case_id", flat=True
        )
    )
    seen: set[tuple[str, ...]] = set()

    def check(row: Row) -> tuple[Case, dict[str, Any], list[str]]:
        case = roster.known_case(row)
        if case.pk in taken:
            raise BadCell("case_id", _("case %(case)s has a reference already") % {"case": case.pseudonym})
        answer = answer_of(document, row)
        answer.pop("confidence", None)
        one_of(row, "provenance", _provenances(document))
        covered = document.reference.get("findings")
        if covered:
            one_of(row, "finding", covered)
        contributors = [code for code in row["reader_contributed"].split(";") if code]
        unknown = [code for code in contributors if code not in roster.roles]
        if unknown:
            raise BadCell(
                "reader_contributed", _("the study has no reader %(names)s") % {"names": ", ".join(unknown)}
            )
        key = (row["case_id"], row["structure"], row["finding"])
        if key in seen:
            raise BadCell("row", _("stands twice: the same case and item"))
        seen.add(key)
        return case, answer, contributors

    good = checked(read_table(text, REFERENCE), check)
    references, origins = [], []
    for __, row, (case, answer, contributors) in good:
        names = {"case": case, "structure": row["structure"], "finding": row["finding"]}
        first = row["decided_by_roles"].removesuffix("+panel")
        final = row["provenance"] in {"confirmed", "overruled"}
        basis = _BASIS.get(first, row["provenance"]) if final else row["provenance"]
        references.append(
            ReferenceGrade(**names, **answer, provenance=row["provenance"], basis=basis, decided_at=at)
        )
        origins.append(
            ImportedReference(
                **names, decided_by_roles=row["decided_by_roles"][:100], contributors=contributors
            )
        )
    ReferenceGrade.objects.bulk_create(references, batch_size=1000)
    ImportedReference.objects.bulk_create(origins, batch_size=1000)
    note_import(
        study=study, table="reference", n_rows=len(good), text=text, source=source, actor=actor, at=at
    )
    return len(good)
