"""Where a new study can begin: a shipped protocol, the protocol of a study that one coordinates, or a file."""

from dataclasses import dataclass
from pathlib import Path

from django.conf import settings
from django.http import Http404
from django.utils.translation import get_language

from readerstudy.accounts.models import User
from readerstudy.studies.models import ReaderStudy, StudyRole
from readerstudy.studies.protocols.loading import load_protocol
from readerstudy.studies.services.studies import current_protocol

SHIPPED, OWN = "shipped", "study"


@dataclass(frozen=True)
class Beginning:
    """One protocol to begin from."""

    key: str
    title: str
    fact: str


def shipped_folder() -> Path:
    return Path(settings.BASE_DIR) / "protocols"


def access_creation(*, user: User) -> None:
    """
    Let those pass who may make a study: administrators and coordinators of any study.

    Raises
    ------
    Http404
        For everybody else.
    """
    coordinates = StudyRole.objects.filter(user=user, is_coordinator=True, left_at__isnull=True).exists()
    if not (user.is_staff or coordinates):
        raise Http404("There is nothing here for you.")


def may_create(user: User) -> bool:
    try:
        access_creation(user=user)
    except Http404:
        return False
    return True


def coordinated_studies(user: User) -> list[ReaderStudy]:
    """Return the studies that a person coordinates, by name."""
    roles = StudyRole.objects.filter(user=user, is_coordinator=True, left_at__isnull=True)
    return [role.study for role in roles.select_related("study").order_by("study__slug")]


def beginnings(user: User) -> list[Beginning]:
    """Return what a person may begin from; of studies only those that they coordinate."""
    language = get_language() or "en"
    found = []
    for path in sorted(shipped_folder().glob("*.yaml")):
        document = load_protocol(path.read_text(encoding="utf-8"), name=path.name)
        found.append(
            Beginning(f"{SHIPPED}/{path.stem}", document.title.in_language(language), document.registration)
        )
    found += [
        Beginning(f"{OWN}/{study.slug}", study.title, f"{current_protocol(study).document.id}")
        for study in coordinated_studies(user)
    ]
    return found


def source_of(user: User, key: str) -> str:
    """
    Return the file of a beginning.

    Raises
    ------
    Http404
        If there is no such beginning for this person.
    """
    kind, _, name = key.partition("/")
    if kind == SHIPPED:
        for path in shipped_folder().glob("*.yaml"):
            if path.stem == name:
                return path.read_text(encoding="utf-8")
    if kind == OWN:
        for study in coordinated_studies(user):
            if study.slug == name:
                return current_protocol(study).source
    raise Http404("There is nothing here for you.")
