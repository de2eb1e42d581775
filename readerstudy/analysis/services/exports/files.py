"""All files of a study, and the record that they were taken."""

import io
import json
import zipfile
from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext as _

from grading.models import Adjudication, Rating, Read, ReferenceGrade
from inference.models import Prediction
from readerstudy.accounts.models import User
from readerstudy.analysis.exchange_columns import (
    ADJUDICATIONS,
    CASES,
    CLINICAL_VALUES,
    IMRMC,
    LESIONS,
    MARKS,
    READS,
    REFERENCE,
)
from readerstudy.analysis.models import UnblindingEvent
from readerstudy.analysis.plan import AnalysisPlan
from readerstudy.analysis.selectors import FINISHED_RUNS, protocol_of
from readerstudy.analysis.services.exports.cells import DEMONSTRATION, as_csv
from readerstudy.analysis.services.exports.describing import dictionary_text, facts_of_study, readme_text
from readerstudy.analysis.services.exports.tables import (
    adjudication_rows,
    case_rows,
    clinical_rows,
    imrmc_rows,
    lesion_rows,
    mark_rows,
    prediction_table,
    read_rows,
    reference_rows,
)
from readerstudy.analysis.services.locking import note_unblinding
from readerstudy.analysis.services.snapshots import dataset_of, latest_snapshot
from readerstudy.core.audit import record
from readerstudy.studies.models import Case, ReaderStudy


class ExportRefused(Exception):
    """An export before unblinding. Nothing was written."""


def export_files(study: ReaderStudy) -> dict[str, str]:
    """
    Return every file of an unblinded study: name -> text.

    Raises
    ------
    ExportRefused
        Before unblinding, or before the first snapshot is computed.
    """
    snapshot = latest_snapshot(study) if study.state == ReaderStudy.State.UNBLINDED else None
    if snapshot is None:
        raise ExportRefused(_("Rows leave the study after unblinding, with a computed snapshot."))
    dataset = dataset_of(snapshot)
    plan = AnalysisPlan.from_dict(snapshot.plan)
    columns, predictions = prediction_table(study)
    files = {
        "reads.csv": as_csv(READS, read_rows(study)),
        "reference.csv": as_csv(REFERENCE, reference_rows(study, dataset)),
        "predictions.csv": as_csv(columns, predictions),
        "cases.csv": as_csv(CASES, case_rows(study)),
        "adjudications.csv": as_csv(ADJUDICATIONS, adjudication_rows(study)),
        "data_dictionary.csv": dictionary_text(study),
        "protocol.yaml": protocol_of(study).source,
        "study.json": json.dumps(facts_of_study(study, snapshot), indent=1, ensure_ascii=False) + "\n",
        "results.json": json.dumps(snapshot.results, indent=1, sort_keys=True, ensure_ascii=False) + "\n",
    }
    if clinical := list(clinical_rows(study)):
        files["clinical.csv"] = as_csv(CLINICAL_VALUES, clinical)
    if dataset.marks:
        files["lesions.csv"] = as_csv(LESIONS, lesion_rows(study))
        files["marks.csv"] = as_csv(MARKS, mark_rows(study))
    for finding in dataset.findings:
        cut = plan.cut_of(finding)
        note = "# iMRMC knows no clusters: several joints of one patient are taken as independent cases\n"
        mark = f"# {DEMONSTRATION}\n" if study.is_demonstration else ""
        files[f"imrmc-{finding}-{cut}.csv"] = mark + note + as_csv(IMRMC, imrmc_rows(dataset, finding, cut))
    files["README.txt"] = readme_text(study, sorted(files))
    return files


def export_listing(study: ReaderStudy) -> list[tuple[str, int | None]]:
    """
    Return the names of an export's files with the rows of the long tables, without making them.

    Raises
    ------
    ExportRefused
        As `export_files`.
    """
    snapshot = latest_snapshot(study) if study.state == ReaderStudy.State.UNBLINDED else None
    if snapshot is None:
        raise ExportRefused(_("Rows leave the study after unblinding, with a computed snapshot."))
    plan = AnalysisPlan.from_dict(snapshot.plan)
    counted = {
        "reads.csv": Rating.objects.filter(read__case__study=study, read__state=Read.State.SUBMITTED).count(),
        "reference.csv": ReferenceGrade.objects.filter(case__study=study, superseded_at__isnull=True).count(),
        "predictions.csv": Prediction.objects.filter(
            run__case__study=study, run__state__in=FINISHED_RUNS
        ).count(),
        "cases.csv": Case.objects.filter(study=study).count(),
        "adjudications.csv": Adjudication.objects.filter(discordance__case__study=study).count(),
    }
    if n_values := sum(1 for _ in clinical_rows(study)):
        counted["clinical.csv"] = n_values
    if snapshot.results.get("marks"):
        counted["lesions.csv"] = sum(1 for _ in lesion_rows(study))
        counted["marks.csv"] = sum(1 for _ in mark_rows(study))
    names = [
        *counted, "data_dictionary.csv", "protocol.yaml", "study.json", "results.json", "README.txt",
        *(
            f"imrmc-{finding}-{plan.cut_of(finding)}.csv"
            for finding in snapshot.results["summary"]["findings"]
        ),
    ]  # fmt: skip
    return [(name, counted.get(name)) for name in sorted(names)]


def as_archive(files: dict[str, str], folder: str) -> bytes:
    """Return the files as one ZIP archive; the same files give the same bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted(files):
            entry = zipfile.ZipInfo(f"{folder}/{name}", date_time=(1980, 1, 1, 0, 0, 0))
            entry.external_attr = 0o644 << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, files[name].encode())
    return buffer.getvalue()


def folder_name(study: ReaderStudy) -> str:
    """Return the name of the export's folder; demonstration data say so in it."""
    return f"{study.slug}-demonstration" if study.is_demonstration else study.slug


@transaction.atomic
def write_export(*, study: ReaderStudy, actor: User | None, at: datetime) -> dict[str, str]:
    """
    Return every file of a study and record that they were taken.

    Raises
    ------
    ExportRefused
        As `export_files`.
    """
    files = export_files(study)
    record(
        event="analysis.export.written",
        at=at,
        actor=actor,
        study_id=study.public_id,
        subject_type="study",
        subject_id=study.public_id,
        files=", ".join(sorted(files)),
    )
    if actor is not None:
        note_unblinding(study=study, actor=actor, act=UnblindingEvent.Act.EXPORT, at=at)
    return files
