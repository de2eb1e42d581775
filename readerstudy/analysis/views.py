"""Results, lock, unblinding and the audit log: translate, call once, translate back."""

import csv
import io
from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from readerstudy.analysis import dashboard, wording
from readerstudy.analysis.access import (
    access_audit,
    access_export,
    access_figures,
    access_lock,
    access_results,
    access_unblinding,
    can_export,
)
from readerstudy.analysis.forms import SignedActForm
from readerstudy.analysis.models import Snapshot
from readerstudy.analysis.plan import AnalysisPlan
from readerstudy.analysis.results import View, view_from
from readerstudy.analysis.results.views import BadView
from readerstudy.analysis.selectors import (
    data_hash,
    model_versions,
    plan_of,
    predictions_hash,
    protocol_of,
    readiness,
)
from readerstudy.analysis.services.exports import (
    ExportRefused,
    as_archive,
    export_listing,
    folder_name,
    write_export,
)
from readerstudy.analysis.services.locking import (
    LockRefused,
    lock,
    open_results,
    refuse_results,
    unblind,
    unlock,
)
from readerstudy.analysis.services.reports import html_context, note_report, report_pdf
from readerstudy.analysis.services.snapshots import (
    figures_of,
    latest_snapshot,
    pending_snapshot,
    request_snapshot,
)
from readerstudy.analysis.wording import measure_names
from readerstudy.core.audit import sentence
from readerstudy.core.models import AuditEvent, Job
from readerstudy.studies.models import ReaderStudy
from readerstudy.studies.navigation import study_frame
from readerstudy.studies.services.errors import StudyRefused


def _frame(request: HttpRequest, study: ReaderStudy, current: str) -> dict[str, Any]:
    return {"study": study_frame(study=study, user=request.user, current=current), "slug": study.slug}


# --- results ----------------------------------------------------------------------------------------


@require_GET
def results(request: HttpRequest, slug: str) -> HttpResponse:
    study = access_results(user=request.user, slug=slug)
    if study.state != ReaderStudy.State.UNBLINDED:
        return _before_unblinding(request, study)
    snapshot = latest_snapshot(study)
    if snapshot is None:
        return _while_computing(request, study)
    try:
        plan, view = _plan_and_view(request, snapshot)
    except BadView:
        messages.warning(request, _("This study has no such view. The plan's own view is shown."))
        return redirect("analysis:results", slug=slug)
    _record_opening(request, study, snapshot)
    figures = figures_of(snapshot=snapshot, view=view, at=timezone.now())
    document = protocol_of(study).document
    summary = snapshot.results["summary"]
    return render(
        request,
        "analysis/results_show.html",
        {
            **_frame(request, study, "analysis:results"),
            "snapshot": snapshot,
            "pending": pending_snapshot(study),
            "view": view,
            "query": request.GET.urlencode(),
            "figures": figures,
            "summary": summary,
            "fact": dashboard.fact(figures, summary),
            "filters": dashboard.filters(document, summary, view, plan),
            "headline": dashboard.headline(figures, plan, summary),
            "flow": dashboard.flow_steps(summary),
            "brier": wording.estimate((figures["calibration"] or {}).get("brier")),
            "incorporation": dashboard.incorporation(figures),
            "multireader": dashboard.multireader(figures),
            "tables": dashboard.tables(figures, document, plan),
            "finding": dashboard.finding_names(document)[view.finding],
            "can_export": can_export(study, request.user),
            "few": view.partition == "all" and summary["default_partition"] == "all",
            "chart_data": dashboard.chart_data(figures, document, plan),
        },
    )


def _plan_and_view(request: HttpRequest, snapshot: Snapshot) -> tuple[AnalysisPlan, View]:
    plan = AnalysisPlan.from_dict(snapshot.plan)
    return plan, view_from(request.GET, summary=snapshot.results["summary"], plan=plan)


def _record_opening(request: HttpRequest, study: ReaderStudy, snapshot: Snapshot) -> None:
    """Once per session and snapshot: a change of filter is not another opening."""
    mark = f"opened results {snapshot.public_id}"
    if not request.session.get(mark):
        open_results(study=study, actor=request.user, snapshot_number=snapshot.number, at=timezone.now())
        request.session[mark] = True


