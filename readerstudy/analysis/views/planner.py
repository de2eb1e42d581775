"""The sample-size page: designs of the protocols, and after unblinding the study's own correlation."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from readerstudy.analysis import dashboard
from readerstudy.analysis.access import access_results
from readerstudy.analysis.forms import DESIGNS, PlannerForm
from readerstudy.analysis.results.planning import own_correlation, plan_size
from readerstudy.analysis.services.snapshots import latest_snapshot
from readerstudy.analysis.views.frame import frame_of, results_tabs
from readerstudy.analysis.wording import measure_names, number
from readerstudy.studies.models import ReaderStudy


@require_GET
def planner(request: HttpRequest, slug: str) -> HttpResponse:
    study = access_results(user=request.user, slug=slug)
    # Before unblinding nothing of the study's own data is asked for.
    snapshot = latest_snapshot(study) if study.state == ReaderStudy.State.UNBLINDED else None
    own = _own(snapshot.results) if snapshot else []
    design = request.GET.get("design", "share")
    design = design if design in DESIGNS else "share"
    form = PlannerForm(
        request.GET if len(request.GET) > 1 else None, design=design, own=own[0] if own else None
    )
    size = plan_size(design, form.cleaned_data) if form.is_valid() else None
    return render(
        request,
        "analysis/planner_show.html",
        {
            **frame_of(request, study, "analysis:results"),
            "tabs": results_tabs(snapshot, "planner") if snapshot else [],
            "snapshot": snapshot,
            "form": form,
            "designs": [(name, label, name == design) for name, label in dashboard.design_names().items()],
            "design": design,
            "method": dashboard.design_methods()[design],
            "size": dashboard.size_words(size) if size else None,
            "own": [
                {
                    "who": each.who,
                    "measure": measure_names()[each.measure],
                    "items": number(each.items_per_patient, 1),
                    "effect": number(each.design_effect, 2),
                    "correlation": number(each.correlation, 2),
                }
                for each in own
            ],
        },
    )


def _own(results: dict[str, Any]) -> list[Any]:
    """The study's own nesting, from the estimates of the state that is shown first."""
    summary = results["summary"]
    views = [v for v in results["views"].values() if v["view"]["partition"] == summary["default_partition"]]
    if not views:
        return []
    rows = [*views[0]["readers"], *([views[0]["model"]] if views[0]["model"] else [])]
    found = [
        own_correlation(measure, row["code"], row[measure])
        for row in rows
        for measure in ("sensitivity", "specificity")
    ]
    return [each for each in found if each is not None]
