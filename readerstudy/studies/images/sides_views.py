"""Stating left and right: what readers will see is shown first, and done as shown."""

from uuid import UUID, uuid4

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import get_script_prefix
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods

from readerstudy.imaging.models import Laterality
from readerstudy.imaging.services import open_case, set_capability_cookie
from readerstudy.studies.access import access_case, access_office
from readerstudy.studies.images.sides import laterality_words, sides_of
from readerstudy.studies.models import Case
from readerstudy.studies.navigation import study_frame
from readerstudy.studies.services.cases import before_reading
from readerstudy.studies.services.errors import StudyRefused
from readerstudy.studies.services.sides import LONGEST_SOURCE, state_sides
from readerstudy.studies.services.studies import current_protocol

LOOKING_SECONDS = 1800


def _why_not(case: Case) -> str:
    """Return why nothing can be stated of a case any more, or ""."""
    try:
        before_reading(case)
    except StudyRefused as refusal:
        return str(refusal)
    return ""


@require_http_methods(["GET", "POST"])
def sides(request: HttpRequest, slug: str, case: UUID) -> HttpResponse:
    """Show each imaging study of a case with what is known of left and right; on POST try out, then state."""
    study = access_office(user=request.user, slug=slug, roles=("is_coordinator",))
    found = access_case(study=study, case=case)
    chosen = {
        name.removeprefix("sides-"): value
        for name, value in request.POST.items()
        if name.startswith("sides-") and value in Laterality.values
    }
    source = request.POST.get("source", "").strip()
    if request.method == "POST" and "state" in request.POST:
        shown = {
            name.removeprefix("shown-"): value
            for name, value in request.POST.items()
            if name.startswith("shown-")
        }
        try:
            n_changed = state_sides(
                case=found, sides=chosen, shown=shown, source=source, actor=request.user, at=timezone.now()
            )
        except StudyRefused as refusal:
            messages.error(request, str(refusal))
            return redirect("studies:case_sides", slug=slug, case=case)
        if n_changed:
            said = ngettext(
                "Left and right are stated of %(n)d imaging study.",
                "Left and right are stated of %(n)d imaging studies.",
                n_changed,
            )
            messages.success(request, said % {"n": n_changed})
        else:
            messages.info(request, _("That is what stands already. Nothing was changed."))
        return redirect("studies:case_sides", slug=slug, case=case)
    opened = None
    root = ""
    if found.image_set is not None and found.status != Case.Status.WITHDRAWN:
        presentation = uuid4()
        opened = open_case(
            image_set=found.image_set,
            presentation=presentation,
            user_id=request.user.pk,
            session_key=request.session.session_key or "",
            at=timezone.now(),
            max_age=LOOKING_SECONDS,
        )
        root = f"{get_script_prefix()}dicomweb/{presentation}"
    rows = sides_of(found, root=root, chosen=chosen) if opened is not None else ()
    response = render(
        request,
        "studies/case_sides.html",
        {
            "study": study_frame(study=study, user=request.user, current="studies:cases"),
            "case": found.pseudonym,
            "rows": rows,
            "is_sided": current_protocol(study).document.is_sided,
            "choices": [(value, laterality_words(value)) for value in Laterality.values],
            "why_not": _why_not(found),
            "is_tried": request.method == "POST" and any(row.is_changed for row in rows),
            "n_open": sum(row.chosen != Laterality.ESTABLISHED for row in rows),
            "is_accepted": found.sides_accepted_by_convention,
            "source": source,
            "longest_source": LONGEST_SOURCE,
        },
    )
    if opened is not None:
        set_capability_cookie(response, opened)
    return response
