"""Withdrawing a case: what it erases is shown first, and done under the case's code and a reason."""

from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from readerstudy.studies.access import access_case, access_office
from readerstudy.studies.forms import WithdrawalForm
from readerstudy.studies.models import Case
from readerstudy.studies.navigation import study_frame
from readerstudy.studies.pages import case_rows
from readerstudy.studies.services.cases import withdraw_case
from readerstudy.studies.services.errors import StudyRefused


@require_http_methods(["GET", "POST"])
def withdraw(request: HttpRequest, slug: str, case: UUID) -> HttpResponse:
    """Show what withdrawing a case erases and what stays; on POST do it, if its code was typed."""
    study = access_office(user=request.user, slug=slug, roles=("is_coordinator",))
    found = access_case(study=study, case=case)
    is_withdrawn = found.status == Case.Status.WITHDRAWN
    form = WithdrawalForm(request.POST or None, pseudonym=found.pseudonym)
    if request.method == "POST" and form.is_valid() and not is_withdrawn:
        try:
            withdraw_case(
                case=found, reason=form.cleaned_data["reason"], actor=request.user, at=timezone.now()
            )
            messages.success(
                request,
                _("%(case)s is withdrawn: its images and the identity behind it are erased.")
                % {"case": found.pseudonym},
            )
        except StudyRefused as error:
            messages.error(request, str(error))
        return redirect("studies:cases", slug=slug)
    return render(
        request,
        "studies/case_withdraw.html",
        {
            "study": study_frame(study=study, user=request.user, current="studies:cases"),
            "case": case_rows(study, [found.pk])[0],
            "is_withdrawn": is_withdrawn,
            "form": form,
        },
    )
