"""The door to a study's office pages."""

from collections.abc import Collection

from django.http import Http404

from readerstudy.accounts.models import User
from readerstudy.studies.models import SCREENING_ROLES, UNBLINDED_ROLES, Case, ReaderStudy, StudyRole
from readerstudy.studies.services.studies import current_protocol


def access_office(*, user: User, slug: str, roles: Collection[str] = UNBLINDED_ROLES) -> ReaderStudy:
    """
    Return a study in which the user holds one of the office roles.

    Raises
    ------
    Http404
        If there is no such study or the user has no such role in it; the two are indistinguishable.
    """
    role = StudyRole.objects.select_related("study").filter(study__slug=slug, user=user).first()
    if role is None or not any(getattr(role, name) for name in roles):
        raise Http404("There is nothing here for you.")
    return role.study


def access_screening(*, user: User, slug: str) -> ReaderStudy:
    """
    Return a study in which the user decides on cases: its screening doctor, else its coordinator.

    Where a study names a doctor, or its protocol wants one (``screening: {by: doctor}``), nobody else decides.

    Raises
    ------
    Http404
        As `access_office`.
    """
    named = StudyRole.objects.filter(study__slug=slug, is_screener=True, left_at__isnull=True).exists()
    study = access_office(user=user, slug=slug, roles=(*SCREENING_ROLES, "is_coordinator"))
    wanted = current_protocol(study).document.screened_by == "doctor"
    return access_office(
        user=user, slug=slug, roles=SCREENING_ROLES if named or wanted else ("is_coordinator",)
    )


def access_case(*, study: ReaderStudy, case: object) -> Case:
    """
    Return a case of a study that `access_office` let through.

    Raises
    ------
    Http404
        If the study has no such case.
    """
    found = (
        Case.objects.select_related("study", "patient", "image_set")
        .filter(study=study, public_id=case)
        .first()
    )
    if found is None:
        raise Http404("There is nothing here for you.")
    return found
