"""The DICOMweb addresses inside Django. Frames usually never come here: see `fastpath`."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt

from readerstudy.imaging import serving
from readerstudy.imaging.authorise import authorise
from readerstudy.imaging.dicomweb import NOT_FOUND, Answer, View
from readerstudy.imaging.rendering import BadParameter, picture, rendering_of
from readerstudy.imaging.serving import caching_header, json_acceptable, unpacked

Respond = Callable[..., Answer | None]
NOT_ALLOWED = Answer(405, body=b"Images are read with GET only.\n", headers={"Allow": "GET, HEAD"})


def _response(answer: Answer) -> HttpResponse:
    response = HttpResponse(serving.body_of(answer), status=answer.status, content_type=answer.content_type)
    for name, value in answer.headers.items():
        response[name] = value
    return response


def _endpoint(respond: Respond) -> Callable[..., HttpResponse]:
    """Wrap an answer: authorise first; without a capability nothing exists, whatever the method."""

    # Read-only and authorised by its own cookie (SameSite=Strict), so no CSRF token is asked.
    @csrf_exempt
    @login_not_required
    def view(request: HttpRequest, presentation: UUID, **names: Any) -> HttpResponse:
        opened = authorise(
            presentation=presentation,
            cookies=request.META.get("HTTP_COOKIE", ""),
            authorization=request.META.get("HTTP_AUTHORIZATION", ""),
            now=timezone.now(),
        )
        if opened is None:
            return _response(NOT_FOUND)
        if request.method not in ("GET", "HEAD"):
            return _response(NOT_ALLOWED)
        answer = respond(request, View(opened.root, caching=caching_header()), **names) or NOT_FOUND
        return _response(unpacked(answer, request.META.get("HTTP_ACCEPT_ENCODING", "")))

    view.__name__ = respond.__name__
    view.__doc__ = respond.__doc__
    return view


@csrf_exempt
@login_not_required
def absent(request: HttpRequest, rest: str) -> HttpResponse:
    """Answer for every other address: programs ask here, so a status and a line, never a page for people."""
    return _response(NOT_FOUND)


@csrf_exempt
@login_not_required
def verdict(request: HttpRequest, presentation: UUID) -> HttpResponse:
    """Tell a web server in front which folder a request may read; absent for everybody else."""
    if request.method != "GET":
        return _response(NOT_FOUND)
    opened = authorise(
        presentation=presentation,
        cookies=request.META.get("HTTP_COOKIE", ""),
        authorization=request.META.get("HTTP_AUTHORIZATION", ""),
        now=timezone.now(),
    )
    return _response(serving.verdict(opened, request.META.get("HTTP_X_IMAGE_VERDICT_KEY", "")))


def _base(request: HttpRequest) -> str:
    path = request.path
    return request.build_absolute_uri(path[: path.index("/dicomweb/") + len("/dicomweb/") + 36])


@_endpoint
def search(
    request: HttpRequest, view: View, level: str, study: str | None = None, series: str | None = None
) -> Answer | None:
    """QIDO-RS."""
    if not json_acceptable(request.META.get("HTTP_ACCEPT", "")):
        return Answer(406, body=b"Answers are application/dicom+json.\n")
    query = [(name, value) for name, values in request.GET.lists() for value in values]
    return view.search(level, study, series, query, base=_base(request))


@_endpoint
def metadata(
    request: HttpRequest, view: View, study: str, series: str | None = None, instance: str | None = None
) -> Answer | None:
    """WADO-RS metadata of a study, series or instance."""
    if not json_acceptable(request.META.get("HTTP_ACCEPT", "")):
        return Answer(406, body=b"Answers are application/dicom+json.\n")
    return view.metadata(study, series, instance)


@_endpoint
def frames(request: HttpRequest, view: View, study: str, series: str, instance: str, frames: str) -> Answer:
    """WADO-RS frames."""
    return view.frames(
        study,
        series,
        instance,
        frames,
        accept=request.META.get("HTTP_ACCEPT", ""),
        seen=request.META.get("HTTP_IF_NONE_MATCH", ""),
    )


@_endpoint
def rendered(
    request: HttpRequest,
    view: View,
    study: str,
    series: str,
    instance: str | None = None,
    frame: int = 1,
    thumbnail: bool = False,
) -> Answer | None:
    """WADO-RS rendered frame, instance (its first frame) or thumbnail (a series' middle image)."""
    if instance is None:
        entries = view.series_entries(study, series)
        entry = entries[len(entries) // 2] if entries else None
    else:
        entry = view.instance(study, series, instance)
    if entry is None:
        return None
    # What a link says goes before what a browser always sends (PS3.18 8.3.3.1).
    accept = request.GET.get("accept") or request.META.get("HTTP_ACCEPT", "") or "*/*"
    media_type = "image/png" if "image/png" in accept and "image/jpeg" not in accept else "image/jpeg"
    if not any(kind in accept for kind in (media_type, "image/*", "*/*")):
        return Answer(406, body=b"Pictures are image/jpeg or image/png.\n")
    try:
        rendering = rendering_of(dict(request.GET.lists()), thumbnail=thumbnail)
        array = view.frame_array(entry, frame)
        body = picture(entry, array, frame=frame, rendering=rendering, media_type=media_type)
    except BadParameter as wrong:
        return Answer(400, body=f"{wrong}\n".encode(), headers={"Cache-Control": "no-store"})
    except FileNotFoundError:
        return None
    return Answer(200, media_type, body=body, headers={"Cache-Control": caching_header(), "Vary": "Accept"})
