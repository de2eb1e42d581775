"""Opening the images of an assignment for the person in front of the screen."""

from datetime import datetime

from django.http import HttpRequest, HttpResponse

from grading.places import presentation_alias
from readerstudy.imaging.services.capability import open_case, set_capability_cookie
from readerstudy.studies.models import Assignment


def present_images(
    *, request: HttpRequest, response: HttpResponse, assignment: Assignment, at: datetime
) -> HttpResponse:
    """Give the page the capability to fetch exactly the images of this showing, in this session."""
    if assignment.case.image_set is None:
        return response
    opened = open_case(
        image_set=assignment.case.image_set,
        presentation=assignment.presentation,
        user_id=assignment.user_id,
        session_key=request.session.session_key or "",
        alias=presentation_alias(assignment),
        at=at,
    )
    set_capability_cookie(response, opened)
    return response
