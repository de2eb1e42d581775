"""The one form of an API error: a code for programs and a sentence for people."""

from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import Http404
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.views import exception_handler as drf_exception_handler


def exception_handler(exc: Exception, context: dict[str, Any]) -> Response | None:
    """Answer absent and forbidden objects alike; leave everything else to REST framework's own words."""
    if isinstance(exc, (Http404, PermissionDenied, exceptions.PermissionDenied)):
        return Response({"code": "not_found", "detail": "There is nothing here for you."}, status=404)
    response = drf_exception_handler(exc, context)
    if response is not None and isinstance(response.data, dict) and "detail" in response.data:
        response.data = {
            "code": getattr(exc, "default_code", "error"),
            "detail": str(response.data["detail"]),
        }
    return response
