"""
Answers as DICOM structured reports (TID 1500): the reference standard, each reader and the model, one file per case.

A structure is a measurement group with its finding site; each finding is a qualitative evaluation in the protocol's
own codes, and the model adds its probability of a grade at or above the plan's cut. Images are referenced by their
blinded UIDs; a case without images has a study of its own. The same snapshot gives the same bytes.
"""

import hashlib
import io
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from django.db import transaction
from pydicom.dataset import Dataset as DicomDataset
from pydicom.sr.codedict import codes
from pydicom.uid import SecondaryCaptureImageStorage

from readerstudy.accounts.models import User
from readerstudy.analysis.datasets import PARTITIONS, Dataset
from readerstudy.analysis.models import Snapshot, UnblindingEvent
from readerstudy.analysis.plan import AnalysisPlan
from readerstudy.analysis.results.grades import model_grades, score_at, thresholds_from
from readerstudy.analysis.results.items import answer_of
from readerstudy.analysis.selectors import protocol_of
from readerstudy.analysis.services.locking import note_unblinding
from readerstudy.analysis.services.snapshots import dataset_of
from readerstudy.core.audit import record
from readerstudy.studies.models import Case
from readerstudy.studies.protocols.document import Finding, ProtocolDocument

SCHEME = "99READERSTUDY"
MANUFACTURER = "ReaderStudy"
REFERENCE, MODEL = "reference", "model"
_TYPED = {"not_assessable": "not assessable", "absent": "absent", "fused": "fused"}


def uid_of(*names: str) -> str:
    """Return a UID that follows from names: below 2.25, from 122 bits of their digest."""
    digest = hashlib.sha256("\n".join(names).encode()).digest()
    return f"2.25.{int.from_bytes(digest[:16], 'big') >> 6}"


def _coded(value: str, meaning: str, version: int) -> Any:
    from highdicom.sr import CodedConcept

    # A code value holds 16 characters; longer ones are cut by a digest so that they stay different.
    short = value if len(value) <= 16 else f"{value[:7]}-{hashlib.sha256(value.encode()).hexdigest()[:8]}"
    return CodedConcept(short, SCHEME, meaning[:64], str(version))


def _evidence(case: Case) -> tuple[list[DicomDataset], bool]:
    """What a report needs to know of the images of a case, by blinded UIDs; or a study of its own."""
    found = []
    if case.image_set is not None:
        for study in case.image_set.imaging_studies.order_by("pk"):
            for series in study.series.order_by("pk"):
                first = series.instances.order_by("index").first()
                if first is not None:
                    found.append(_stub(case, study.blinded_uid, series.blinded_uid, first.blinded_uid))
    if found:
        # One report has one study; the images of others are pertinent evidence.
        return found, True
    names = (str(case.public_id), "no images")
    return [_stub(case, uid_of(*names, "study"), uid_of(*names, "series"), uid_of(*names, "image"))], False


def _stub(case: Case, study: str, series: str, instance: str) -> DicomDataset:
    image = DicomDataset()
    image.StudyInstanceUID, image.SeriesInstanceUID, image.SOPInstanceUID = study, series, instance
    image.SOPClassUID = SecondaryCaptureImageStorage
    image.PatientID = case.patient.pseudonym
    image.PatientName = f"{case.patient.pseudonym}^"  # one component, as DICOM marks it
    for name in ("PatientBirthDate", "PatientSex", "AccessionNumber", "StudyID", "StudyDate", "StudyTime"):
        setattr(image, name, "")
    image.SpecificCharacterSet = "ISO_IR 192"
    return image


def _observer(who: str, dataset: Dataset) -> Any:
    from highdicom.sr import (
        DeviceObserverIdentifyingAttributes,
        ObservationContext,
        ObserverContext,
        PersonObserverIdentifyingAttributes,
    )

    if who == MODEL and dataset.model is not None:
        return ObservationContext(
            observer_device_context=ObserverContext(
                codes.DCM.Device,
                DeviceObserverIdentifyingAttributes(
                    uid=uid_of("model", dataset.model.digest),
                    name=dataset.model.name,
                    model_name=dataset.model.label,
                ),
            )
        )
    name = "Reference^Standard" if who == REFERENCE else who
    return ObservationContext(
        observer_person_context=ObserverContext(
            codes.DCM.Person, PersonObserverIdentifyingAttributes(name=name)
        )
    )


class _Answers:
    """Grades of everybody on the grid."""

    def __init__(self, dataset: Dataset, plan: AnalysisPlan) -> None:
        self.dataset, self.plan = dataset, plan
        self.model = {}
        for name, data in dataset.findings.items():
            thresholds = (
                thresholds_from(
                    data.probabilities,
                    data.reference,
                    dataset.partition_of == PARTITIONS.index("validation"),
                )
                if plan.model_grade == "thresholds"
                else None
            )
            self.model[name] = model_grades(data.probabilities, plan.model_grade, thresholds)

    def of(self, who: str, finding: str, place: int) -> int | str:
        data = self.dataset.findings[finding]
        if who == REFERENCE:
            return answer_of(data.reference[place])
        if who == MODEL:
            return answer_of(self.model[finding][place])
        column = [reader.code for reader in self.dataset.readers].index(who)
        return answer_of(data.reads[place, column])


