"""Inviting people by e-mail: the letter carries a token of which only the hash is kept."""

import hashlib
import secrets
from collections.abc import Collection
from datetime import datetime, timedelta

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.mail import send_mail
from django.db import transaction
from django.utils import translation
from django.utils.translation import gettext as _

from readerstudy.accounts.models import User
from readerstudy.core.audit import Actor, record
from readerstudy.studies.models import Invitation, ReaderStudy, StudyRole
from readerstudy.studies.services.errors import StudyRefused
from readerstudy.studies.services.studies import ROLES, grant_roles

DAYS = 14


def _hashed(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


@transaction.atomic
def invite(
    *,
    study: ReaderStudy,
    email: str,
    display_name: str,
    roles: Collection[str],
    language: str,
    address_of: "str",
    actor: Actor,
    at: datetime,
) -> Invitation:
    """
    Invite a person and send the letter once the invitation stands.

    Parameters
    ----------
    address_of : str
        The address of the page that accepts, with ``TOKEN`` where the token goes.

    Raises
    ------
    StudyRefused
        If the roles do not exist or contradict each other, or the person was invited already.
    """
    unknown = set(roles) - set(ROLES)
    if unknown or not roles:
        raise StudyRefused(_("Choose at least one role. Nobody was invited."))
    held = StudyRole(study=study, **dict.fromkeys(roles, True))
    if held.is_blinded and any(
        getattr(held, role) for role in ("is_coordinator", "is_investigator", "is_auditor")
    ):
        raise StudyRefused(
            _(
                "These roles exclude each other: whoever grades, settles or confirms sees no result before "
                "unblinding. Nobody was invited."
            )
        )
    waiting = Invitation.objects.filter(
        study=study, email__iexact=email, accepted_at=None, withdrawn_at=None, expires_at__gt=at
    )
    if waiting.exists():
        raise StudyRefused(
            _("%(email)s was invited already and has not answered yet. Nobody was invited.")
            % {"email": email}
        )
    token = secrets.token_urlsafe(24)
    made = Invitation.objects.create(
        study=study,
        email=email,
        display_name=display_name.strip(),
        roles=sorted(roles),
        language=language,
        token_hash=_hashed(token),
        sent_at=at,
        expires_at=at + timedelta(days=DAYS),
    )
    record(
        event="studies.invitation.sent",
        at=at,
        actor=actor,
        study_id=study.public_id,
        subject_type="invitation",
        subject_id=made.pk,
        person=made.display_name,
        roles=", ".join(role.removeprefix("is_") for role in made.roles),
    )
    address = address_of.replace("TOKEN", token)

    def send() -> None:
        with translation.override(language or "en"):
            send_mail(
                _("Invitation to a reader study: %(study)s") % {"study": study.title},
                _(
                    "%(name)s,\n\nyou are invited to take part in the reader study “%(study)s”. Choose your name "
                    "for signing in and a password here, within %(days)d days:\n\n%(address)s\n\n"
                    "If you did not expect this letter, do nothing.\n"
                )
                % {"name": made.display_name, "study": study.title, "days": DAYS, "address": address},
                None,
                [email],
            )

    transaction.on_commit(send)
    return made


def invitation_of(token: str, *, at: datetime) -> Invitation | None:
    """Return the invitation that a token opens, None where it opens none: unknown, used, withdrawn, expired."""
    return (
        Invitation.objects.select_related("study")
        .filter(token_hash=_hashed(token), accepted_at=None, withdrawn_at=None, expires_at__gt=at)
        .first()
    )


@transaction.atomic
def accept_invitation(*, token: str, username: str, password: str, at: datetime) -> User:
    """
    Make the account of an invited person and give the roles.

    Raises
    ------
    StudyRefused
        If the invitation does not hold any more, the name is taken, or the password is too weak.
    """
    invitation = (
        Invitation.objects.select_for_update(of=("self",))
        .select_related("study")
        .filter(token_hash=_hashed(token), accepted_at=None, withdrawn_at=None, expires_at__gt=at)
        .first()
    )
    if invitation is None:
        raise StudyRefused(_("This invitation does not hold any more. Ask the coordinator for a new one."))
    if User.objects.filter(username__iexact=username).exists():
        raise StudyRefused(_("This name is taken. Choose another one."))
    user = User(
        username=username,
        display_name=invitation.display_name,
        email=invitation.email,
        language=invitation.language,
    )
    try:
        validate_password(password, user)
    except ValidationError as error:
        raise StudyRefused(" ".join(error.messages)) from None
    user.set_password(password)
    user.save()
    grant_roles(study=invitation.study, user=user, roles=invitation.roles, actor=None, at=at)
    invitation.accepted_at, invitation.user = at, user
    invitation.save(update_fields=["accepted_at", "user"])
    record(
        event="studies.invitation.accepted",
        at=at,
        actor=user,
        study_id=invitation.study.public_id,
        subject_type="invitation",
        subject_id=invitation.pk,
    )
    return user
