"""Taking a table in: its first rows, which column is which, and every refused row with its reason."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from readerstudy.analysis import dashboard
from readerstudy.analysis.access import access_import
from readerstudy.analysis.services.imports import ImportRefused
from readerstudy.analysis.services.imports.mapping import KINDS, preview, renamed
from readerstudy.analysis.views.frame import frame_of
from readerstudy.studies.models import ReaderStudy
from readerstudy.studies.services.errors import StudyRefused

# The page carries the text from its first step to its second.
MOST_BYTES = 2_000_000


@require_http_methods(["GET", "POST"])
def take_table(request: HttpRequest, slug: str) -> HttpResponse:
    """A file is looked at first; the second step takes it in, all rows or none."""
    study = access_import(user=request.user, slug=slug)
    kind = request.POST.get("kind", "reads")
    kind = kind if kind in KINDS else "reads"
    context: dict[str, Any] = {
        **frame_of(request, study, "analysis:take_table"),
        "kinds": [(name, label, name == kind) for name, label in dashboard.table_names().items()],
        "kind": kind,
        "is_open": study.state == ReaderStudy.State.OPEN,
        "most_megabytes": MOST_BYTES // 1_000_000,
    }
    if request.method == "POST" and study.state == ReaderStudy.State.OPEN:
        try:
            text, source = _text_of(request)
            seen = preview(text, kind)
            mapping = {
                name: request.POST.get(f"column-{name}", column) for name, column in seen.mapping.items()
            }
            mapping = {name: column if column in seen.columns else "" for name, column in mapping.items()}
            context |= {
                "text": text,
                "source": source,
                "preview": seen,
                "mapping": [
                    {
                        "name": name,
                        "column": column,
                        "is_needed": name not in KINDS[kind].optional,
                        "meaning": dashboard.column_meaning(name),
                    }
                    for name, column in mapping.items()
                ],
            }
            if "take" in request.POST:
                n = KINDS[kind].service(
                    study=study,
                    text=renamed(text, mapping),
                    actor=request.user,
                    at=timezone.now(),
                    source=source,
                )
                messages.success(
                    request, _("%(n)s rows of %(source)s taken in.") % {"n": n, "source": source}
                )
                return redirect("analysis:take_table", slug=slug)
        except ImportRefused as refusal:
            context["problems"] = refusal.problems
        except StudyRefused as refusal:
            messages.error(request, str(refusal))
    return render(request, "analysis/table_take.html", context)


def _text_of(request: HttpRequest) -> tuple[str, str]:
    """The table's text: of the file at the first step, carried by the page at the second."""
    from readerstudy.analysis.services.imports import RowProblem

    given = request.FILES.get("file")
    if given is None:
        return request.POST.get("text", ""), request.POST.get("source", "")[:120]
    if given.size > MOST_BYTES:
        raise ImportRefused([RowProblem(1, "file", _("is too large for this page; use the command"))])
    try:
        return given.read().decode("utf-8"), str(given.name)[:120]
    except UnicodeDecodeError:
        raise ImportRefused([RowProblem(1, "file", _("is not UTF-8"))]) from None