def _group(
    who: str, document: ProtocolDocument, answers: _Answers, case: Case, place: int, structure: str
) -> Any:
    """One structure with all its findings; None where nobody answered."""
    from highdicom.sr import (
        FindingSite,
        Measurement,
        MeasurementsAndQualitativeEvaluations,
        QualitativeEvaluation,
        TrackingIdentifier,
    )

    evaluations, measurements = [], []
    for name, data in answers.dataset.findings.items():
        finding = document.finding(name)
        answer = answers.of(who, name, place)
        if answer == "":
            continue
        concept = _coded(name, str(finding.label), document.version)
        evaluations.append(QualitativeEvaluation(concept, _value(finding, answer, document.version)))
        if who == MODEL:
            cut = answers.plan.cut_of(name)
            probability = float(score_at(data.probabilities[place : place + 1], cut)[0])
            what = _coded(
                f"p-{name}", f"probability of {finding.label}, grade {cut} or more", document.version
            )
            measurements.append(Measurement(what, round(probability, 6), codes.UCUM.NoUnits))
    if not evaluations:
        return None
    label = str(document.structure(structure).label)
    return MeasurementsAndQualitativeEvaluations(
        tracking_identifier=TrackingIdentifier(uid_of(str(case.public_id), structure), structure),
        finding_sites=[FindingSite(_coded(structure, label, document.version))],
        measurements=measurements or None,
        qualitative_evaluations=evaluations,
    )


def _value(finding: Finding, answer: int | str, version: int) -> Any:
    if isinstance(answer, str):
        return _coded(answer, _TYPED[answer], version)
    return _coded(f"{finding.id[:12]}.{answer}", str(finding.grade(answer).label), version)


def structured_report(
    *,
    case: Case,
    who: str,
    place: int,
    answers: _Answers,
    document: ProtocolDocument,
    at: datetime,
    mark: str,
) -> DicomDataset | None:
    """
    Return one person's (or the model's, or the reference standard's) answers to a case; None without any.

    Parameters
    ----------
    place : int
        Place of the case's first item in the grid.
    mark : str
        Marks demonstration data in the series description; empty for real ones.
    """
    from highdicom.sr import ComprehensiveSR, MeasurementReport

    groups = [
        group
        for k, structure in enumerate(answers.dataset.structures)
        if (group := _group(who, document, answers, case, place + k, structure)) is not None
    ]
    if not groups:
        return None
    evidence, has_images = _evidence(case)
    content = MeasurementReport(
        observation_context=_observer(who, answers.dataset),
        procedure_reported=codes.SCT.ImagingProcedure,
        imaging_measurements=groups,
        title=codes.DCM.ImagingMeasurementReport,
    )
    names = (str(case.public_id), who, document.digest)
    report = ComprehensiveSR(
        evidence=evidence,
        content=content[0],
        series_instance_uid=uid_of(*names, "series"),
        series_number=900,
        sop_instance_uid=uid_of(*names, "report", at.isoformat()),
        instance_number=1,
        manufacturer=MANUFACTURER,
        is_complete=True,
        is_final=True,
        record_evidence=has_images,
    )
    if not has_images:
        for name in ("CurrentRequestedProcedureEvidenceSequence", "PertinentOtherEvidenceSequence"):
            if name in report:
                delattr(report, name)
    moment = at.astimezone(UTC)
    for name in ("ContentDate", "InstanceCreationDate", "SeriesDate"):
        setattr(report, name, moment.strftime("%Y%m%d"))
    for name in ("ContentTime", "InstanceCreationTime", "SeriesTime"):
        setattr(report, name, moment.strftime("%H%M%S"))
    for equipment in report.get("ContributingEquipmentSequence", ()):
        equipment.ContributionDateTime = moment.strftime("%Y%m%d%H%M%S")
    report.SeriesDescription = f"{who}{mark}"[:64]
    return report


def structured_reports(snapshot: Snapshot, only: Case | None = None) -> Iterator[tuple[str, bytes]]:
    """Yield (name, file) of every report of a snapshot, or of one case."""
    study = snapshot.study
    dataset, document = dataset_of(snapshot), protocol_of(study).document
    answers = _Answers(dataset, AnalysisPlan.from_dict(snapshot.plan))
    wanted = Case.objects.filter(study=study).select_related("patient", "image_set")
    cases = {case.pseudonym: case for case in (wanted if only is None else wanted.filter(pk=only.pk))}
    people = [REFERENCE, *(reader.code for reader in dataset.readers), *([MODEL] if dataset.model else [])]
    mark = " (demonstration data)" if study.is_demonstration else ""
    for number, entry in enumerate(dataset.cases):
        if entry.pseudonym not in cases:
            continue
        for who in people:
            report = structured_report(
                case=cases[entry.pseudonym],
                who=who,
                place=number * len(dataset.structures),
                answers=answers,
                document=document,
                at=snapshot.study.unblinded_at or snapshot.created_at,
                mark=mark,
            )
            if report is None:
                continue
            buffer = io.BytesIO()
            report.save_as(buffer, enforce_file_format=True)
            yield f"{entry.pseudonym}/{who}.dcm", buffer.getvalue()


@transaction.atomic
def write_structured_reports(
    *, snapshot: Snapshot, actor: User | None, at: datetime, only: Case | None = None
) -> bytes:
    """Return every report, or those of one case, as one ZIP archive, and record that they were taken."""
    buffer = io.BytesIO()
    n = 0
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in structured_reports(snapshot, only):
            entry = zipfile.ZipInfo(f"structured-reports/{name}", date_time=(1980, 1, 1, 0, 0, 0))
            entry.external_attr = 0o644 << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, content)
            n += 1
    record(
        event="analysis.export.written",
        at=at,
        actor=actor,
        study_id=snapshot.study.public_id,
        subject_type="study",
        subject_id=snapshot.study.public_id,
        files=f"{n} DICOM structured reports",
    )
    if actor is not None:
        note_unblinding(
            study=snapshot.study, actor=actor, act=UnblindingEvent.Act.EXPORT, at=at, detail="DICOM SR"
        )
    return buffer.getvalue()
