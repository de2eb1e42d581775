"""Opening the images of an assignment for the person in front of the screen."""

from dataclasses import replace
from datetime import datetime

from django.http import HttpRequest, HttpResponse
from django.urls import get_script_prefix

from grading.places import presentation_alias
from readerstudy.imaging.services.capability import open_case, set_capability_cookie
from readerstudy.studies.models import Assignment


def present_images(
    *,
    request: HttpRequest,
    response: HttpResponse,
    assignment: Assignment,
    at: datetime,
    upcoming: Assignment | None = None,
) -> HttpResponse:
    """
    Give the page the capability to fetch exactly the images of this showing, in this session.

    With `upcoming`, those of the reader's next case as well, to be fetched ahead.
    """
    for each in (assignment, upcoming):
        if each is None or each.case.image_set is None:
            continue
        opened = open_case(
            image_set=each.case.image_set,
            presentation=each.presentation,
            user_id=each.user_id,
            session_key=request.session.session_key or "",
            alias=presentation_alias(each),
            at=at,
        )
        # Below the address that the page was asked at, which is not the root in a dry run.
        here = f"{get_script_prefix()}dicomweb/{each.presentation}/"
        set_capability_cookie(response, replace(opened, cookie_path=here))
    return response
