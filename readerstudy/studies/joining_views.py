"""The images of a case, joining cases that are of one patient, and taking imaging studies out again."""

from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from readerstudy.studies.access import access_case, access_office
from readerstudy.studies.forms import JoiningForm, TakingOutForm
from readerstudy.studies.joining import joining_page, n_unopened, number_groups
from readerstudy.studies.navigation import study_frame
from readerstudy.studies.pages import case_rows
from readerstudy.studies.services.errors import StudyRefused
from readerstudy.studies.services.joining import join_cases, take_out_of_case
from readerstudy.studies.services.joining_plan import plan_joining, why_not_taken_out

_COORDINATOR = ("is_coordinator",)


@require_http_methods(["GET", "POST"])
def join(request: HttpRequest, slug: str) -> HttpResponse:
    """Show what joining the chosen cases would make of them; on POST do what was shown."""
    study = access_office(user=request.user, slug=slug, roles=_COORDINATOR)
    sent = request.POST if request.method == "POST" else request.GET
    is_asked = bool(sent.get("comes"))
    form = JoiningForm(sent, study=study) if is_asked else JoiningForm(initial=sent.dict(), study=study)
    plan = None
    if is_asked and form.is_valid():
        chosen = {"study": study, "stays": form.cleaned_data["stays"], "comes": form.cleaned_data["comes"]}
        if request.method == "POST":
            try:
                case = join_cases(
                    expected_digest=request.POST.get("digest", "")[:64] or "none",
                    actor=request.user,
                    at=timezone.now(),
                    **chosen,
                )
            except StudyRefused as error:
                messages.error(request, str(error))
            else:
                messages.success(
                    request,
                    _("%(case)s is one case now. Later images under any of its patient numbers come into it.")
                    % {"case": case.pseudonym},
                )
                return redirect("studies:case_images", slug=slug, case=case.public_id)
        plan = joining_page(study, plan_joining(**chosen))
    return render(
        request,
        "studies/case_join.html",
        {
            "study": study_frame(study=study, user=request.user, current="studies:cases"),
            "form": form,
            "plan": plan,
            "sent": {name: sent.get(name, "") for name in ("stays", "comes")},
        },
    )


@require_http_methods(["GET", "POST"])
def case_images(request: HttpRequest, slug: str, case: UUID) -> HttpResponse:
    """Show the imaging studies of a case; on POST make a case of those that do not belong to it."""
    study = access_office(user=request.user, slug=slug, roles=_COORDINATOR)
    found = access_case(study=study, case=case)
    groups = number_groups(found.image_set)
    if request.method == "POST":
        form = TakingOutForm(request.POST, studies=[row.uid for group in groups for row in group.rows])
        try:
            if not form.is_valid():
                raise StudyRefused(_("The page was not complete. Nothing was changed."))
            new = take_out_of_case(
                case=found,
                imaging_studies=form.cleaned_data["study"],
                is_other_patient=form.cleaned_data["patient"] == TakingOutForm.OTHER,
                actor=request.user,
                at=timezone.now(),
            )
        except StudyRefused as error:
            messages.error(request, str(error))
            return redirect("studies:case_images", slug=slug, case=case)
        messages.success(
            request,
            _("Case %(new)s is made of what was taken out of %(case)s. It waits for screening.")
            % {"new": new.pseudonym, "case": found.pseudonym},
        )
        return redirect("studies:case_images", slug=slug, case=new.public_id)
    return render(
        request,
        "studies/case_images.html",
        {
            "study": study_frame(study=study, user=request.user, current="studies:cases"),
            "case": case_rows(study, [found.pk])[0],
            "groups": groups,
            "may_leave": any(row.may_leave for group in groups for row in group.rows),
            "problems": why_not_taken_out(study, found),
            "n_unopened": n_unopened(found),
        },
    )
