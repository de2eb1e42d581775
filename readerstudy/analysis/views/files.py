"""What is taken away: the report and the export."""

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods

from readerstudy.analysis.services.exports import (
    ExportRefused,
    as_archive,
    export_listing,
    folder_name,
    write_export,
)
from readerstudy.analysis.services.reports import html_context, note_report, report_pdf
from readerstudy.analysis.services.snapshots import latest_snapshot
from readerstudy.analysis.views.frame import export_door, figures_door, frame_of, record_opening


@require_GET
def report(request: HttpRequest, slug: str) -> HttpResponse:
    study = figures_door(request, slug)
    snapshot = latest_snapshot(study)
    if snapshot is None:
        raise Http404
    record_opening(request, study, snapshot)
    return render(
        request,
        "analysis/report_show.html",
        {**frame_of(request, study, "analysis:results"), **html_context(snapshot)},
    )


@require_GET
def report_file(request: HttpRequest, slug: str) -> HttpResponse:
    study = figures_door(request, slug)
    snapshot = latest_snapshot(study)
    if snapshot is None:
        raise Http404
    content = report_pdf(snapshot)
    note_report(snapshot=snapshot, actor=request.user, at=timezone.now(), form="pdf")
    response = HttpResponse(content, content_type="application/pdf")
    response["Content-Disposition"] = f'attachment; filename="{folder_name(study)}-report.pdf"'
    return response


@require_http_methods(["GET", "POST"])
def export(request: HttpRequest, slug: str) -> HttpResponse:
    """The list of files; a POST takes them all away, and is recorded."""
    study = export_door(request, slug)
    if request.method == "POST":
        try:
            files = write_export(study=study, actor=request.user, at=timezone.now())
        except ExportRefused as refusal:
            messages.error(request, str(refusal))
            return redirect("analysis:export", slug=slug)
        response = HttpResponse(as_archive(files, folder_name(study)), content_type="application/zip")
        response["Content-Disposition"] = f'attachment; filename="{folder_name(study)}.zip"'
        return response
    try:
        listed = [{"name": name, "rows": rows} for name, rows in export_listing(study)]
    except ExportRefused:
        listed = []
    return render(
        request,
        "analysis/export_show.html",
        {**frame_of(request, study, "analysis:export"), "files": listed, "folder": folder_name(study)},
    )
