"""
A site that shows images in the viewer and nothing else: the product's gateway under a bare page.

The reading page has rules of its own and is tested with them; here any set of files can be looked at.
`/viewer/<folder>/` (below the root in READERSTUDY_VIEWER_SOURCES) takes the files in at the first request and
shows those of the first patient; `?{...}` is JSON that is merged into the viewer's configuration.
"""

import json
import os
import uuid
from dataclasses import asdict
from pathlib import Path
from threading import Lock
from typing import Any
from urllib.parse import unquote

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.template import engines
from django.urls import include, path
from django.utils import timezone

from readerstudy.imaging.models import ImageSet
from readerstudy.imaging.selectors import study_table
from readerstudy.imaging.services import open_case, receive, set_capability_cookie

PAGE = """{% load front_end static %}<!doctype html>
<html lang="en" data-theme="reading"><head><meta charset="utf-8"><title>Viewer</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="{% static 'css/tokens.css' %}">
<link rel="stylesheet" href="{% static 'css/viewer.css' %}">
{% front_end 'static/js/reading.js' %}</head>
<body style="margin:0;height:100vh;display:grid;background:var(--bg);
grid-template:40px minmax(0,1fr)/minmax(0,1fr) 480px">
<header style="grid-column:1/-1;display:grid;place-items:center;background:var(--panel)">
<rs-viewer-tools></rs-viewer-tools></header>
<rs-viewer data-dicomweb="/dicomweb/{{ presentation }}" data-config="viewer-config"
data-image-set="{{ image_set }}"></rs-viewer>
<aside id="panel" tabindex="0" style="background:var(--panel)"></aside>
{{ config|json_script:"viewer-config" }}{{ texts|json_script:"ui-texts" }}</body></html>"""

PRESETS = {
    "CT": [
        {"key": "1", "name": "Bone", "width": 2000, "center": 480},
        {"key": "2", "name": "Soft tissue", "width": 400, "center": 40},
    ],
    "MR": [
        {"key": "1", "name": "File", "file": True},
        {"key": "2", "name": "Wide", "percentiles": [0.5, 99.5]},
    ],
}

_lock = Lock()
_sets: dict[str, ImageSet] = {}


def _image_set(folder: str) -> ImageSet:
    with _lock:
        if folder not in _sets:
            scope = uuid.uuid4()
            source = Path(os.environ["READERSTUDY_VIEWER_SOURCES"]) / folder
            receive(
                scope=scope,
                source=source,
                at=timezone.now(),
                keep_originals=False,
                laterality="by-convention",
            )
            _sets[folder] = ImageSet.objects.filter(scope=scope).order_by("pk")[0]
    return _sets[folder]


def _fixed(folder: str) -> uuid.UUID:
    """Return the address that a case always has, as a prefetched case's is known before it is opened."""
    return uuid.uuid5(uuid.NAMESPACE_URL, folder)


def _open(response: HttpResponse, image_set: ImageSet, presentation: uuid.UUID) -> None:
    opened = open_case(
        image_set=image_set, presentation=presentation, user_id=1, session_key="", at=timezone.now()
    )
    set_capability_cookie(response, opened)


@login_not_required
def viewer(request: HttpRequest, folder: str) -> HttpResponse:
    """
    Show all series of a folder's first patient.

    `?fixed`: the same addresses at each showing; `?fixed&next=<folder>`: with another case to be prefetched.
    """
    image_set = _image_set(folder)
    response = HttpResponse()
    config: dict[str, Any] = {
        "sided": False,
        "laterality": "by-convention",
        "series": [asdict(row) for row in study_table(image_set)],
        "hanging": [],
        "presets": PRESETS,
        "structures": [],
        "landmarks": [],
        "resume": None,
        "keymap": {},
        "language": "en",
    }
    query = unquote(request.META["QUERY_STRING"])
    fixed, _, following = query.partition("&next=")
    presentation = _fixed(folder) if fixed == "fixed" else uuid.uuid4()
    _open(response, image_set, presentation)
    if following:
        coming = _image_set(following)
        _open(response, coming, _fixed(following))
        config["prefetch"] = {
            "dicomweb": f"/dicomweb/{_fixed(following)}",
            "series": [
                {"study_uid": row.study_uid, "series_uid": row.series_uid} for row in study_table(coming)
            ],
        }
    config.update(json.loads(query if query.startswith("{") else "{}"))
    values = {
        "presentation": presentation,
        "config": config,
        "texts": {},
        "image_set": image_set.public_id,
    }
    response.content = engines["django"].from_string(PAGE).render(values, request).encode()
    return response


urlpatterns = [path("viewer/<path:folder>/", viewer), path("", include("readerstudy.urls"))]
