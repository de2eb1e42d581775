"""Pages of two readers who settle together."""

from uuid import UUID

from django.contrib.auth import authenticate
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from grading.access import access_joint_case, access_study
from grading.blinding import blinded_items
from grading.desk.pages import desk_config
from grading.queues import joint_queue, next_case
from grading.services.joint import (
    JointRefused,
    end_joint_session,
    joint_session_of,
    open_joint_session,
    settles_jointly,
)
from grading.services.presenting import present_images
from readerstudy.accounts.models import User
from readerstudy.studies.models import ReaderStudy


def _study(request: HttpRequest, slug: str) -> ReaderStudy:
    study = access_study(user=request.user, slug=slug, role="is_reader")
    if not settles_jointly(study):
        raise Http404("There is nothing here for you.")
    return study


@require_http_methods(["GET", "POST"])
def joint_list(request: HttpRequest, slug: str) -> HttpResponse:
    study = _study(request, slug)
    at, session_key = timezone.now(), request.session.session_key or ""
    problem = ""
    if request.method == "POST":
        # Through the sign-in backends, so that failed tries count as failed sign-ins do.
        second = authenticate(
            request, username=request.POST.get("username", ""), password=request.POST.get("password", "")
        )
        try:
            if not isinstance(second, User):
                raise JointRefused(_("This account and password do not fit together."))
            open_joint_session(study=study, first=request.user, second=second, session_key=session_key, at=at)
            return redirect("grading:joint_list", slug=slug)
        except JointRefused as error:
            problem = _(str(error))
    joint = joint_session_of(study=study, user=request.user, session_key=session_key, at=at)
    return render(
        request,
        "grading/joint_list.html",
        {
            "list": joint_queue(study=study, joint=joint, reader=request.user),
            "together": joint is not None,
            "problem": problem,
            "desk": desk_config(user=request.user),
        },
        status=409 if problem else 200,
    )


@require_POST
def end_joint(request: HttpRequest, slug: str) -> HttpResponse:
    study = _study(request, slug)
    joint = joint_session_of(
        study=study, user=request.user, session_key=request.session.session_key or "", at=timezone.now()
    )
    if joint is not None:
        end_joint_session(joint=joint, at=timezone.now())
    return redirect("grading:joint_list", slug=slug)


@require_GET
def joint_case(request: HttpRequest, assignment: UUID) -> HttpResponse:
    found = access_joint_case(
        reader=request.user,
        assignment=assignment,
        session_key=request.session.session_key or "",
        at=timezone.now(),
    )
    showing = found.assignment
    queue = joint_queue(study=showing.study, joint=found.joint, reader=request.user)
    listed = reverse("grading:joint_list", kwargs={"slug": showing.study.slug})
    case = blinded_items(
        assignment=showing,
        code=queue.frame.person_code,
        next_address=next_case(queue, after=showing.public_id) or listed,
        settle="api:joint-settle",
    )
    # A lock ends the joint session too: both sign in again, at the list.
    desk = desk_config(user=request.user, assignment=showing, after=listed)
    response = render(
        request,
        "grading/case_adjudicate.html",
        {"case": case, "queue": queue, "together": True, "desk": desk},
    )
    return present_images(request=request, response=response, assignment=showing, at=timezone.now())
