"""Creating a study and giving people their roles."""

from collections.abc import Collection
from datetime import datetime

from django.db import IntegrityError, transaction

from readerstudy.accounts.models import User
from readerstudy.core.audit import Actor, record
from readerstudy.studies.models import (
    BLINDED_ROLES,
    UNBLINDED_ROLES,
    Protocol,
    ReaderStudy,
    StudyRole,
)
from readerstudy.studies.protocols.loading import load_protocol
from readerstudy.studies.services.errors import StudyRefused, WrongState

ROLES = BLINDED_ROLES + UNBLINDED_ROLES
_CODE_LETTERS = {
    "is_reader": "R",
    "is_adjudicator": "S",
    "is_panel": "P",
    "is_coordinator": "C",
    "is_investigator": "I",
    "is_auditor": "A",
}


@transaction.atomic
def create_study(
    *,
    source: str,
    slug: str,
    actor: Actor | None,
    at: datetime,
    title: str = "",
    is_demonstration: bool = False,
    name: str = "protocol",
) -> ReaderStudy:
    """
    Make a draft study from the text of a protocol file.

    Raises
    ------
    ProtocolError
        If the file cannot be used; it lists every problem by line.
    StudyRefused
        If the short name is taken.
    """
    document = load_protocol(source, name=name)
    if ReaderStudy.objects.filter(slug=slug).exists():
        raise StudyRefused(f"There is a study named {slug!r} already. Choose another short name.")
    study = ReaderStudy.objects.create(
        slug=slug, title=title or str(document.title), created_at=at, is_demonstration=is_demonstration
    )
    Protocol.objects.create(
        study=study, version=document.version, source=source, digest=document.digest, created_at=at
    )
    record(
        event="studies.study.created",
        at=at,
        actor=actor,
        study_id=study.public_id,
        subject_type="study",
        subject_id=study.public_id,
        protocol=document.id,
        version=document.version,
        digest=document.digest,
    )
    return study


@transaction.atomic
def grant_roles(
    *,
    study: ReaderStudy,
    user: User,
    roles: Collection[str],
    actor: Actor | None,
    at: datetime,
    code: str = "",
) -> StudyRole:
    """
    Give a person roles in a study, in addition to those held.

    Parameters
    ----------
    roles : collection of str
        Names of `StudyRole` fields, such as ``"is_reader"``.
    code : str, optional
        Neutral name; by default a letter per role and the next number.

    Raises
    ------
    StudyRefused
        If a blinded duty would stand beside an unblinded role before unblinding.
    """
    unknown = set(roles) - set(ROLES)
    if unknown:
        raise StudyRefused(f"There is no role {', '.join(sorted(unknown))}; there are {', '.join(ROLES)}.")
    held = StudyRole.objects.select_for_update().filter(study=study, user=user).first()
    if held is None:
        letter = next(_CODE_LETTERS[role] for role in ROLES if role in roles)
        if not code:
            used = set(StudyRole.objects.filter(study=study).values_list("code", flat=True))
            code = next(f"{letter}{n}" for n in range(1, len(used) + 2) if f"{letter}{n}" not in used)
        held = StudyRole(study=study, user=user, code=code, granted_at=at)
    for role in roles:
        setattr(held, role, True)
    try:
        with transaction.atomic():
            held.save()
    except IntegrityError as error:
        if "no_blinded_duty_beside" in str(error):
            raise StudyRefused(
                f"{user} cannot hold these roles together: whoever grades, settles or confirms sees no result "
                "before unblinding. Nothing was changed."
            ) from None
        raise
    record(
        event="studies.role.granted",
        at=at,
        actor=actor,
        study_id=study.public_id,
        subject_type="user",
        subject_id=user.public_id,
        person=held.code,
        roles=", ".join(role.removeprefix("is_") for role in ROLES if role in roles),
    )
    return held


@transaction.atomic
def open_study(*, study: ReaderStudy, actor: Actor | None, at: datetime) -> ReaderStudy:
    """
    Open a draft study for reading; its protocol is frozen from now on.

    Raises
    ------
    WrongState
        If the study is not a draft.
    """
    study = ReaderStudy.objects.select_for_update().get(pk=study.pk)
    if study.state != ReaderStudy.State.DRAFT:
        raise WrongState(f"The study is {study.state}; only a draft can be opened. Nothing was changed.")
    protocol = current_protocol(study)
    Protocol.objects.filter(pk=protocol.pk).update(frozen_at=at)
    study.state, study.opened_at = ReaderStudy.State.OPEN, at
    study.save(update_fields=["state", "opened_at"])
    record(
        event="studies.study.opened",
        at=at,
        actor=actor,
        study_id=study.public_id,
        subject_type="study",
        subject_id=study.public_id,
        digest=protocol.digest,
    )
    return study


def current_protocol(study: ReaderStudy) -> Protocol:
    """Return the newest version of the study's protocol."""
    protocol = study.protocols.order_by("-version").first()
    if protocol is None:
        raise StudyRefused("The study has no protocol.")
    return protocol
