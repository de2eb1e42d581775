"""De-identified copies: begun on a page, made by a worker, taken as one file."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.contrib import messages
from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from readerstudy.accounts.models import User
from readerstudy.core.models import Job
from readerstudy.imaging.reasons import shown
from readerstudy.studies.access import access_office
from readerstudy.studies.models import ReaderStudy
from readerstudy.studies.navigation import study_frame
from readerstudy.studies.services.copies import (
    EVERY,
    INCLUDED,
    KEPT_DAYS,
    Made,
    archive_path,
    cases_to_copy,
    end_copies,
    made_of,
    note_download,
    request_copies,
)
from readerstudy.studies.services.errors import StudyRefused
from readerstudy.studies.task_names import EXPORT_IMAGES

MOST_SHOWN = 20
_OWNERS = ("is_coordinator", "is_investigator")


@dataclass(frozen=True)
class CopiesRow:
    """One asking for copies."""

    copy: str
    asked_at: datetime
    by: str
    which: str
    state: str
    problem: str
    is_running: bool
    n_done: int
    n_total: int
    made: Made | None
    n_bytes: int


def _study(request: HttpRequest, slug: str) -> ReaderStudy:
    return access_office(user=request.user, slug=slug, roles=_OWNERS)


def _jobs(study: ReaderStudy) -> list[Job]:
    jobs = Job.objects.filter(kind=EXPORT_IMAGES.name, study_id=study.public_id)
    return list(jobs.order_by("-pk")[:MOST_SHOWN])


def _job(study: ReaderStudy, copy: UUID) -> Job:
    found = Job.objects.filter(kind=EXPORT_IMAGES.name, study_id=study.public_id, public_id=copy).first()
    if found is None:
        raise Http404("There is nothing here for you.")
    return found


def _rows(study: ReaderStudy) -> list[CopiesRow]:
    jobs = _jobs(study)
    names = {
        str(each.public_id): each.display_name
        for each in User.objects.filter(public_id__in=[job.payload["by"] for job in jobs])
    }
    texts = {
        Job.State.QUEUED: _("waiting"),
        Job.State.RUNNING: _("running"),
        Job.State.DONE: _("removed"),
        Job.State.FAILED: _("failed"),
        Job.State.CANCELLED: _("stopped"),
    }
    rows = []
    for job in jobs:
        made = made_of(study.public_id, job.public_id) if job.state == Job.State.DONE else None
        rows.append(
            CopiesRow(
                copy=str(job.public_id),
                asked_at=job.created_at,
                by=names.get(job.payload["by"], ""),
                which=_("included cases") if job.payload["which"] == INCLUDED else _("every case"),
                state=_("ready") if made else texts[Job.State(job.state)],
                problem=shown(job.error)[:300] if job.state == Job.State.FAILED else "",
                is_running=not job.is_finished,
                n_done=job.progress_done,
                n_total=job.progress_total,
                made=made,
                n_bytes=archive_path(study.public_id, job.public_id).stat().st_size if made else 0,
            )
        )
    return rows


@require_http_methods(["GET", "POST"])
def copies(request: HttpRequest, slug: str) -> HttpResponse:
    study = _study(request, slug)
    if request.method == "POST":
        try:
            request_copies(
                study=study, which=request.POST.get("which", ""), actor=request.user, at=timezone.now()
            )
        except StudyRefused as refusal:
            messages.error(request, str(refusal))
        return redirect("studies:copies", slug=slug)
    rows = _rows(study)
    return render(
        request,
        "studies/copies_list.html",
        {
            "study": study_frame(study=study, user=request.user, current="studies:copies"),
            "rows": rows,
            "running": next((row for row in rows if row.is_running), None),
            "n_included": cases_to_copy(study, INCLUDED).count(),
            "n_every": cases_to_copy(study, EVERY).count(),
            "kept_days": KEPT_DAYS,
        },
    )


@require_GET
def download(request: HttpRequest, slug: str, copy: UUID) -> FileResponse:
    study = _study(request, slug)
    job = _job(study, copy)
    try:
        stream = archive_path(study.public_id, job.public_id).open("rb")
    except FileNotFoundError:
        raise Http404("There is nothing here for you.") from None
    note_download(study=study, copy=job.public_id, actor=request.user, at=timezone.now())
    name = f"{study.slug}-demonstration" if study.is_demonstration else study.slug
    response = FileResponse(
        stream, as_attachment=True, filename=f"{name}-dicom.zip", content_type="application/zip"
    )
    response["Cache-Control"] = "no-store"
    return response


@require_POST
def end(request: HttpRequest, slug: str, copy: UUID) -> HttpResponse:
    study = _study(request, slug)
    end_copies(study=study, job=_job(study, copy), actor=request.user, at=timezone.now())
    return redirect("studies:copies", slug=slug)
