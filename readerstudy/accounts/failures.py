"""Answers to requests that fail before any view."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Say that the form was not taken because the page had grown old; nothing was changed."""
    return render(request, "accounts/form_expired.html", status=403)
