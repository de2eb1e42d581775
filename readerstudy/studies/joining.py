"""What the pages of a case's images and of joining cases show, as frozen values."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from readerstudy.imaging.models import ImageSet, ImagingStudy
from readerstudy.imaging.selectors import label_in_words, modalities_of
from readerstudy.studies.images.sides import laterality_words
from readerstudy.studies.models import Assignment, Case, ReaderStudy, StudyRole
from readerstudy.studies.pages import CaseRow, case_rows
from readerstudy.studies.selectors import lacking_kinds
from readerstudy.studies.services.joining_plan import Joining
from readerstudy.studies.services.studies import current_protocol
from readerstudy.studies.wording import modality_words, partition_words


@dataclass(frozen=True)
class ImagingStudyRow:
    """
    One imaging study of a case; no date, no name, no number of a patient.

    Parameters
    ----------
    uid : str
        Blinded.
    number : int
        Which of the case's patient numbers it came under: 1 is the case's own.
    may_leave : bool
        Whether it can be taken out alone.
    """

    uid: str
    number: int
    series: str
    n_series: int
    n_images: int
    sides: str
    may_leave: bool


def imaging_study_rows(image_set: ImageSet | None) -> list[ImagingStudyRow]:
    """Return the imaging studies of a case, those of its own patient number first."""
    if image_set is None:
        return []
    found = list(
        ImagingStudy.objects.filter(image_set=image_set)
        .select_related("image_set", "drawer")
        .prefetch_related("series")
        .order_by("pk")
    )
    own = [study for study in found if study.home == image_set]
    ordered = own + [study for study in found if study not in own]
    # The case's own number is the first, also where everything that came under it has left.
    homes = list(dict.fromkeys([image_set.pk, *(study.home.pk for study in ordered)]))
    rows = []
    for study in ordered:
        series = sorted(study.series.all(), key=lambda each: each.number)
        of_number = [each for each in ordered if each.home == study.home]
        rows.append(
            ImagingStudyRow(
                uid=study.blinded_uid,
                number=homes.index(study.home.pk) + 1,
                series=", ".join(label_in_words(each.label) for each in series),
                n_series=len(series),
                n_images=sum(each.n_frames for each in series),
                sides=laterality_words(study.laterality),
                may_leave=len(found) > 1 and (study.home != image_set or len(of_number) > 1),
            )
        )
    return rows


@dataclass(frozen=True)
class NumberGroup:
    """What came under one patient number."""

    number: int
    rows: tuple[ImagingStudyRow, ...]


def number_groups(image_set: ImageSet | None) -> list[NumberGroup]:
    """Return the imaging studies of a case by the patient numbers that they came under."""
    groups: dict[int, list[ImagingStudyRow]] = {}
    for row in imaging_study_rows(image_set):
        groups.setdefault(row.number, []).append(row)
    return [NumberGroup(number, tuple(rows)) for number, rows in groups.items()]


@dataclass(frozen=True)
class JoiningPage:
    """Cases as they are, and the one case that they would be."""

    before: tuple[tuple[CaseRow, tuple[ImagingStudyRow, ...]], ...]
    case: str
    patient: str
    modalities: str
    n_studies: int
    n_series: int
    n_images: int
    missing_required: str
    missing_optional: str
    clinical: str
    partition: str
    kept: str
    taken_back: str
    others: str
    problems: tuple[str, ...]
    digest: str


def joining_page(study: ReaderStudy, plan: Joining) -> JoiningPage:
    """Return what the preview of joining cases shows."""
    cases = [plan.stays, *plan.comes]
    rows = {row.pseudonym: row for row in case_rows(study, [case.pk for case in cases])}
    before = tuple(
        (rows[case.pseudonym], tuple(imaging_study_rows(case.image_set))) for case in dict.fromkeys(cases)
    )
    sets = [case.image_set_id for case in cases if case.image_set_id]
    kinds = {kind for found in modalities_of(sets).values() for kind in found}
    present = [kind for kind in ("MR", "CT", "X-ray") if kind in kinds]
    present += sorted(kinds - set(present))
    document = current_protocol(study).document
    codes = dict(StudyRole.objects.filter(study=study).values_list("user_id", "code"))
    all_rows = [row for __, studies in before for row in studies]
    return JoiningPage(
        before=before,
        case=plan.stays.pseudonym,
        patient=plan.stays.patient.pseudonym,
        modalities=modality_words(present),
        n_studies=len(all_rows),
        n_series=sum(row.n_series for row in all_rows),
        n_images=sum(row.n_images for row in all_rows),
        missing_required=modality_words(lacking_kinds(document.required_modalities, present)),
        missing_optional=modality_words(lacking_kinds(document.optional_modalities, present)),
        clinical=", ".join(f"{name} {value}" for name, value in sorted(plan.clinical.items())),
        partition=partition_words(plan.partition),
        kept=_readers(plan.kept, codes),
        taken_back=_readers(plan.taken_back, codes),
        others=", ".join(case.pseudonym for case in plan.others),
        problems=plan.problems,
        digest=plan.digest,
    )


def _readers(assignments: Iterable[Assignment], codes: Mapping[int, str]) -> str:
    return ", ".join(codes.get(each.user_id, "") for each in assignments)


def n_unopened(case: Case) -> int:
    """Return how many reads of a case are dealt out."""
    return case.assignments.filter(withdrawn_at=None).count()
