"""What every page of analysis shares: the study's frame, and the state of the filters."""

import csv
import io
from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from readerstudy.analysis.access import BeforeUnblinding, access_export, access_figures
from readerstudy.analysis.models import Snapshot
from readerstudy.analysis.plan import AnalysisPlan
from readerstudy.analysis.results import View, view_from
from readerstudy.analysis.services.locking import open_results, refuse_results
from readerstudy.studies.models import ReaderStudy
from readerstudy.studies.navigation import study_frame


def note_refusal(request: HttpRequest, study: ReaderStudy) -> None:
    """Record, once per session, that somebody asked for results before unblinding."""
    mark = f"refused results {study.public_id}"
    if not request.session.get(mark):
        refuse_results(study=study, actor=request.user, at=timezone.now())
        request.session[mark] = True


def figures_door(request: HttpRequest, slug: str) -> ReaderStudy:
    """Return the unblinded study of a page of figures; a try before unblinding is recorded. Raises Http404."""
    try:
        return access_figures(user=request.user, slug=slug)
    except BeforeUnblinding as refusal:
        note_refusal(request, refusal.study)
        raise


def export_door(request: HttpRequest, slug: str) -> ReaderStudy:
    """Return the unblinded study whose rows are taken; a try before unblinding is recorded. Raises Http404."""
    try:
        return access_export(user=request.user, slug=slug)
    except BeforeUnblinding as refusal:
        note_refusal(request, refusal.study)
        raise


def frame_of(request: HttpRequest, study: ReaderStudy, current: str) -> dict[str, Any]:
    return {"study": study_frame(study=study, user=request.user, current=current), "slug": study.slug}


def plan_and_view(request: HttpRequest, snapshot: Snapshot) -> tuple[AnalysisPlan, View]:
    plan = AnalysisPlan.from_dict(snapshot.plan)
    return plan, view_from(request.GET, summary=snapshot.results["summary"], plan=plan)


def record_opening(request: HttpRequest, study: ReaderStudy, snapshot: Snapshot) -> None:
    """Once per session and snapshot: a change of filter is not another opening."""
    mark = f"opened results {snapshot.public_id}"
    if not request.session.get(mark):
        open_results(study=study, actor=request.user, snapshot_number=snapshot.number, at=timezone.now())
        request.session[mark] = True


def results_tabs(snapshot: Snapshot, current: str) -> list[dict[str, Any]]:
    """Return the pages of the results: label, address, and whether it is the page shown."""
    pages = [("results", _("Model against readers"))]
    if snapshot.results.get("marks"):
        pages.append(("marks", _("Marks")))
    if "readers" in snapshot.results:
        pages.append(("readers", _("Readers")))
    pages += [("items", _("Items and cases")), ("planner", _("Sample size"))]
    return [
        {
            "label": label,
            "address": reverse(f"analysis:{name}", kwargs={"slug": snapshot.study.slug}),
            "is_current": name == current,
        }
        for name, label in pages
    ]


def table_response(snapshot: Snapshot, table: Mapping[str, Any], name: str, state: str) -> HttpResponse:
    """Return a table as CSV in full precision; each row says of which state and snapshot it is."""
    study = snapshot.study
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*table["columns"], "view", "snapshot", "data_hash", "demonstration"])
    mark = "yes" if study.is_demonstration else "no"
    for row in table["rows"]:
        cells = ["" if cell is None else repr(cell) if isinstance(cell, float) else cell for cell in row]
        writer.writerow([*cells, state, snapshot.number, snapshot.data_hash, mark])
    response = HttpResponse(text.getvalue(), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response
