"""The coordinator's page of images."""

import csv
import json
from dataclasses import replace
from uuid import UUID, uuid4

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from readerstudy.core.cells import written_text
from readerstudy.imaging.archive import (
    Archive,
    ArchiveStudies,
    ArchiveUnavailable,
    ArchiveUnknown,
    configured_archives,
)
from readerstudy.imaging.models import ImageSet, ImportBatch
from readerstudy.imaging.reasons import problem_shown, shown
from readerstudy.imaging.selectors import import_report
from readerstudy.imaging.services import (
    UploadRefused,
    add_uploaded_file,
    begin_upload,
    give_up_upload,
    mark_looked_at,
    missing_uploads,
    open_case,
    set_capability_cookie,
    store_instances,
)
from readerstudy.imaging.services.uploading import KEPT_DAYS as UPLOAD_KEPT_DAYS
from readerstudy.studies.access import access_office
from readerstudy.studies.images.forms import SearchForm, TakeForm, UploadForm
from readerstudy.studies.images.pages import burned_in, flagged_series, import_page, import_rows
from readerstudy.studies.models import ReaderStudy
from readerstudy.studies.navigation import study_frame
from readerstudy.studies.services.errors import StudyRefused
from readerstudy.studies.services.importing import (
    check_takes_images,
    enrol_import,
    request_import,
    request_import_of_upload,
)

_COORDINATOR = ("is_coordinator",)
SERIES_A_PAGE = 24
LOOKING_SECONDS = 1800


def _study(request: HttpRequest, slug: str) -> ReaderStudy:
    return access_office(user=request.user, slug=slug, roles=_COORDINATOR)


def _batch(study: ReaderStudy, batch: UUID) -> ImportBatch:
    found = ImportBatch.objects.filter(scope=study.public_id, public_id=batch).first()
    if found is None:
        raise Http404("There is nothing here for you.")
    return found


@require_GET
def images(request: HttpRequest, slug: str) -> HttpResponse:
    study = _study(request, slug)
    archives = configured_archives()
    form = SearchForm(request.GET or None, archives=archives)
    found, problem = None, ""
    if "archive" in request.GET and form.is_valid():
        criteria = dict(form.cleaned_data)
        try:
            found = Archive(criteria.pop("archive")).search(**criteria)
        except (ArchiveUnavailable, ArchiveUnknown) as error:
            problem = problem_shown(str(error))
    try:
        check_takes_images(study)
        closed = ""
    except StudyRefused as refusal:
        closed = str(refusal)
    page = import_page(study, request.GET.get("page"))
    rows = import_rows(page)
    return render(
        request,
        "studies/image_list.html",
        {
            "study": study_frame(study=study, user=request.user, current="studies:images"),
            "closed": closed,
            "archives": archives,
            "form": form,
            "found": found,
            "problem": problem,
            "upload": UploadForm(),
            "rows": rows,
            "page": page,
            "running": any(row.is_running for row in rows),
            "burned_in": burned_in(study),
        },
    )


@require_http_methods(["GET", "POST"])
def text_in_pixels(request: HttpRequest, slug: str) -> HttpResponse:
    study = _study(request, slug)
    at = timezone.now()
    if request.method == "POST":
        shown = request.POST.getlist("series")
        mark_looked_at(scope=study.public_id, series=shown, at=at, actor=request.user)
        return redirect("studies:text_in_pixels", slug=slug)
    rows = flagged_series(study, limit=SERIES_A_PAGE)
    opened = {}
    for image_set in ImageSet.objects.filter(pk__in={row.image_set_id for row in rows}):
        presentation = uuid4()
        capability = open_case(
            image_set=image_set,
            presentation=presentation,
            user_id=request.user.pk,
            session_key=request.session.session_key or "",
            at=at,
            max_age=LOOKING_SECONDS,
        )
        opened[image_set.pk] = (presentation, capability)
    pictures = [
        (
            row,
            f"/dicomweb/{opened[row.image_set_id][0]}/studies/{row.study_uid}/series/{row.series_uid}/thumbnail",
        )
        for row in rows
    ]
    response = render(
        request,
        "studies/text_in_pixels.html",
        {
            "study": study_frame(study=study, user=request.user, current="studies:images"),
            "pictures": pictures,
            "n_open": burned_in(study).n_series,
        },
    )
    for _presentation, capability in opened.values():
        set_capability_cookie(response, capability)
    return response


@require_POST
def begin(request: HttpRequest, slug: str) -> HttpResponse:
    study = _study(request, slug)
    try:
        check_takes_images(study)
    except StudyRefused as refusal:
        return JsonResponse({"problem": str(refusal)}, status=409)
    form = UploadForm(request.POST)
    if not form.is_valid():
        return JsonResponse(
            {"problem": _("State the centre, and what is known of left and right.")}, status=400
        )
    laterality = form.cleaned_data["laterality"]
    batch = begin_upload(
        scope=study.public_id,
        at=timezone.now(),
        actor=request.user,
        laterality=laterality,
        laterality_source="stated at upload" if laterality != "unknown" else "",
    )
    addresses = {
        name: reverse(f"studies:{view}", kwargs={"slug": slug, "batch": batch.public_id})
        for name, view in (
            ("missing", "upload_missing"),
            ("files", "upload_file"),
            ("finish", "finish_upload"),
        )
    }
    return JsonResponse(addresses | {"batch": str(batch.public_id)}, status=201)


