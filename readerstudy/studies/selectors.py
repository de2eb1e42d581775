"""Reads that span the tables of a study."""

from dataclasses import dataclass

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop as N_

from readerstudy.accounts.models import User
from readerstudy.studies.models import ReaderStudy, StudyRole


def role_code(*, study: ReaderStudy, user: User) -> str:
    """Return the neutral code of a person in a study, such as R1."""
    role = StudyRole.objects.filter(study=study, user=user).first()
    return role.code if role else ""


@dataclass(frozen=True)
class OwnStudy:
    """A study in which a person has something to do, and where they begin."""

    title: str
    state: str
    is_demonstration: bool
    doors: tuple[tuple[str, str], ...]


_DOORS = (
    ("is_reader", N_("Read cases"), "grading:worklist"),
    ("is_adjudicator", N_("Settle items"), "grading:adjudication_list"),
    ("is_panel", N_("Confirm cases"), "grading:panel_list"),
    ("is_screener", N_("Screen cases"), "studies:cases"),
    ("is_coordinator", N_("Coordinate"), "grading:overview"),
    ("is_investigator", N_("Overview and results"), "grading:overview"),
    ("is_auditor", N_("Audit"), "grading:overview"),
)


def own_studies(user: User) -> list[OwnStudy]:
    """Return the studies of a person with one door per role, newest first."""
    roles = (
        StudyRole.objects.filter(user=user).select_related("study").order_by("-study__created_at", "study_id")
    )
    found = []
    for role in roles:
        if role.is_blinded and role.study.state == ReaderStudy.State.DRAFT:
            continue
        doors = tuple(
            (_(label), reverse(name, kwargs={"slug": role.study.slug}))
            for field, label, name in _DOORS
            if getattr(role, field)
        )
        if doors:
            found.append(OwnStudy(role.study.title, role.study.state, role.study.is_demonstration, doors))
    return found
