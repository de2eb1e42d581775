"""The page of marks: curves, figures of merit, comparisons."""

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from readerstudy.analysis import dashboard
from readerstudy.analysis.datasets import PRIMARY
from readerstudy.analysis.models import Snapshot
from readerstudy.analysis.services.snapshots import latest_snapshot
from readerstudy.analysis.views.frame import (
    figures_door,
    frame_of,
    record_opening,
    results_tabs,
    table_response,
)


def _chosen(request: HttpRequest, snapshot: Snapshot) -> tuple[str, str, dict[str, Any]]:
    """The partition and analysis set asked for, or those shown first, and their figures."""
    analysis_set = request.GET.get("set") or PRIMARY
    found = snapshot.results.get("marks")
    if found and analysis_set != PRIMARY:
        found = snapshot.results.get("marks_of_sets", {}).get(analysis_set)
    if not found:
        raise Http404
    partition = request.GET.get("partition") or snapshot.results["summary"]["default_partition"]
    if partition not in found:
        raise Http404
    return partition, analysis_set, found[partition]


@require_GET
def marks(request: HttpRequest, slug: str) -> HttpResponse:
    study = figures_door(request, slug)
    snapshot = latest_snapshot(study)
    if snapshot is None:
        raise Http404
    partition, analysis_set, figures = _chosen(request, snapshot)
    record_opening(request, study, snapshot)
    condition = dashboard.chosen_condition(figures, request.GET.get("condition", ""))
    return render(
        request,
        "analysis/marks_show.html",
        {
            **frame_of(request, study, "analysis:results"),
            "snapshot": snapshot,
            "tabs": results_tabs(snapshot, "marks"),
            "fact": dashboard.marks_fact(figures, partition, snapshot.results["summary"], analysis_set),
            "filters": dashboard.marks_filters(snapshot.results, partition, figures, condition, analysis_set),
            "figures": dashboard.marks_rows(figures),
            "comparisons": dashboard.marks_comparisons(figures),
            "tables": dashboard.marks_tables(figures),
            "chart_data": dashboard.marks_chart_data(figures, condition),
            "query": request.GET.urlencode(),
            "condition": condition,
        },
    )


@require_GET
def marks_table(request: HttpRequest, slug: str, block: str) -> HttpResponse:
    study = figures_door(request, slug)
    snapshot = latest_snapshot(study)
    if snapshot is None:
        raise Http404
    partition, analysis_set, figures = _chosen(request, snapshot)
    table = dashboard.marks_tables(figures).get(block)
    if table is None:
        raise Http404
    apart = "" if analysis_set == PRIMARY else f"|{analysis_set}"
    name = f"{study.slug}-marks-{block}-{partition.replace('+', '-')}{apart.replace('|', '-')}.csv"
    return table_response(snapshot, table, name, f"marks|{partition}{apart}")
