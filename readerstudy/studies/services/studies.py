"""Creating a study and giving people their roles."""

from collections.abc import Collection
from datetime import datetime

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from readerstudy.accounts.models import User
from readerstudy.core.audit import Actor, record
from readerstudy.studies.models import (
    BLINDED_ROLES,
    SCREENING_ROLES,
    UNBLINDED_ROLES,
    Case,
    Protocol,
    ReaderStudy,
    StudyRole,
)
from readerstudy.studies.protocols.document import ProtocolDocument
from readerstudy.studies.protocols.loading import load_protocol
from readerstudy.studies.services.errors import StudyRefused, WrongState
from readerstudy.studies.wording import state_words

ROLES = BLINDED_ROLES + UNBLINDED_ROLES + SCREENING_ROLES
_CODE_LETTERS = {
    "is_reader": "R",
    "is_adjudicator": "S",
    "is_panel": "P",
    "is_coordinator": "C",
    "is_investigator": "I",
    "is_auditor": "A",
    "is_screener": "D",
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
    asks_before_reading: bool | None = None,
    name: str = "",
) -> ReaderStudy:
    """
    Make a draft study from the text of a protocol file.

    Parameters
    ----------
    asks_before_reading : bool, optional
        Whether charter and viewing conditions are acknowledged before the first case; by default in every
        study but a demonstration.

    Raises
    ------
    ProtocolError
        If the file cannot be used; it lists every problem by line.
    StudyRefused
        If the short name is taken.
    """
    document = load_protocol(source, name=name)
    if ReaderStudy.objects.filter(slug=slug).exists():
        raise StudyRefused(
            _("There is a study named %(slug)s already. Choose another short name.") % {"slug": repr(slug)}
        )
    study = ReaderStudy.objects.create(
        slug=slug,
        title=title or str(document.title),
        created_at=at,
        is_demonstration=is_demonstration,
        # A demonstration goes straight to the case.
        asks_before_reading=not is_demonstration if asks_before_reading is None else asks_before_reading,
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
        raise StudyRefused(
            _("There is no role %(unknown)s; there are %(roles)s.")
            % {"unknown": ", ".join(sorted(unknown)), "roles": ", ".join(ROLES)}
        )
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
        if "no_blinded_duty_beside_screening" in str(error):
            raise StudyRefused(
                _(
                    "%(user)s cannot hold these roles together: whoever decides on cases sees their codes, and a "
                    "reader must not. Nothing was changed."
                )
                % {"user": user}
            ) from None
        if "no_blinded_duty_beside" in str(error):
            raise StudyRefused(
                _(
                    "%(user)s cannot hold these roles together: whoever grades, settles or confirms sees no result "
                    "before unblinding. Nothing was changed."
                )
                % {"user": user}
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
def open_study(
    *, study: ReaderStudy, actor: Actor | None, at: datetime, expected_digest: str = ""
) -> ReaderStudy:
    """
    Open a draft study for reading; its protocol is frozen from now on.

    Parameters
    ----------
    expected_digest : str, optional
        Digest of the protocol that was shown to whoever opens.

    Raises
    ------
    WrongState
        If the study is not a draft.
    StudyRefused
        If the protocol is another one than was shown.
    """
    study = ReaderStudy.objects.select_for_update().get(pk=study.pk)
    if study.state != ReaderStudy.State.DRAFT:
        raise WrongState(
            _("The study is %(state)s; only a draft can be opened. Nothing was changed.")
            % {"state": state_words(study.state)}
        )
    protocol = current_protocol(study)
    if expected_digest and protocol.digest != expected_digest:
        raise StudyRefused(
            _("The protocol was amended since this page was shown. Look at it again. Nothing was changed.")
        )
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


@transaction.atomic
def amend_protocol(
    *, study: ReaderStudy, source: str, reason: str, actor: Actor | None, at: datetime, name: str = ""
) -> Protocol:
    """
    Give a study a new version of its protocol. Reads stay pinned to the version they were started with.

    In a draft the protocol may become any other; from the opening on an amendment keeps items and scales,
    because answers under both versions are compared with each other.

    Raises
    ------
    ProtocolError
        If the file cannot be used; it lists every problem by line.
    WrongState
        If the study is locked or unblinded.
    StudyRefused
        If no reason is given, the version is not the next one, nothing changes, items would change, or clinical
        data are to be shown that no case of the open study has.
    """
    document = load_protocol(source, name=name)
    study = ReaderStudy.objects.select_for_update().get(pk=study.pk)
    if study.state not in {ReaderStudy.State.DRAFT, ReaderStudy.State.OPEN}:
        raise WrongState(
            _("The study is %(state)s; its protocol stands. Nothing was changed.")
            % {"state": state_words(study.state)}
        )
    if not reason.strip():
        raise StudyRefused(_("Say why the protocol is amended. Nothing was changed."))
    present = current_protocol(study)
    problems = []
    if document.version != present.version + 1:
        problems.append(
            _("the next version is %(next)s; the file says %(version)s")
            % {"next": present.version + 1, "version": document.version}
        )
    if document.id != present.document.id:
        problems.append(
            _("the protocol is %(id)s; the file says %(given)s")
            % {"id": present.document.id, "given": document.id}
        )
    if study.state == ReaderStudy.State.OPEN:
        problems += _changed_items(present.document, document)
        problems += _unknown_columns(study, present.document, document)
    if problems:
        raise StudyRefused(
            _("The protocol was not amended: %(problems)s. Nothing was changed.")
            % {"problems": "; ".join(problems)}
        )
    amended = Protocol.objects.create(
        study=study,
        version=document.version,
        source=source,
        digest=document.digest,
        created_at=at,
        frozen_at=at if study.state == ReaderStudy.State.OPEN else None,
    )
    record(
        event="studies.protocol.amended",
        at=at,
        actor=actor,
        study_id=study.public_id,
        subject_type="study",
        subject_id=study.public_id,
        version=document.version,
        digest=document.digest,
        reason=reason.strip(),
    )
    return amended


def _changed_items(present: ProtocolDocument, amended: ProtocolDocument) -> list[str]:
    """Name what of the items an amendment would change."""
    problems = []
    if [each.id for each in present.structures] != [each.id for each in amended.structures]:
        problems.append(_("the structures differ; reads under both versions could not be compared"))
    before = {each.id: (each.kind, each.n_grades, each.cut, each.agreement) for each in present.findings}
    after = {each.id: (each.kind, each.n_grades, each.cut, each.agreement) for each in amended.findings}
    if list(before) != list(after):
        problems.append(_("the findings differ; reads under both versions could not be compared"))
    problems += [
        _("scale, cut or agreement of %(name)s differ") % {"name": name}
        for name in before
        if name in after and before[name] != after[name]
    ]
    return problems


def _unknown_columns(study: ReaderStudy, present: ProtocolDocument, amended: ProtocolDocument) -> list[str]:
    """Name the clinical columns that an amendment would begin to show and that no case has."""
    shown = {each.id for each in present.clinical_context}
    return [
        _(
            "no case has the clinical value %(name)s; take in the clinical data first: of a case that is assigned "
            "they cannot come later"
        )
        % {"name": each.id}
        for each in amended.clinical_context
        if each.id not in shown and not Case.objects.filter(study=study, clinical__has_key=each.id).exists()
    ]


def current_protocol(study: ReaderStudy) -> Protocol:
    """Return the newest version of the study's protocol."""
    protocol = study.protocols.order_by("-version").first()
    if protocol is None:
        raise StudyRefused(_("The study has no protocol."))
    return protocol
