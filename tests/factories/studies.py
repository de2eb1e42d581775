"""People, studies and cases, valid by default."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from readerstudy.accounts.models import User
from readerstudy.imaging.models import ImageSet
from readerstudy.studies.models import Case, Centre, Patient, ReaderStudy
from readerstudy.studies.services.studies import create_study, grant_roles, open_study
from tests.architecture.tree import ROOT

AT = datetime(2024, 5, 1, 8, 0, tzinfo=UTC)
FACET = (ROOT / "protocols" / "facet-joint-degeneration.yaml").read_text()
TEAM = {
    "first_reader": ("is_reader",),
    "second_reader": ("is_reader",),
    "adjudicator": ("is_adjudicator",),
    "panel_member": ("is_panel",),
    "coordinator": ("is_coordinator",),
    "investigator": ("is_investigator",),
    "auditor": ("is_auditor",),
}


def make_person(name: str, **fields: object) -> User:
    """An account whose password is its name."""
    person = User(username=name, display_name=name.replace("_", " ").title(), **fields)
    person.set_password(name)
    person.save()
    return person


def make_study(slug: str = "facet", *, source: str = FACET) -> ReaderStudy:
    """A draft study of the facet protocol."""
    return create_study(source=source, slug=slug, actor=None, at=AT)


def make_team(
    study: ReaderStudy, team: dict[str, Sequence[str]] | None = None, *, suffix: str = ""
) -> dict[str, User]:
    """One account per role of the study, named by what it does."""
    people = {}
    for name, roles in (team or TEAM).items():
        people[name] = make_person(f"{name}{suffix}")
        grant_roles(study=study, user=people[name], roles=roles, actor=None, at=AT)
    return people


def make_cases(
    study: ReaderStudy,
    names: Iterable[str],
    *,
    centre: str = "A",
    is_external: bool = False,
    status: str = Case.Status.INCLUDED,
) -> list[Case]:
    """Screened cases of as many patients: numbered, sides accepted by convention, included."""
    place, _ = Centre.objects.get_or_create(
        study=study, code=centre, defaults={"is_external": is_external, "name": centre}
    )
    cases = []
    for name in names:
        patient = Patient.objects.create(study=study, pseudonym=f"P-{name}", centre=place)
        images = ImageSet.objects.create(scope=study.public_id, subject_key=f"key-{name}", created_at=AT)
        cases.append(
            Case.objects.create(
                study=study,
                patient=patient,
                pseudonym=name,
                image_set=images,
                status=status,
                exclusion_reason="fracture" if status == Case.Status.EXCLUDED else "",
                sides_accepted_by_convention=True,
                numbering={"variant": "5"},
                imported_at=AT,
            )
        )
    return cases


def make_open_study(
    slug: str = "facet", *, n_cases: int = 6, suffix: str = ""
) -> tuple[ReaderStudy, dict[str, User]]:
    """An open study with a team and screened cases, not yet assigned."""
    study = make_study(slug)
    people = make_team(study, suffix=suffix)
    make_cases(study, [f"{slug}-{number:02d}" for number in range(1, n_cases + 1)])
    return open_study(study=study, actor=people["coordinator"], at=AT), people