def _before_unblinding(request: HttpRequest, study: ReaderStudy) -> HttpResponse:
    """The plan and what is missing; no number of any result."""
    if not request.session.get(f"refused results {study.public_id}"):
        refuse_results(study=study, actor=request.user, at=timezone.now())
        request.session[f"refused results {study.public_id}"] = True
    plan, document = plan_of(study), protocol_of(study).document
    names, measures = dashboard.finding_names(document), measure_names()
    return render(
        request,
        "analysis/results_before.html",
        {
            **_frame(request, study, "analysis:results"),
            "plan": plan,
            "endpoints": [
                {"finding": names[each.finding], "measure": measures[each.measure], "cut": each.cut}
                for each in plan.endpoints
            ],
            "readiness": readiness(study),
            "state": study.state,
            "plan_digest": plan.digest,
        },
    )


def _while_computing(request: HttpRequest, study: ReaderStudy) -> HttpResponse:
    return render(
        request,
        "analysis/results_pending.html",
        {**_frame(request, study, "analysis:results"), "pending": pending_snapshot(study)},
    )


@require_GET
def snapshot_progress(request: HttpRequest, slug: str) -> JsonResponse:
    study = access_figures(user=request.user, slug=slug)
    snapshot = pending_snapshot(study)
    if snapshot is None:
        return JsonResponse({"state": "done"})
    job = Job.objects.filter(public_id=snapshot.job_id).first()
    return JsonResponse(
        {
            "state": snapshot.state if job is None or job.state != Job.State.FAILED else "failed",
            "done": job.progress_done if job else 0,
            "total": job.progress_total if job else 0,
        }
    )


@require_POST
def snapshot_request(request: HttpRequest, slug: str) -> HttpResponse:
    study = access_figures(user=request.user, slug=slug)
    if pending_snapshot(study) is None:
        request_snapshot(study=study, actor=request.user, at=timezone.now())
    return redirect("analysis:results", slug=slug)


@require_GET
def results_json(request: HttpRequest, slug: str) -> JsonResponse:
    """The figures of one state of the filters, as `analyse` prints them."""
    study = access_figures(user=request.user, slug=slug)
    snapshot = latest_snapshot(study)
    if snapshot is None:
        raise Http404
    try:
        _plan, view = _plan_and_view(request, snapshot)
    except BadView as problem:
        return JsonResponse({"code": "bad_view", "detail": str(problem)}, status=400)
    figures = figures_of(snapshot=snapshot, view=view, at=timezone.now())
    return JsonResponse(
        {
            "study": study.slug,
            "is_demonstration": study.is_demonstration,
            "snapshot": snapshot.number,
            "data_hash": snapshot.data_hash,
            **figures,
        }
    )


@require_GET
def results_table(request: HttpRequest, slug: str, block: str) -> HttpResponse:
    """The table behind one chart as CSV, full precision."""
    study = access_figures(user=request.user, slug=slug)
    snapshot = latest_snapshot(study)
    if snapshot is None:
        raise Http404
    try:
        plan, view = _plan_and_view(request, snapshot)
    except BadView:
        raise Http404 from None
    figures = figures_of(snapshot=snapshot, view=view, at=timezone.now())
    table = dashboard.tables(figures, protocol_of(study).document, plan).get(block)
    if table is None:
        raise Http404
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*table["columns"], "view", "snapshot", "data_hash", "demonstration"])
    for row in table["rows"]:
        cells = ["" if cell is None else repr(cell) if isinstance(cell, float) else cell for cell in row]
        writer.writerow(
            [*cells, view.key, snapshot.number, snapshot.data_hash, "yes" if study.is_demonstration else "no"]
        )
    response = HttpResponse(text.getvalue(), content_type="text/csv; charset=utf-8")
    name = f"{study.slug}-{block}-{view.finding}-{view.cut}-{view.partition.replace('+', '-')}.csv"
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


# --- report -----------------------------------------------------------------------------------------


@require_GET
def report(request: HttpRequest, slug: str) -> HttpResponse:
    study = access_figures(user=request.user, slug=slug)
    snapshot = latest_snapshot(study)
    if snapshot is None:
        raise Http404
    _record_opening(request, study, snapshot)
    return render(
        request,
        "analysis/report_show.html",
        {**_frame(request, study, "analysis:results"), **html_context(snapshot)},
    )


