"""Reads that span the tables of a study."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop as N_

from readerstudy.accounts.models import User
from readerstudy.imaging.selectors import RADIOGRAPHS, modalities_of
from readerstudy.studies.models import Case, ReaderStudy, StudyRole
from readerstudy.studies.protocols.document import ProtocolDocument


def lacking_kinds(wanted: Iterable[str], present: Collection[str]) -> tuple[str, ...]:
    """Return which of a protocol's kinds of image are not among those of a case, as `modalities_of` calls them."""
    return tuple(
        kind for kind in wanted if ("X-ray" if kind in {"XR", *RADIOGRAPHS} else kind) not in present
    )


def lacked_by(case: Case, document: ProtocolDocument) -> tuple[str, ...]:
    """Return the kinds of image that the protocol requires and the case lacks."""
    if not document.required_modalities:
        return ()
    present = modalities_of([case.image_set_id]) if case.image_set_id else {}
    return lacking_kinds(document.required_modalities, present.get(case.image_set_id or 0, ()))


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
