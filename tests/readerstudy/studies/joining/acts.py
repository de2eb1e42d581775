"""What a coordinator does with cases that are of one patient."""

from readerstudy.studies.models import Assignment, Case, Patient, ReaderStudy
from readerstudy.studies.services.joining import join_cases, take_out_of_case
from tests import factories


def join(pair: list[Case]) -> Case:
    stays, *comes = pair
    return join_cases(study=stays.study, stays=stays, comes=comes, actor=None, at=factories.AT)


def take_out(case: Case, *studies: str, is_other_patient: bool = True) -> Case:
    return take_out_of_case(
        case=case,
        imaging_studies=studies,
        is_other_patient=is_other_patient,
        actor=None,
        at=factories.AT,
    )


def everything(study: ReaderStudy) -> list[object]:
    cases = Case.objects.filter(study=study).order_by("pk")
    return [
        list(cases.values()),
        list(Patient.objects.filter(study=study).order_by("pk").values()),
        list(Assignment.objects.filter(study=study).order_by("pk").values()),
        [list(case.image_set.imaging_studies.values()) for case in cases if case.image_set],
    ]


def said(answer) -> str:
    return answer.content.decode()
