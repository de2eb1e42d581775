"""
The only doors to results, for people who hold no blinded duty in the study.

No such study, no such role, and a role that may not pass all give the same answer, on purpose.
"""

from django.http import Http404

from readerstudy.accounts.models import User
from readerstudy.studies.models import ReaderStudy, StudyRole

_NOTHING = "There is nothing here for you."


class BeforeUnblinding(Http404):
    """A person of the study's office asked for figures or rows before unblinding: as absent, and recorded."""

    def __init__(self, study: ReaderStudy) -> None:
        super().__init__(_NOTHING)
        self.study = study


OFFICE_ROLES = ("is_coordinator", "is_investigator", "is_auditor")


def _access(user: User, slug: str, roles: tuple[str, ...]) -> tuple[ReaderStudy, StudyRole]:
    found = StudyRole.objects.select_related("study").filter(study__slug=slug, user=user).first()
    if found is None or not user.is_active:
        raise Http404(_NOTHING)
    if found.is_blinded and found.study.state != ReaderStudy.State.UNBLINDED:
        raise Http404(_NOTHING)
    if not any(getattr(found, role) for role in roles):
        raise Http404(_NOTHING)
    return found.study, found


def access_results(*, user: User, slug: str) -> ReaderStudy:
    """
    Return a study whose results page the person may open: the plan before unblinding, figures after.

    Raises
    ------
    Http404
        If there is no such study or the person is no coordinator, investigator or auditor of it.
    """
    return _access(user, slug, OFFICE_ROLES)[0]


def access_figures(*, user: User, slug: str) -> ReaderStudy:
    """
    Return an unblinded study whose figures the person may take away.

    Raises
    ------
    Http404
        As `access_results`.
    BeforeUnblinding
        Before unblinding; a page answers it as it answers `Http404`, and records it.
    """
    study = access_results(user=user, slug=slug)
    if study.state != ReaderStudy.State.UNBLINDED:
        raise BeforeUnblinding(study)
    return study


def access_export(*, user: User, slug: str) -> ReaderStudy:
    """
    Return an unblinded study whose rows the person may take away: investigators and auditors.

    Raises
    ------
    Http404
        In every other case.
    """
    study, _ = _access(user, slug, ("is_investigator", "is_auditor"))
    if study.state != ReaderStudy.State.UNBLINDED:
        raise BeforeUnblinding(study)
    return study


def can_export(study: ReaderStudy, user: User) -> bool:
    """Return whether `access_export` would let the person pass."""
    try:
        access_export(user=user, slug=study.slug)
    except Http404:
        return False
    return True


def access_import(*, user: User, slug: str) -> ReaderStudy:
    """Return a study into which the person may take tables: its coordinator or investigator. Raises Http404."""
    return _access(user, slug, ("is_coordinator", "is_investigator"))[0]


def access_aid(*, user: User, slug: str) -> ReaderStudy:
    """Return a study whose aid the person may release: its coordinator. Raises Http404."""
    return _access(user, slug, ("is_coordinator",))[0]


def access_lock(*, user: User, slug: str) -> ReaderStudy:
    """Return a study that the person may lock: its coordinator or investigator. Raises Http404."""
    return _access(user, slug, ("is_coordinator", "is_investigator"))[0]


def access_unblinding(*, user: User, slug: str) -> ReaderStudy:
    """Return a study that the person may unblind: its investigator. Raises Http404."""
    return _access(user, slug, ("is_investigator",))[0]


def access_audit(*, user: User, slug: str) -> ReaderStudy:
    """
    Return a study whose audit log the person may read.

    Raises
    ------
    Http404
        If there is no such study, the person is no coordinator, investigator or auditor of it.
    """
    return _access(user, slug, OFFICE_ROLES)[0]
