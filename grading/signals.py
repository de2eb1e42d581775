"""Signing out ends the dry runs of the browser session."""

from typing import Any

from django.contrib.auth.signals import user_logged_out
from django.dispatch import receiver
from django.http import HttpRequest

from grading.dry_run.sandbox import throw_away_session


@receiver(user_logged_out, dispatch_uid="grading.end_dry_runs")
def end_dry_runs(request: HttpRequest, **_: Any) -> None:
    """Throw away what the person tried out in this session."""
    if request.session.session_key:
        throw_away_session(request.session.session_key)
