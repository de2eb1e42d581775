"""Where the analysed model looked in a case: maps for the viewer, after unblinding only."""

import base64
from typing import Any
from uuid import UUID

from django.http import Http404, HttpRequest, JsonResponse
from django.views.decorators.http import require_GET

from inference.selectors import HeatMapRow, heat_maps_of
from readerstudy.analysis import dashboard
from readerstudy.analysis.selectors import protocol_of
from readerstudy.analysis.services.snapshots import dataset_of, latest_snapshot
from readerstudy.analysis.views.frame import figures_door, record_opening
from readerstudy.studies.models import Case


@require_GET
def case_heat(request: HttpRequest, slug: str, case: UUID) -> JsonResponse:
    """The maps of one case on the network's own cells, and how large these are."""
    study = figures_door(request, slug)
    snapshot = latest_snapshot(study)
    shown = Case.objects.filter(study=study, public_id=case).first()
    if snapshot is None or shown is None:
        raise Http404
    model = dataset_of(snapshot).model
    maps = heat_maps_of(shown, model_digest=model.digest) if model else []
    if model is None or not maps:
        raise Http404
    record_opening(request, study, snapshot)
    document = protocol_of(study).document
    named = {(str(item["structure"]), str(item["finding"])) for row in maps for item in row.items}
    response = JsonResponse(
        {
            "model": model.label,
            "structures": _choices(
                {structure for structure, _ in named}, dashboard.structure_names(document)
            ),
            "findings": _choices({finding for _, finding in named}, dashboard.finding_names(document)),
            "maps": [_map(row) for row in maps],
        }
    )
    response["Cache-Control"] = "private, no-store"
    return response


def _choices(ids: set[str], labels: dict[str, str]) -> list[dict[str, str]]:
    """In the protocol's order; what it does not know comes last, by its own name."""
    order = [*(name for name in labels if name in ids), *sorted(ids - labels.keys())]
    return [{"id": name, "label": labels.get(name, name)} for name in order]


def _map(row: HeatMapRow) -> dict[str, Any]:
    return {
        "kind": row.kind,
        "method": row.method,
        "frame_of_reference": row.frame_of_reference,
        "shape": row.shape,
        "cell_mm": row.cell_mm,
        "items": row.items,
        "values": base64.b64encode(row.values).decode(),
    }
