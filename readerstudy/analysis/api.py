"""Results by /api/v1/: the same figures, the same doors and the same records as the pages."""

from typing import Any

from django.http import Http404
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from readerstudy.analysis.access import BeforeUnblinding, access_figures
from readerstudy.analysis.models import Snapshot
from readerstudy.analysis.plan import AnalysisPlan
from readerstudy.analysis.results import View, view_from
from readerstudy.analysis.results.items import cell_from, describe, select_items
from readerstudy.analysis.results.views import BadView
from readerstudy.analysis.serializers import (
    FiguresSerializer,
    ItemsSerializer,
    MarksSerializer,
    ReadersSerializer,
    ResampledSerializer,
    SummarySerializer,
)
from readerstudy.analysis.services.locking import open_results, refuse_results
from readerstudy.analysis.services.snapshots import dataset_of, figures_of, latest_snapshot, resampled_of
from readerstudy.studies.models import ReaderStudy

FILTERS = [
    OpenApiParameter("finding", str, description="code of the finding; the plan's first by default"),
    OpenApiParameter("cut", int, description="positive from this grade on; the plan's by default"),
    OpenApiParameter("partition", str, description="test+external, test, external, validation, train or all"),
    OpenApiParameter("centre", str, description="code of a centre, or all"),
    OpenApiParameter("set", str, description="primary (by default), full or per-protocol, where they differ"),
]
CELLS = [
    *FILTERS,
    OpenApiParameter("who", str, description="code of a reader, or model"),
    OpenApiParameter(
        "cell", str, description="all, tp, fn, fp, tn, differs, not_assessable or missing; needs who"
    ),
    OpenApiParameter("reference", int, description="reference grade"),
    OpenApiParameter("given", int, description="grade that `who` gave"),
]


def _head(snapshot: Snapshot) -> dict[str, Any]:
    study = snapshot.study
    return {
        "study": study.slug,
        "is_demonstration": study.is_demonstration,
        "snapshot": snapshot.number,
        "data_hash": snapshot.data_hash,
        "protocol_digest": snapshot.protocol_digest,
        "code_version": snapshot.code_version,
        "seed": snapshot.seed,
    }


class ResultsView(APIView):
    """What the views of results share: the door, the newest snapshot, the record that it was opened."""

    def snapshot(self, request: Request, slug: str) -> Snapshot:
        try:
            study = access_figures(user=request.user, slug=slug)
        except BeforeUnblinding as refusal:
            self._note_refusal(request, refusal.study)
            raise
        snapshot = latest_snapshot(study)
        if snapshot is None:
            raise Http404
        mark = f"opened results {snapshot.public_id}"
        session = request._request.session
        if not session.get(mark):
            open_results(study=study, actor=request.user, snapshot_number=snapshot.number, at=timezone.now())
            session[mark] = True
        return snapshot

    def _note_refusal(self, request: Request, study: ReaderStudy) -> None:
        mark, session = f"refused results {study.public_id}", request._request.session
        if not session.get(mark):
            refuse_results(study=study, actor=request.user, at=timezone.now())
            session[mark] = True

    def state(self, request: Request, snapshot: Snapshot) -> tuple[AnalysisPlan, View]:
        plan = AnalysisPlan.from_dict(snapshot.plan)
        return plan, view_from(request.query_params, summary=snapshot.results["summary"], plan=plan)


def _bad(problem: BadView) -> Response:
    return Response({"code": "bad_view", "detail": str(problem)}, status=400)


class SummaryView(ResultsView):
    @extend_schema(summary="Plan, flow and the states that were computed", responses=SummarySerializer)
    def get(self, request: Request, slug: str) -> Response:
        snapshot = self.snapshot(request, slug)
        results = snapshot.results
        return Response(
            _head(snapshot)
            | {"summary": results["summary"], "plan": results["plan"], "views": sorted(results["views"])}
        )


class FiguresView(ResultsView):
    @extend_schema(
        summary="Every figure of one state of the filters, as the page shows it",
        parameters=FILTERS,
        responses={200: FiguresSerializer, 400: OpenApiTypes.OBJECT},
    )
    def get(self, request: Request, slug: str) -> Response:
        snapshot = self.snapshot(request, slug)
        try:
            _plan, view = self.state(request, snapshot)
        except BadView as problem:
            return _bad(problem)
        figures = figures_of(snapshot=snapshot, view=view, at=timezone.now())
        return Response(_head(snapshot) | {"figures": figures})


class ResampledView(ResultsView):
    @extend_schema(
        summary="Figures with a bootstrap interval; computed when first asked for, then kept",
        parameters=FILTERS,
        responses={200: ResampledSerializer, 400: OpenApiTypes.OBJECT},
    )
    def get(self, request: Request, slug: str) -> Response:
        snapshot = self.snapshot(request, slug)
        try:
            _plan, view = self.state(request, snapshot)
        except BadView as problem:
            return _bad(problem)
        figures = resampled_of(snapshot=snapshot, view=view, at=timezone.now())
        return Response(_head(snapshot) | {"figures": figures})


class MarksView(ResultsView):
    @extend_schema(summary="Curves and figures of merit of marks, by partition", responses=MarksSerializer)
    def get(self, request: Request, slug: str) -> Response:
        snapshot = self.snapshot(request, slug)
        return Response(
            _head(snapshot)
            | {
                "marks": snapshot.results.get("marks", {}),
                "marks_of_sets": snapshot.results.get("marks_of_sets", {}),
            }
        )


class ReadersView(ResultsView):
    @extend_schema(summary="Time, repeats and audit of the readers", responses=ReadersSerializer)
    def get(self, request: Request, slug: str) -> Response:
        snapshot = self.snapshot(request, slug)
        return Response(_head(snapshot) | {"readers": snapshot.results.get("readers", {})})


class ItemsView(ResultsView):
    @extend_schema(
        summary="The items behind a number, and what everybody said of them",
        parameters=CELLS,
        responses={200: ItemsSerializer, 400: OpenApiTypes.OBJECT},
    )
    def get(self, request: Request, slug: str) -> Response:
        snapshot = self.snapshot(request, slug)
        dataset = dataset_of(snapshot)
        try:
            plan, view = self.state(request, snapshot)
            cell = cell_from(request.query_params, dataset)
        except BadView as problem:
            return _bad(problem)
        rows = describe(dataset, plan, view, select_items(dataset, plan, view, cell))
        codes = [reader.code for reader in dataset.readers]
        return Response(_head(snapshot) | {"readers": codes, "items": rows})