@require_POST
def missing(request: HttpRequest, slug: str, batch: UUID) -> HttpResponse:
    found = _batch(_study(request, slug), batch)
    try:
        names = [str(name) for name in json.loads(request.body)["names"]]
    except (ValueError, KeyError, TypeError):
        return JsonResponse({"problem": "names is a list of texts"}, status=400)
    try:
        absent = missing_uploads(batch=found, names=names)
    except UploadRefused as refusal:
        return JsonResponse({"problem": str(refusal)}, status=409)
    return JsonResponse({"missing": absent})


@require_POST
def add_file(request: HttpRequest, slug: str, batch: UUID) -> HttpResponse:
    found = _batch(_study(request, slug), batch)
    try:
        size = add_uploaded_file(batch=found, name=request.GET.get("name", ""), stream=request)
    except UploadRefused as refusal:
        return JsonResponse({"problem": str(refusal)}, status=400)
    return JsonResponse({"size": size}, status=201)


@require_POST
def finish(request: HttpRequest, slug: str, batch: UUID) -> HttpResponse:
    study = _study(request, slug)
    found = _batch(study, batch)
    centre = UploadForm.centre_of(request.POST)
    try:
        request_import_of_upload(study=study, batch=found, centre_code=centre, at=timezone.now())
    except StudyRefused as refusal:
        return JsonResponse({"problem": str(refusal)}, status=409)
    address = reverse("studies:import_report", kwargs={"slug": slug, "batch": batch})
    return JsonResponse({"report": address}, status=202)


@require_POST
def take_in(request: HttpRequest, slug: str, batch: UUID) -> HttpResponse:
    """Take in what has arrived of an upload that nobody goes on with."""
    study = _study(request, slug)
    found = _batch(study, batch)
    try:
        request_import_of_upload(
            study=study, batch=found, centre_code=UploadForm.centre_of(request.POST), at=timezone.now()
        )
    except StudyRefused as refusal:
        messages.error(request, str(refusal))
    return redirect("studies:import_report", slug=slug, batch=batch)


@require_POST
def give_up(request: HttpRequest, slug: str, batch: UUID) -> HttpResponse:
    """Erase what has arrived of an upload that nobody goes on with."""
    found = _batch(_study(request, slug), batch)
    try:
        give_up_upload(batch=found, at=timezone.now(), actor=request.user)
    except UploadRefused as refusal:
        messages.error(request, str(refusal))
    return redirect("studies:import_report", slug=slug, batch=batch)


@require_POST
def take(request: HttpRequest, slug: str) -> HttpResponse:
    study = _study(request, slug)
    form = TakeForm(request.POST, archives=configured_archives())
    if not form.is_valid():
        messages.error(request, _("Choose imaging studies, the centre, and what is known of left and right."))
        return redirect("studies:images", slug=slug)
    data = form.cleaned_data
    try:
        batch = request_import(
            study=study,
            source=ArchiveStudies(data["archive"], tuple(request.POST.getlist("study"))),
            centre_code=data["centre"],
            laterality=data["laterality"],
            actor=request.user,
            at=timezone.now(),
        )
    except (StudyRefused, ArchiveUnknown) as refusal:
        messages.error(request, str(refusal))
        return redirect("studies:images", slug=slug)
    return redirect("studies:import_report", slug=slug, batch=batch.public_id)


@require_GET
def report(request: HttpRequest, slug: str, batch: UUID) -> HttpResponse:
    study = _study(request, slug)
    found = _batch(study, batch)
    (row,) = import_rows([found])
    return render(
        request,
        "studies/image_import.html",
        {
            "study": study_frame(study=study, user=request.user, current="studies:images"),
            "row": row,
            "upload": UploadForm(),
            "kept_days": UPLOAD_KEPT_DAYS,
            "problems": [
                replace(each, reason=shown(each.reason))
                for each in import_report(found, only_problems=True)[:500]
            ],
            "batch": str(found.public_id),
        },
    )


@require_GET
def report_csv(request: HttpRequest, slug: str, batch: UUID) -> HttpResponse:
    found = _batch(_study(request, slug), batch)
    response = HttpResponse(content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="import-{found.public_id}.csv"'
    response["Cache-Control"] = "no-store"
    writer = csv.writer(response)
    writer.writerow(["number", "file", "outcome", "reason"])
    for row in import_report(found):
        writer.writerow([row.number, written_text(row.name), row.outcome, row.reason])
    return response


@require_POST
def stow(request: HttpRequest, slug: str) -> HttpResponse:
    """STOW-RS for the coordinator's own programs; session and CSRF token as for the page."""
    study = _study(request, slug)
    at = timezone.now()
    try:
        check_takes_images(study)
        stored = store_instances(
            scope=study.public_id,
            content_type=request.headers.get("Content-Type", ""),
            stream=request,
            at=at,
            actor=request.user,
        )
        if stored.batch is not None:
            enrol_import(
                study=study,
                batch=stored.batch,
                centre_code=request.GET.get("centre", "1"),
                actor=request.user,
                at=at,
                source="STOW-RS",
            )
    except (UploadRefused, StudyRefused) as refusal:
        return HttpResponse(str(refusal), status=400, content_type="text/plain; charset=utf-8")
    return HttpResponse(
        json.dumps(stored.answer), status=stored.status, content_type="application/dicom+json"
    )
