"""The audit log."""

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from readerstudy.analysis.access import access_audit
from readerstudy.analysis.views.frame import frame_of
from readerstudy.core.audit import sentence
from readerstudy.core.models import AuditEvent


@require_GET
def audit(request: HttpRequest, slug: str) -> HttpResponse:
    study = access_audit(user=request.user, slug=slug)
    events = AuditEvent.objects.filter(study_id=study.public_id).order_by("-number")
    page = Paginator(events, 100).get_page(request.GET.get("page"))
    return render(
        request,
        "analysis/audit_list.html",
        {
            **frame_of(request, study, "analysis:audit"),
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
