"""Every address of the product with every value that its places can take."""

import html
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass
from itertools import product
from typing import Any

from django.db import transaction
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from readerstudy.core.models import Job
from readerstudy.imaging.models import ImportBatch
from readerstudy.studies.models import Assignment
from tests.blinding.planting import Planted

SAFE, WRITING = ("GET", "HEAD", "OPTIONS"), ("POST", "PUT", "PATCH", "DELETE")


@dataclass(frozen=True)
class Route:
    """One pattern of the URL configuration."""

    template: str
    places: tuple[str, ...]

    def address(self, values: dict[str, str]) -> str:
        result = self.template
        for name in self.places:
            result = result.replace(f"{{{name}}}", values[name])
        return result


def routes(
    resolver: URLResolver | None = None, prefix: str = "/", places: tuple[str, ...] = ()
) -> Iterator[Route]:
    """Yield every pattern that ends in a view."""
    for pattern in (resolver or get_resolver()).url_patterns:
        text = str(pattern.pattern)
        here = places
        for name in pattern.pattern.converters:
            kinds = ("uuid", "int", "slug", "str", "path", "uid")
            for kind in kinds:
                text = text.replace(f"<{kind}:{name}>", f"{{{name}}}")
            text = text.replace(f"<{name}>", f"{{{name}}}")
            here = (*here, name)
        assert "<" not in text, f"a place of {text} has a converter that the crawl does not know"
        if isinstance(pattern, URLResolver):
            yield from routes(pattern, prefix + text, here)
        elif isinstance(pattern, URLPattern):
            yield Route(prefix + text, here)


class UnknownPlace(Exception):
    """A pattern has a place that nobody told the crawl how to fill."""


def values_of(planted: Planted) -> dict[str, list[str]]:
    """Return what each named place of an address can be: things that exist, of both studies."""
    one, other = planted.studies.one, planted.studies.other
    cases = [one.cases[name] for name in ("disputed", "in_progress", "to_confirm")]
    mine = list(Assignment.objects.filter(case__in=cases).order_by("pk"))
    mine += Assignment.objects.filter(study=one.study, condition="aided").order_by("pk")
    mine.append(other.assignment("first_reader", "in_progress"))
    return {
        "slug": [one.study.slug, other.study.slug],
        "assignment": [str(each.public_id) for each in mine],
        "presentation": [str(each.presentation) for each in mine if each.case == cases[1]],
        "case": [
            *(str(one.cases[name].public_id) for name in ("unread", "in_progress")),
            str(other.cases["unread"].public_id),
        ],
        "batch": [str(ImportBatch.objects.order_by("pk")[0].public_id)],
        "copy": [str(job.public_id) for job in Job.objects.filter(kind="studies.export_images")],
        "token": ["no-invitation-has-this-token"],
        "code": ["X1"],
        "number": ["1"],
        "act": ["stop"],
        "block": ["readers"],
        "seat": ["reader-1"],
        "rest": [f"studies/{one.study.slug}/worklist/"],
        "frame": ["1"],
        "frames": ["1"],
    }


@dataclass(frozen=True)
class Places:
    """What the places of all addresses can be; a crawl takes back all it does, so this stays true to its end."""

    values: dict[str, list[str]]
    # Of one image, which belong together.
    uids: dict[str, str]

    @classmethod
    def of(cls, planted: Planted, changed: dict[str, list[str]] | None = None) -> "Places":
        """Look up what exists; `changed` puts other things that exist in its place."""
        return cls({**values_of(planted), **(changed or {})}, _uids(planted))


def fillings(route: Route, places: Places) -> Iterator[dict[str, str]]:
    """Yield the values for the places of one route."""
    plain = [name for name in route.places if name not in places.uids]
    unknown = [name for name in plain if name not in places.values]
    if unknown:
        raise UnknownPlace(f"{route.template}: say in tests/blinding/crawling.py what {unknown} can be")
    for chosen in product(*(places.values[name] for name in plain)):
        yield {**places.uids, **dict(zip(plain, chosen, strict=True))}


def _uids(planted: Planted) -> dict[str, str]:
    study = planted.images["in_progress"].imaging_studies.get()
    series = study.series.get()
    return {
        "study": study.blinded_uid,
        "series": series.blinded_uid,
        "instance": series.instances.order_by("index").first().blinded_uid,
    }


def ask(client: Client, method: str, address: str, body: Any = None) -> Any:
    """Ask and take back whatever the asking changed, in the database and in the browser: signing out, too."""
    cookies = deepcopy(client.cookies)
    with transaction.atomic():
        response = client.generic(
            method, address, data=body or b"", content_type="application/json" if body else "text/plain"
        )
        if response.streaming:
            response.content_read = b"".join(response.streaming_content)
        else:
            response.content_read = response.content
        transaction.set_rollback(True)
    client.cookies = cookies
    return response


def everything(response: Any) -> str:
    """Return all that an answer says: status line, headers, cookies and body, as it is and unescaped."""
    head = "\n".join(f"{name}: {value}" for name, value in response.items())
    cookies = "\n".join(morsel.OutputString() for morsel in response.cookies.values())
    body = response.content_read.decode("utf-8", "replace")
    return "\n".join((response.reason_phrase, head, cookies, body, html.unescape(body)))
