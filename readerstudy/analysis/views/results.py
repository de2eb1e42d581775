"""The results page, its figures and its tables."""

from urllib.parse import urlencode

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from readerstudy.analysis import dashboard, wording
from readerstudy.analysis.access import access_results, can_export
from readerstudy.analysis.results.views import BadView
from readerstudy.analysis.selectors import plan_of, protocol_of, readiness
from readerstudy.analysis.services.snapshots import (
    figures_of,
    latest_snapshot,
    pending_snapshot,
    request_snapshot,
    resampled_if_known,
    resampled_of,
)
from readerstudy.analysis.views.frame import (
    figures_door,
    frame_of,
    note_refusal,
    plan_and_view,
    record_opening,
    results_tabs,
    table_response,
)
from readerstudy.analysis.wording import measure_names
from readerstudy.core.models import Job
from readerstudy.studies.models import ReaderStudy


@require_GET
def results(request: HttpRequest, slug: str) -> HttpResponse:
    study = access_results(user=request.user, slug=slug)
    if study.state != ReaderStudy.State.UNBLINDED:
        return _before_unblinding(request, study)
    snapshot = latest_snapshot(study)
    if snapshot is None:
        return _while_computing(request, study)
    try:
        plan, view = plan_and_view(request, snapshot)
    except BadView:
        messages.warning(request, _("This study has no such view. The plan's own view is shown."))
        return redirect("analysis:results", slug=slug)
    record_opening(request, study, snapshot)
    figures = figures_of(snapshot=snapshot, view=view, at=timezone.now())
    document = protocol_of(study).document
    summary = snapshot.results["summary"]
    return render(
        request,
        "analysis/results_show.html",
        {
            **frame_of(request, study, "analysis:results"),
            "snapshot": snapshot,
            "pending": pending_snapshot(study),
            "view": view,
            "query": request.GET.urlencode(),
            "state_query": urlencode(
                {
                    "finding": view.finding,
                    "cut": view.cut,
                    "partition": view.partition,
                    "centre": view.centre,
                    "set": view.analysis_set,
                }
            ),
            "figures": figures,
            "summary": summary,
            "fact": dashboard.fact(figures, summary),
            "filters": dashboard.filters(document, summary, view, plan),
            "headline": dashboard.headline(figures, plan, summary),
            "flow": dashboard.flow_steps(summary, document),
            "brier": wording.estimate((figures["calibration"] or {}).get("brier")),
            "incorporation": dashboard.incorporation(figures),
            "multireader": dashboard.multireader(figures),
            "tables": dashboard.tables(figures, document, plan),
            "finding": dashboard.finding_names(document)[view.finding],
            "tabs": results_tabs(snapshot, "results"),
            "can_export": can_export(study, request.user),
            "few": view.partition == "all" and summary["default_partition"] == "all",
            "resampled": dashboard.resampled(resampled_if_known(snapshot=snapshot, view=view)),
            "cooccurrence": wording.estimate(figures.get("cooccurrence")),
            "chart_data": dashboard.chart_data(figures, document, plan),
        },
    )


def _before_unblinding(request: HttpRequest, study: ReaderStudy) -> HttpResponse:
    """The plan and what is missing; no number of any result."""
    note_refusal(request, study)
    plan, document = plan_of(study), protocol_of(study).document
    names, measures = dashboard.finding_names(document), measure_names()
    return render(
        request,
        "analysis/results_before.html",
        {
            **frame_of(request, study, "analysis:results"),
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
        {**frame_of(request, study, "analysis:results"), "pending": pending_snapshot(study)},
    )


@require_GET
def snapshot_progress(request: HttpRequest, slug: str) -> JsonResponse:
    study = figures_door(request, slug)
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
    study = figures_door(request, slug)
    if pending_snapshot(study) is None:
        request_snapshot(study=study, actor=request.user, at=timezone.now())
    return redirect("analysis:results", slug=slug)


@require_GET
def results_json(request: HttpRequest, slug: str) -> JsonResponse:
    """The figures of one state of the filters, as `analyse` prints them."""
    study = figures_door(request, slug)
    snapshot = latest_snapshot(study)
    if snapshot is None:
        raise Http404
    try:
        _plan, view = plan_and_view(request, snapshot)
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
def results_resampled(request: HttpRequest, slug: str) -> JsonResponse:
    """The bootstrap figures of one state of the filters: numbers, and the words that the page shows."""
    study = figures_door(request, slug)
    snapshot = latest_snapshot(study)
    if snapshot is None:
        raise Http404
    try:
        _plan, view = plan_and_view(request, snapshot)
    except BadView as problem:
        return JsonResponse({"code": "bad_view", "detail": str(problem)}, status=400)
    figures = resampled_of(snapshot=snapshot, view=view, at=timezone.now())
    return JsonResponse(
        {
            "study": study.slug,
            "is_demonstration": study.is_demonstration,
            "snapshot": snapshot.number,
            **figures,
            "words": dashboard.resampled(figures),
        }
    )


@require_GET
def results_table(request: HttpRequest, slug: str, block: str) -> HttpResponse:
    """The table behind one chart as CSV, full precision."""
    study = figures_door(request, slug)
    snapshot = latest_snapshot(study)
    if snapshot is None:
        raise Http404
    try:
        plan, view = plan_and_view(request, snapshot)
    except BadView:
        raise Http404 from None
    figures = figures_of(snapshot=snapshot, view=view, at=timezone.now())
    tables = dashboard.tables(figures, protocol_of(study).document, plan)
    if block in dashboard.RESAMPLED_TABLES:
        tables |= dashboard.resampled_tables(resampled_of(snapshot=snapshot, view=view, at=timezone.now()))
    table = tables.get(block)
    if table is None:
        raise Http404
    name = f"{study.slug}-{block}-{view.finding}-{view.cut}-{view.partition.replace('+', '-')}.csv"
    return table_response(snapshot, table, name, view.key)
