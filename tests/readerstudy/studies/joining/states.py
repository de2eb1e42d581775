"""States of two cases that forbid making one of them: each is brought about in the database."""

from grading.services.reading import open_read
from readerstudy.analysis.models import ImportedReference
from readerstudy.studies.models import (
    Assignment,
    Case,
    Centre,
    Deviation,
    Landmark,
    Patient,
    ReaderQuery,
    ReaderStudy,
    ReleasedAid,
)
from readerstudy.studies.services.cases import withdraw_case
from tests import factories


def locked(stays, comes):
    at = factories.AT
    ReaderStudy.objects.filter(pk=stays.study.pk).update(state="locked", opened_at=at, locked_at=at)


def withdrawn(stays, comes):
    withdraw_case(case=comes, actor=None, at=factories.AT)


def practised(stays, comes):
    factories.case(study=stays.study, patient=comes.patient, status="practice")


def opened(stays, comes):
    reader = factories.user("reader")
    factories.study_role("reader", study=stays.study, person=reader)
    open_read(assignment=factories.assignment(of=stays, person=reader), at=factories.AT)


def opened_and_taken_back(stays, comes):
    reader = factories.user("reader")
    factories.study_role("reader", study=stays.study, person=reader)
    assignment = factories.assignment(of=comes, person=reader)
    open_read(assignment=assignment, at=factories.AT)
    Assignment.objects.update(withdrawn_at=factories.AT)


def referenced(stays, comes):
    ImportedReference.objects.create(case=comes, structure="L4-5-right", finding="cyst")


def deviating(stays, comes):
    Deviation.objects.create(
        study=stays.study, case=comes, text="late", happened_on_date=factories.AT.date(),
        noted_at=factories.AT, noted_by="K1",
    )  # fmt: skip


def asked(stays, comes):
    reader = factories.user("reader")
    factories.study_role("reader", study=stays.study, person=reader)
    ReaderQuery.objects.create(
        study=stays.study, user=reader, assignment=factories.assignment(of=comes, person=reader),
        kind="question", text="?", asked_at=factories.AT,
    )  # fmt: skip


def aided(stays, comes):
    reader = factories.user("reader")
    factories.study_role("reader", study=stays.study, person=reader)
    ReleasedAid.objects.create(
        assignment=factories.assignment(of=comes, person=reader), payload={}, model_digest="0" * 64,
        released_at=factories.AT,
    )  # fmt: skip


def screened(stays, comes):
    Case.objects.filter(pk=comes.pk).update(status="imported")


def excluded(stays, comes):
    for case, reason in ((stays, "fracture"), (comes, "severe-scoliosis")):
        Case.objects.filter(pk=case.pk).update(status="excluded", exclusion_reason=reason)


def numbered(stays, comes):
    Case.objects.filter(pk=stays.pk).update(numbering={"variant": "5"})
    Case.objects.filter(pk=comes.pk).update(numbering={"variant": "6"})


def numbered_once(stays, comes):
    Case.objects.filter(pk=stays.pk).update(numbering={"variant": "5"})
    Case.objects.filter(pk=comes.pk).update(numbering={})


def sides(stays, comes):
    Case.objects.filter(pk=stays.pk).update(sides_accepted_by_convention=True)
    Case.objects.filter(pk=comes.pk).update(sides_accepted_by_convention=False)
    for case in (stays, comes):
        case.image_set.imaging_studies.update(laterality="unknown")


def centre(stays, comes):
    Patient.objects.filter(pk=comes.patient.pk).update(
        centre=Centre.objects.create(study=stays.study, code="far")
    )


def drawn(stays, comes):
    for case, partition in ((stays, "train"), (comes, "test")):
        Patient.objects.filter(pk=case.patient.pk).update(partition=partition)


def clinical(stays, comes):
    Case.objects.filter(pk=stays.pk).update(clinical={"age": "63"})
    Case.objects.filter(pk=comes.pk).update(clinical={"age": "36"})


def placed(stays, comes):
    for case, x in ((stays, 1.0), (comes, 2.0)):
        Landmark.objects.create(
            case=case, structure="L4-5-right", frame_of_reference_uid="same", x_mm=x, y_mm=0, z_mm=0,
            source="imported", set_at=factories.AT,
        )  # fmt: skip


def without_images(stays, comes):
    Case.objects.filter(pk=comes.pk).update(image_set=None)
