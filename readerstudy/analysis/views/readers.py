"""The page of readers: time, repeats, trends, audit. Nothing of it is shown before unblinding."""

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from readerstudy.analysis import dashboard
from readerstudy.analysis.selectors import protocol_of
from readerstudy.analysis.services.snapshots import latest_snapshot
from readerstudy.analysis.views.frame import (
    figures_door,
    frame_of,
    record_opening,
    results_tabs,
    table_response,
)


@require_GET
def readers(request: HttpRequest, slug: str) -> HttpResponse:
    study = figures_door(request, slug)
    snapshot = latest_snapshot(study)
    if snapshot is None or "readers" not in snapshot.results:
        raise Http404
    record_opening(request, study, snapshot)
    given, document = snapshot.results["readers"], protocol_of(study).document
    return render(
        request,
        "analysis/readers_show.html",
        {
            **frame_of(request, study, "analysis:results"),
            "snapshot": snapshot,
            "tabs": results_tabs(snapshot, "readers"),
            "times": dashboard.reader_times(given),
            "findings": dashboard.reader_findings(given, document),
            "audit": dashboard.audit_rows(given, document),
            "chart_data": dashboard.readers_chart_data(given),
        },
    )


@require_GET
def readers_table(request: HttpRequest, slug: str, block: str) -> HttpResponse:
    study = figures_door(request, slug)
    snapshot = latest_snapshot(study)
    if snapshot is None:
        raise Http404
    table = (
        dashboard.readers_tables(snapshot.results.get("readers", {})).get(block)
        if "readers" in snapshot.results
        else None
    )
    if table is None:
        raise Http404
    return table_response(snapshot, table, f"{slug}-readers-{block}.csv", "readers")
