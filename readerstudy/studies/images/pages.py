"""What the page of images shows, as frozen values."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.core.paginator import Page, Paginator
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from readerstudy.core.models import Job
from readerstudy.imaging.models import ImportBatch, Series
from readerstudy.imaging.reasons import problem_shown
from readerstudy.imaging.services import arrived_files
from readerstudy.studies.models import Case, ReaderStudy
from readerstudy.studies.task_names import IMPORT_IMAGES

IMPORTS_PER_PAGE = 50


@dataclass(frozen=True)
class ImportRow:
    """One import of a study; `n_arrived` files of an upload that is not finished."""

    public_id: str
    created_at: datetime
    state: str
    is_arriving: bool
    is_given_up: bool
    is_running: bool
    n_arrived: int
    n_done: int
    n_stored: int
    n_duplicate: int
    n_conflict: int
    n_refused: int
    problem: str


def import_page(study: ReaderStudy, number: object) -> Page:
    """Return one page of a study's imports, the newest first; a page that there is not is the nearest one."""
    found = ImportBatch.objects.filter(scope=study.public_id).order_by("-pk")
    return Paginator(found, IMPORTS_PER_PAGE).get_page(number)


def import_rows(batches: Iterable[ImportBatch]) -> list[ImportRow]:
    """Return what the page shows of some imports, in their order."""
    batches = list(batches)
    jobs = {
        job.payload["batch"]: job
        for job in Job.objects.filter(
            kind=IMPORT_IMAGES.name, payload__batch__in=[str(batch.public_id) for batch in batches]
        ).order_by("pk")
    }
    texts = {
        ImportBatch.State.ARRIVING: _("not finished"),
        ImportBatch.State.WAITING: _("waiting"),
        ImportBatch.State.RUNNING: _("running"),
        ImportBatch.State.DONE: _("finished"),
        ImportBatch.State.FAILED: _("failed"),
        ImportBatch.State.GIVEN_UP: _("given up"),
    }
    rows = []
    for batch in batches:
        is_arriving = batch.state == ImportBatch.State.ARRIVING
        job = jobs.get(str(batch.public_id))
        problem = batch.problem or (job.error if job is not None and not job.is_finished else "")
        if job is not None and job.state == Job.State.FAILED:
            problem = job.error
        rows.append(
            ImportRow(
                public_id=str(batch.public_id),
                created_at=batch.created_at,
                state=texts[ImportBatch.State(batch.state)],
                is_arriving=is_arriving,
                is_given_up=batch.state == ImportBatch.State.GIVEN_UP,
                is_running=job is not None and not job.is_finished,
                n_arrived=arrived_files(batch) if is_arriving else 0,
                n_done=job.progress_done if job is not None else 0,
                n_stored=batch.n_stored,
                n_duplicate=batch.n_duplicate,
                n_conflict=batch.n_conflict,
                n_refused=batch.n_refused,
                problem=problem_shown(problem)[:300],
            )
        )
    return rows


@dataclass(frozen=True)
class BurnedIn:
    """Series whose pixels may hold text: how many, and in how many of them the file itself says so."""

    n_series: int
    n_stated: int


def _flagged(study: ReaderStudy) -> QuerySet[Series]:
    rows = Series.objects.filter(
        imaging_study__image_set__scope=study.public_id,
        imaging_study__image_set__withdrawn_at=None,
        burned_in_checked_at=None,
    )
    return rows.exclude(burned_in="")


def burned_in(study: ReaderStudy) -> BurnedIn:
    """Return how many series a coordinator has to look at for text in the pixels."""
    rows = _flagged(study)
    return BurnedIn(n_series=rows.count(), n_stated=rows.filter(burned_in="stated").count())


@dataclass(frozen=True)
class FlaggedSeries:
    """One series to look at: its middle image, and why (``stated``, ``seen`` or ``kind``)."""

    image_set_id: int
    series_uid: str
    study_uid: str
    label: str
    n_images: int
    case: str
    why: str


def flagged_series(study: ReaderStudy, *, limit: int) -> list[FlaggedSeries]:
    """Return series whose pixels may hold text, those that say so themselves first."""
    rows = list(
        _flagged(study)
        .select_related("imaging_study")
        .order_by("-burned_in", "imaging_study__pk", "number")[:limit]
    )
    sets = {row.imaging_study.image_set_id for row in rows}
    cases = dict(
        Case.objects.filter(study=study, image_set__in=sets).values_list("image_set_id", "pseudonym")
    )
    return [
        FlaggedSeries(
            image_set_id=row.imaging_study.image_set_id,
            series_uid=row.blinded_uid,
            study_uid=row.imaging_study.blinded_uid,
            label=row.label,
            n_images=row.n_frames,
            case=cases.get(row.imaging_study.image_set_id, ""),
            why=row.burned_in,
        )
        for row in rows
    ]