@require_GET
def report_file(request: HttpRequest, slug: str) -> HttpResponse:
    study = access_figures(user=request.user, slug=slug)
    snapshot = latest_snapshot(study)
    if snapshot is None:
        raise Http404
    content = report_pdf(snapshot)
    note_report(snapshot=snapshot, actor=request.user, at=timezone.now(), form="pdf")
    response = HttpResponse(content, content_type="application/pdf")
    response["Content-Disposition"] = f'attachment; filename="{folder_name(study)}-report.pdf"'
    return response


# --- lock and unblind -------------------------------------------------------------------------------


@require_http_methods(["GET", "POST"])
def study_lock(request: HttpRequest, slug: str) -> HttpResponse:
    study = access_lock(user=request.user, slug=slug)
    missing = readiness(study)
    is_open = study.state == ReaderStudy.State.OPEN
    is_locked = study.state == ReaderStudy.State.LOCKED
    digest = data_hash(study) if is_open else study.data_hash
    form = SignedActForm(
        request.POST or None,
        signer=request.user,
        reason_needed=is_locked or not missing.is_complete,
        initial={"digest": digest},
    )
    if request.method == "POST" and (is_open or is_locked) and form.is_valid():
        given = form.cleaned_data
        try:
            if is_open:
                lock(
                    study=study,
                    actor=request.user,
                    signed_digest=given["digest"],
                    reason=given["reason"],
                    at=timezone.now(),
                )
                messages.success(request, _("The study is locked. Reads and reference can no longer change."))
            else:
                unlock(study=study, actor=request.user, reason=given["reason"], at=timezone.now())
                messages.success(request, _("The study is open again."))
        except (LockRefused, StudyRefused) as refusal:
            messages.error(request, str(refusal))
        return redirect("analysis:lock", slug=slug)
    return render(
        request,
        "analysis/study_lock.html",
        {
            **_frame(request, study, "analysis:lock"),
            "form": form,
            "readiness": missing,
            "digest": digest,
            "state": study.state,
        },
    )


@require_http_methods(["GET", "POST"])
def study_unblind(request: HttpRequest, slug: str) -> HttpResponse:
    study = access_unblinding(user=request.user, slug=slug)
    is_locked = study.state == ReaderStudy.State.LOCKED
    digest = predictions_hash(study) if is_locked else study.predictions_hash
    form = SignedActForm(request.POST or None, signer=request.user, initial={"digest": digest})
    if request.method == "POST" and is_locked and form.is_valid():
        given = form.cleaned_data
        try:
            unblind(
                study=study,
                actor=request.user,
                signed_digest=given["digest"],
                reason=given["reason"],
                at=timezone.now(),
            )
        except (LockRefused, StudyRefused) as refusal:
            messages.error(request, str(refusal))
            return redirect("analysis:unblind", slug=slug)
        return redirect("analysis:results", slug=slug)
    return render(
        request,
        "analysis/study_unblind.html",
        {
            **_frame(request, study, "analysis:unblind"),
            "form": form,
            "digest": digest,
            "data_hash": study.data_hash,
            "state": study.state,
            "models": [f"{version.name} {version.version}" for version in model_versions(study)],
        },
    )


# --- export -----------------------------------------------------------------------------------------


@require_http_methods(["GET", "POST"])
def export(request: HttpRequest, slug: str) -> HttpResponse:
    """The list of files; a POST takes them all away, and is recorded."""
    study = access_export(user=request.user, slug=slug)
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
        {**_frame(request, study, "analysis:export"), "files": listed, "folder": folder_name(study)},
    )


# --- audit ------------------------------------------------------------------------------------------


@require_GET
def audit(request: HttpRequest, slug: str) -> HttpResponse:
    study = access_audit(user=request.user, slug=slug)
    events = AuditEvent.objects.filter(study_id=study.public_id).order_by("-number")
    page = Paginator(events, 100).get_page(request.GET.get("page"))
    return render(
        request,
        "analysis/audit_list.html",
        {
            **_frame(request, study, "analysis:audit"),
            "page": page,
            "rows": [
                {
                    "number": event.number,
                    "at": event.at,
                    "who": event.actor_name,
                    "what": sentence(event),
                    "digest": event.digest[:8],
                }
                for event in page
            ],
        },
    )
