"""A model's predictions."""

import hashlib
import uuid
from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext as _

from inference.models import InferenceRun, ModelVersion, Prediction, StudyRun
from readerstudy.analysis.exchange_columns import PREDICTIONS
from readerstudy.analysis.selectors import IMPORTED
from readerstudy.analysis.services.imports.answers import item_of, probabilities_of
from readerstudy.analysis.services.imports.recording import note_import
from readerstudy.analysis.services.imports.roster import Roster, writable
from readerstudy.analysis.services.imports.tables import BadCell, Row, checked, name_of, one_of, read_table
from readerstudy.core.audit import Actor
from readerstudy.studies.models import Case, ReaderStudy
from readerstudy.studies.services.studies import current_protocol


@transaction.atomic
def import_predictions(
    *, study: ReaderStudy, text: str, actor: Actor | None, at: datetime, source: str
) -> int:
    """
    Take in a model's predictions as the export writes them.

    The model version is identified by the digest of its rows; it was never approved here, so its figures
    are exploratory.

    Raises
    ------
    ImportRefused, WrongState
        As `import_reads`.
    """
    study = writable(study)
    document = current_protocol(study).document
    roster = Roster(study, at)
    seen: set[tuple[str, ...]] = set()

    def check(row: Row) -> tuple[Case, list[float]]:
        case = roster.known_case(row)
        finding = item_of(document, row)
        name_of(row, "model", 80)
        name_of(row, "version")
        one_of(row, "input_points", ["automatic", "corrected", ""])
        key = (row["model"], row["version"], row["case_id"], row["structure"], row["finding"])
        if key in seen:
            raise BadCell("row", _("stands twice: the same model, case and item"))
        seen.add(key)
        return case, probabilities_of(row, finding)

    good = checked(read_table(text, PREDICTIONS), check)
    by_model: dict[tuple[str, str], list[tuple[dict[str, str], Case, list[float]]]] = {}
    for __, row, (case, probabilities) in good:
        by_model.setdefault((row["model"], row["version"]), []).append((row, case, probabilities))
    for (name, version), rows in by_model.items():
        _write_predictions(study, name, version, rows, at)
    note_import(
        study=study, table="predictions", n_rows=len(good), text=text, source=source, actor=actor, at=at
    )
    return len(good)


def _write_predictions(
    study: ReaderStudy,
    name: str,
    version: str,
    rows: list[tuple[dict[str, str], Case, list[float]]],
    at: datetime,
) -> None:
    text = "\n".join(
        f"{row['case_id']},{row['structure']},{row['finding']},{values}" for row, __, values in rows
    )
    digest = hashlib.sha256(f"imported {name} {version}\n{text}".encode()).hexdigest()
    model = ModelVersion.objects.filter(name=name, version=version).first()
    if model is None:
        model = ModelVersion.objects.create(
            digest=digest,
            name=name,
            version=version,
            manifest={"imported": True},
            is_synthetic=study.is_demonstration,
            registered_at=at,
        )
    number = StudyRun.objects.filter(study=study).count() + 1
    study_run = StudyRun.objects.create(study=study, model=model, number=number, started_at=at)
    runs: dict[int, InferenceRun] = {}
    for row, case, __ in rows:
        if case.pk not in runs:
            runs[case.pk] = InferenceRun.objects.create(
                study_run=study_run,
                case=case,
                model=model,
                state=InferenceRun.State.DONE,
                input_key=hashlib.sha256(f"{digest} {case.public_id} {uuid.uuid4()}".encode()).hexdigest(),
                input_points=row["input_points"],
                notes=[IMPORTED],
                finished_at=at,
            )
    Prediction.objects.bulk_create(
        [
            Prediction(
                run=runs[case.pk], structure=row["structure"], finding=row["finding"], probabilities=values
            )
            for row, case, values in rows
        ],
        batch_size=1000,
    )
