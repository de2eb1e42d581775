"""What every page's frame needs to know of the product."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest


def product(request: HttpRequest) -> dict[str, Any]:
    return {"institution": settings.READERSTUDY_INSTITUTION, "languages": settings.LANGUAGES}
