"""What the study commands share: finding things by name, failing in one plain sentence."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.core.management.base import CommandError

from readerstudy.accounts.models import User
from readerstudy.imaging.archive import ArchiveUnavailable
from readerstudy.imaging.reader_process import CannotWrite
from readerstudy.imaging.services.receiving import SourceMissing
from readerstudy.studies.models import ReaderStudy
from readerstudy.studies.protocols.loading import ProtocolError
from readerstudy.studies.services.errors import StudyRefused


def study_named(slug: str) -> ReaderStudy:
    """Return a study by its short name, or end the command."""
    study = ReaderStudy.objects.filter(slug=slug).first()
    if study is None:
        known = ", ".join(ReaderStudy.objects.order_by("slug").values_list("slug", flat=True)) or "none yet"
        raise CommandError(f"There is no study named {slug!r}. There are: {known}.")
    return study


def actor_named(username: str | None) -> User | None:
    """Return the account in whose name a command acts; None where none was given."""
    if not username:
        return None
    user = User.objects.filter(username=username).first()
    if user is None:
        raise CommandError(f"There is no account named {username!r}.")
    return user


@contextmanager
def plain_refusals() -> Iterator[None]:
    """Turn the services' refusals into the command's one message."""
    try:
        yield
    except (StudyRefused, ProtocolError, SourceMissing, ArchiveUnavailable, CannotWrite) as error:
        raise CommandError(str(error)) from None
