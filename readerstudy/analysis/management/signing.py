"""A signature on the command line: the signer's name, and the password again."""

import getpass
from typing import Any

from django.core.management.base import CommandError, CommandParser

from readerstudy.accounts.models import User
from readerstudy.studies.models import ReaderStudy, StudyRole


def add_signing_arguments(parser: CommandParser) -> None:
    """Add the study and the signer to a command."""
    parser.add_argument("study", help="short name of the study")
    parser.add_argument("--as", dest="signer", required=True, metavar="NAME", help="account that signs")
    parser.add_argument("--reason", default="", help="why, where something is missing")


def signer_and_study(options: dict[str, Any], roles: tuple[str, ...]) -> tuple[User, ReaderStudy]:
    """
    Ask for the password and return who signs and what.

    Raises
    ------
    CommandError
        If the study, the person's role or the password is not right; one sentence for all three.
    """
    password = getpass.getpass("Password: ")
    # Not through the sign-in backends: they count failed tries by browser, and there is none here.
    user = User.objects.filter(username=options["signer"], is_active=True).first()
    signed = user is not None and user.check_password(password)
    role = StudyRole.objects.select_related("study").filter(study__slug=options["study"], user=user).first()
    if user is None or not signed or role is None or not any(getattr(role, name) for name in roles):
        raise CommandError("This study, account and password do not fit together. Nothing was changed.")
    return user, role.study
