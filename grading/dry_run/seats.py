"""The seats of a dry run: who sits there, what waits, and the whole product as that person meets it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from django.http import Http404, HttpRequest, HttpResponse
from django.urls import Resolver404, get_script_prefix, resolve, reverse, set_script_prefix
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from grading.dry_run import sandbox
from grading.dry_run.staging import word_of
from grading.queues import adjudication_queue, panel_queue, worklist_of
from grading.services.joint import settles_jointly
from grading.sessions import panel_reads
from readerstudy.accounts.models import User
from readerstudy.studies.models import CaseDuty, ReaderStudy, StudyRole

# What a test person meets. Everything else of the product is not part of a dry run.
SHOWN = frozenset(
    (
        "grading:worklist", "grading:read_case", "grading:charter", "grading:session_start", "grading:messages",
        "grading:put_off", "grading:unblinded", "grading:reopen", "grading:report", "grading:adjudication_list",
        "grading:adjudicate_case", "grading:joint_list", "grading:joint_end", "grading:joint_case",
        "grading:panel_list", "grading:confirm_case",
        "api:read-answers", "api:read-place", "api:read-submit", "api:item-settle", "api:item-first-grade",
        "api:joint-settle", "api:panel-confirm", "api:panel-send-back",
    )
)  # fmt: skip
IMAGES = "dicomweb/"


@dataclass(frozen=True)
class Seat:
    """One test person and what waits there."""

    key: str
    name: str
    code: str
    task: str
    address: str


@dataclass(frozen=True)
class Sign:
    """What the bar of every page of a dry run says, and the way out."""

    name: str
    address: str


@dataclass(frozen=True)
class Running:
    """A dry run under way."""

    version: int
    n_cases: int
    seats: tuple[Seat, ...]
    # By which the second of two readers signs beside the first; "" where they do not settle together.
    word: str


def running(place: Path, *, bench: sandbox.Bench) -> Running | None:
    """Return what is under way, None where there is no dry run."""
    if not place.exists():
        return None
    with sandbox.inside(place):
        study = ReaderStudy.objects.first()
        if study is None:
            return None
        roles = StudyRole.objects.filter(study=study).select_related("user").order_by("pk")
        return Running(
            version=study.protocols.get().version,
            n_cases=study.cases.count(),
            seats=tuple(_seat(study, bench, role) for role in roles),
            word=word_of(study) if settles_jointly(study) else "",
        )


def _seat(study: ReaderStudy, bench: sandbox.Bench, role: StudyRole) -> Seat:
    if role.is_reader:
        page, queue = "worklist", worklist_of(study=study, reader=role.user)
    elif role.is_adjudicator:
        page, queue = "adjudication_list", adjudication_queue(study=study, adjudicator=role.user)
    elif panel_reads(study):
        page = "panel_list"
        queue = worklist_of(study=study, reader=role.user, duty=CaseDuty.Duty.PANEL)
    else:
        page, queue = "panel_list", panel_queue(study=study, member=role.user)
    n = len([row for row in queue.rows if row.state != "submitted"])
    inside = reverse(f"grading:{page}", kwargs={"slug": study.slug}).removeprefix(get_script_prefix())
    return Seat(
        key=role.user.username,
        name=role.user.display_name,
        code=role.code,
        task=ngettext("%(n)s case waits", "%(n)s cases wait", n) % {"n": n} if n else _("nothing waits"),
        address=f"{bench.address}{role.user.username}/{inside}",
    )


@contextmanager
def _below(prefix: str) -> Iterator[None]:
    """Write every address below a prefix."""
    usual = get_script_prefix()
    set_script_prefix(prefix)
    try:
        yield
    finally:
        set_script_prefix(usual)


def first_page(place: Path, *, bench: sandbox.Bench, seat: str) -> str:
    """
    Return the address of a seat's own list: where the way home leads whoever sits there.

    Raises
    ------
    Http404
        If there is no such seat.
    """
    run = running(place, bench=bench)
    for each in run.seats if run else ():
        if each.key == seat:
            return each.address
    raise Http404("There is nothing here for you.")


def sit_down(
    request: HttpRequest, *, place: Path, bench: sandbox.Bench, seat: str, rest: str
) -> HttpResponse | None:
    """
    Answer a request as the product answers the test person of a seat; None where that is no part of a dry run.

    The address below the seat's is the product's own; the view is the product's own too. Only the database and the
    person are others.

    Raises
    ------
    Http404
        If there is no such seat or nothing for this person at the address.
    """
    try:
        match = resolve(f"/{rest}")
    except Resolver404:
        return None
    if match.view_name not in SHOWN and not rest.startswith(IMAGES):
        return None
    usual = request.user
    with sandbox.inside(place):
        person = User.objects.filter(username=seat).first()
        if person is None:
            raise Http404("There is nothing here for you.")
        request.user = person
        request.dry_run = Sign(person.display_name, bench.address)  # type: ignore[attr-defined]
        try:
            with _below(f"{bench.address}{seat}/"):
                response = match.func(request, *match.args, **match.kwargs)
                if hasattr(response, "render") and not response.is_rendered:
                    response.render()
        finally:
            request.user = usual
    return response
