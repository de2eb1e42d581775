"""Every response carries the Content-Security-Policy: pages, errors, redirects, static files, images."""

import io
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from django.urls import URLPattern, URLResolver, get_resolver
from django.urls.converters import IntConverter, UUIDConverter

POLICY = {
    "default-src": "'none'",
    "script-src": "'self' 'wasm-unsafe-eval'",
    "worker-src": "'self'",
    "connect-src": "'self'",
    "img-src": "'self' data: blob:",
    "style-src-elem": "'self'",
    "style-src-attr": "'unsafe-inline'",
    "font-src": "'self'",
    "base-uri": "'none'",
    "form-action": "'self'",
    "frame-ancestors": "'none'",
}


def addresses(resolver: URLResolver | None = None, prefix: str = "/") -> Iterator[str]:
    """Yield one address per URL pattern, with made-up values in its places."""
    for pattern in (resolver or get_resolver()).url_patterns:
        route = str(pattern.pattern)
        for name, converter in pattern.pattern.converters.items():
            value = "planted"
            if isinstance(converter, UUIDConverter):
                value = str(uuid.UUID(int=7))
            elif isinstance(converter, IntConverter):
                value = "1"
            for kind in ("uuid", "int", "slug", "str", "path"):
                route = route.replace(f"<{kind}:{name}>", value)
            route = route.replace(f"<{name}>", value)
        if isinstance(pattern, URLResolver):
            yield from addresses(pattern, prefix + route)
        elif isinstance(pattern, URLPattern):
            yield prefix + route.lstrip("^").rstrip("$")


def ask(application: Any, path: str, method: str = "GET") -> tuple[str, dict[str, str]]:
    """Ask the WSGI application itself: what answers before Django counts as well."""
    answer: dict[str, Any] = {}

    def start(status: str, headers: list[tuple[str, str]], exc_info: object = None) -> None:
        answer["status"], answer["headers"] = status, {name.lower(): value for name, value in headers}

    environ = {
        "REQUEST_METHOD": method,
        "SCRIPT_NAME": "",
        "PATH_INFO": path,
        "QUERY_STRING": "",
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "80",
        "HTTP_HOST": "127.0.0.1",
        "REMOTE_ADDR": "127.0.0.1",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "CONTENT_LENGTH": "0",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(),
        "wsgi.errors": io.StringIO(),
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    body = application(environ, start)
    for _ in body:
        pass
    if hasattr(body, "close"):
        body.close()
    return answer["status"], answer["headers"]


def policy_of(headers: dict[str, str]) -> dict[str, str]:
    parts = (part.strip().partition(" ") for part in headers.get("content-security-policy", "").split(";"))
    return {name: value for name, _, value in parts if name}


def without_policy(application: Any, paths: list[str]) -> list[str]:
    faults = []
    for path in paths:
        for method in ("GET", "POST", "OPTIONS"):
            status, headers = ask(application, path, method)
            if policy_of(headers) != POLICY:
                faults.append(f"{method} {path} ({status}): {headers.get('content-security-policy')}")
    return faults


@pytest.fixture
def application() -> Any:
    from readerstudy.wsgi import application

    return application


@pytest.mark.django_db
def test_every_address_answers_with_the_policy(application):
    paths = [*addresses(), "/nothing-here/", "/static/css/base.css", "/static/absent.css"]
    assert len(paths) > 5
    assert without_policy(application, paths) == []


@pytest.mark.django_db
def test_every_answer_says_how_long_it_may_be_kept(application):
    """What is about one person at one moment is never stored; only files that name their hash may be."""
    kept = []
    for path in addresses():
        _, headers = ask(application, path)
        if "no-store" not in headers.get("cache-control", ""):
            kept.append(path)
    assert kept == []


def test_planted_bare_answer_is_seen():
    def bare(environ: dict[str, Any], start: Any) -> list[bytes]:
        start("200 OK", [("Content-Type", "text/plain")])
        return [b"hello"]

    assert without_policy(bare, ["/"]) == [
        f"{method} / (200 OK): None" for method in ("GET", "POST", "OPTIONS")
    ]
