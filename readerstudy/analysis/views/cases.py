"""From any number to its items, and from an item to its case with the images."""

from typing import Any
from uuid import UUID, uuid4

from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from grading.blinding import viewer_words
from inference.selectors import has_heat_maps
from readerstudy.analysis import dashboard
from readerstudy.analysis.access import can_export
from readerstudy.analysis.results.items import cell_from, describe, select_items
from readerstudy.analysis.results.views import ALL, BadView, View
from readerstudy.analysis.selectors import first_showing, protocol_of
from readerstudy.analysis.services.snapshots import dataset_of, latest_snapshot
from readerstudy.analysis.services.structured import write_structured_reports
from readerstudy.analysis.views.frame import (
    export_door,
    figures_door,
    frame_of,
    plan_and_view,
    record_opening,
    results_tabs,
    table_response,
)
from readerstudy.imaging.services import open_case, set_capability_cookie
from readerstudy.studies.models import Case

ITEMS_A_PAGE = 100
LOOKING_SECONDS = 3600


def _items(request: HttpRequest, slug: str) -> dict[str, Any]:
    study = figures_door(request, slug)
    snapshot = latest_snapshot(study)
    if snapshot is None:
        raise Http404
    dataset = dataset_of(snapshot)
    try:
        plan, view = plan_and_view(request, snapshot)
        cell = cell_from(request.GET, dataset)
    except BadView:
        raise Http404 from None
    places = select_items(dataset, plan, view, cell)
    return {
        "study": study, "snapshot": snapshot, "dataset": dataset, "plan": plan, "view": view, "cell": cell,
        "places": places,
    }  # fmt: skip


@require_GET
def items(request: HttpRequest, slug: str) -> HttpResponse:
    """The items behind a number, what everybody said of them, and their cases."""
    found = _items(request, slug)
    study, snapshot, dataset, view = found["study"], found["snapshot"], found["dataset"], found["view"]
    record_opening(request, study, snapshot)
    page = Paginator(found["places"], ITEMS_A_PAGE).get_page(request.GET.get("page"))
    document = protocol_of(study).document
    rows = describe(dataset, found["plan"], view, page.object_list)
    addresses = dict(
        Case.objects.filter(study=study, pseudonym__in={row["case"] for row in rows}).values_list(
            "pseudonym", "public_id"
        )
    )
    query = request.GET.copy()
    query.pop("page", None)
    return render(
        request,
        "analysis/items_list.html",
        {
            **frame_of(request, study, "analysis:results"),
            "snapshot": snapshot,
            "tabs": results_tabs(snapshot, "items"),
            "filters": dashboard.filters(document, snapshot.results["summary"], view, found["plan"]),
            "hidden": [
                (name, request.GET[name])
                for name in ("who", "other", "cell", "reference", "given", "level", "side")
                if request.GET.get(name)
            ],
            "title": dashboard.items_title(document, view, found["cell"]),
            "n": len(found["places"]),
            "readers": [reader.code for reader in dataset.readers],
            "has_model": dataset.model is not None,
            "rows": dashboard.item_rows(rows, document, addresses),
            "page": page,
            "query": query.urlencode(),
        },
    )  # fmt: skip


@require_GET
def items_table(request: HttpRequest, slug: str) -> HttpResponse:
    """All items behind a number as CSV."""
    found = _items(request, slug)
    rows = describe(found["dataset"], found["plan"], found["view"], found["places"])
    codes = [reader.code for reader in found["dataset"].readers]
    columns = ["case_id", "structure", "finding", "reference", "provenance", *codes, "model", "model_score"]
    table = {
        "columns": columns,
        "rows": [
            [
                row["case"], row["structure"], row["finding"], row["reference"], row["provenance"], *row["reads"],
                row["model"], row["score"],
            ]
            for row in rows
        ],
    }  # fmt: skip
    name = f"{slug}-items-{found['view'].finding}.csv"
    return table_response(found["snapshot"], table, name, found["view"].key)


@require_GET
def case(request: HttpRequest, slug: str, case: UUID) -> HttpResponse:
    """One case: its images, and what everybody said of every item."""
    study = figures_door(request, slug)
    snapshot = latest_snapshot(study)
    shown = (
        Case.objects.select_related("image_set", "patient__centre")
        .filter(study=study, public_id=case)
        .first()
    )
    if snapshot is None or shown is None:
        raise Http404
    dataset = dataset_of(snapshot)
    names = [entry.pseudonym for entry in dataset.cases]
    if shown.pseudonym not in names:
        raise Http404
    record_opening(request, study, snapshot)
    plan, _view = plan_and_view(request, snapshot)
    document = protocol_of(study).document
    places = dataset.case_of == names.index(shown.pseudonym)
    rows = [
        row
        for finding in dataset.findings
        for row in describe(
            dataset, plan, View(finding, plan.cut_of(finding), ALL), places.nonzero()[0]
        )
    ]  # fmt: skip
    showing = first_showing(shown) if shown.image_set else None
    context: dict[str, Any] = {
        **frame_of(request, study, "analysis:results"),
        "snapshot": snapshot,
        "tabs": results_tabs(snapshot, "items"),
        "case": shown.pseudonym,
        "reports": reverse("analysis:case_reports", kwargs={"slug": slug, "case": case})
        if can_export(study, request.user)
        else "",
        "centre": shown.patient.centre.code,
        "patient": shown.patient.pseudonym,
        "partition": shown.patient.partition,
        "readers": [reader.code for reader in dataset.readers],
        "has_model": dataset.model is not None,
        "rows": dashboard.item_rows(rows, document, {}),
        "presentation": None,
    }
    if showing is None:
        return render(request, "analysis/case_show.html", context)
    presentation = uuid4()
    capability = open_case(
        image_set=shown.image_set,
        presentation=presentation,
        user_id=request.user.pk,
        session_key=request.session.session_key or "",
        at=timezone.now(),
        max_age=LOOKING_SECONDS,
    )
    context |= {"presentation": presentation, "viewer": viewer_words(showing, document, {})}
    if dataset.model is not None and has_heat_maps(shown, model_digest=dataset.model.digest):
        context["heat"] = reverse("analysis:case_heat", kwargs={"slug": slug, "case": case})
    response = render(request, "analysis/case_show.html", context)
    set_capability_cookie(response, capability)
    return response


@require_POST
def case_reports(request: HttpRequest, slug: str, case: UUID) -> HttpResponse:
    """One case's answers as DICOM structured reports; taking them is recorded as an export."""
    study = export_door(request, slug)
    snapshot = latest_snapshot(study)
    shown = Case.objects.select_related("patient", "image_set").filter(study=study, public_id=case).first()
    if snapshot is None or shown is None:
        raise Http404
    content = write_structured_reports(snapshot=snapshot, actor=request.user, at=timezone.now(), only=shown)
    response = HttpResponse(content, content_type="application/zip")
    response["Content-Disposition"] = f'attachment; filename="{slug}-{shown.pseudonym}-reports.zip"'
    return response
