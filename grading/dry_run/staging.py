"""The stage of a dry run: a study, test people for every seat, and cases without names of patients."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import yaml
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from readerstudy.accounts.models import User
from readerstudy.core.keys import derive_key
from readerstudy.imaging.models import ImageSet, ImagingStudy, Instance, Series
from readerstudy.imaging.selectors import lateralities
from readerstudy.studies.models import Case, Centre, Landmark, Patient, ReaderStudy
from readerstudy.studies.protocols.document import ProtocolDocument
from readerstudy.studies.protocols.loading import load_protocol
from readerstudy.studies.services.assignment import assign_reads
from readerstudy.studies.services.errors import StudyRefused
from readerstudy.studies.services.studies import create_study, grant_roles, open_study

MOST_CASES = 5


@dataclass(frozen=True)
class Prop:
    """One case as it is put on the stage: its images by the rows that lead to the cache, and its fixed places."""

    numbering: dict[str, Any]
    clinical: dict[str, str] = field(default_factory=dict)
    images: tuple[Any, ...] = ()
    image_set: ImageSet | None = None
    drawers: tuple[ImageSet, ...] = ()
    landmarks: tuple[Landmark, ...] = ()


@dataclass(frozen=True)
class Script:
    """Everything that a dry run is made of, taken from the study before its database is left."""

    slug: str
    source: str
    is_demonstration: bool
    asks_before_reading: bool
    props: tuple[Prop, ...]


def write_script(
    *,
    slug: str,
    source: str,
    n_cases: int,
    study: ReaderStudy | None,
    codes: Sequence[str] = (),
) -> Script:
    """
    Choose what a dry run shows.

    Parameters
    ----------
    slug : str
        Of the study on the stage.
    source : str
        The protocol file to try, stored or not.
    n_cases : int
        How many cases; those of the study that have images come first, others are empty pages.
    study : ReaderStudy or None
        Whose images are shown; None shows none.
    codes : sequence of str
        Cases of the study to show instead, by their codes.

    Raises
    ------
    ProtocolError
        If the file cannot be used.
    StudyRefused
        If the study has no case of a code.
    """
    document = load_protocol(source)
    cases = list(_cases(study, codes)[: MOST_CASES if codes else n_cases]) if study else []
    missing = sorted(set(codes) - {case.pseudonym for case in cases})
    if missing:
        raise StudyRefused(
            _("The study has no included case %(codes)s, or more than five were named. Nothing was begun.")
            % {"codes": ", ".join(missing)}
        )
    props = [_prop(case, document) for case in cases]
    while not codes and len(props) < n_cases:
        props.append(Prop(numbering=_numbered({}, document)))
    return Script(
        slug=slug,
        source=source,
        is_demonstration=study.is_demonstration if study else False,
        asks_before_reading=study.asks_before_reading if study else True,
        props=tuple(props),
    )


def _cases(study: ReaderStudy, codes: Sequence[str]) -> "QuerySet[Case]":
    shown = Case.objects.filter(
        study=study,
        status__in=[Case.Status.INCLUDED, Case.Status.IMPORTED],
        image_set__withdrawn_at__isnull=True,
    )
    shown = shown.filter(pseudonym__in=codes) if codes else shown.filter(image_set__isnull=False)
    return shown.select_related("image_set").order_by("pseudonym")


def _numbered(given: dict[str, Any], document: ProtocolDocument) -> dict[str, Any]:
    """A case whose levels are not numbered yet counts as numbered here: nobody reads it for the study."""
    if given or document.numbering.get("set_by") != "doctor-before-reading":
        return given
    return {"variant": str((document.numbering.get("variants") or ["5"])[0])}


def _prop(case: Case, document: ProtocolDocument) -> Prop:
    numbering = _numbered(case.numbering, document)
    # What the protocol shows beside the images, and nothing else of the patient.
    shown = {each.id for each in document.clinical_context}
    clinical = {name: value for name, value in case.clinical.items() if name in shown}
    if case.image_set is None:
        return Prop(numbering=numbering, clinical=clinical)
    studies = ImagingStudy.objects.filter(image_set=case.image_set).order_by("pk")
    series = Series.objects.filter(imaging_study__in=studies).order_by("pk")
    instances = Instance.objects.filter(series__in=series).order_by("pk")
    return Prop(
        numbering=numbering,
        clinical=clinical,
        images=(*studies, *series, *instances),
        image_set=case.image_set,
        drawers=tuple(
            ImageSet.objects.filter(lent_studies__in=studies).exclude(pk=case.image_set.pk).distinct()
        ),
        landmarks=tuple(case.landmarks.order_by("pk")),
    )


def in_one_sitting(source: str) -> str:
    """
    Return a protocol file without what needs days: practice, repeats, aided sessions, washout.

    A file that asks for none of them is returned as it is, and keeps its digest.
    """
    document = yaml.safe_load(source)
    reading = document.get("reading", {})
    once = {name: value for name, value in reading.items() if name not in {"training", "calibration"}}
    once |= {
        name: value
        for name, value in (("repeat_fraction", 0), ("washout_days", 0), ("conditions", ["unaided"]))
        if name in once
    }
    once.pop("aided_order", None)
    if once == reading:
        return source
    return yaml.safe_dump({**document, "reading": once}, allow_unicode=True, sort_keys=False)


def set_the_stage(script: Script, *, at: datetime) -> None:
    """Make the study of a dry run, inside its own database, and deal its cases."""
    source = in_one_sitting(script.source)
    document = load_protocol(source)
    study = create_study(
        source=source,
        slug=script.slug,
        is_demonstration=script.is_demonstration,
        asks_before_reading=script.asks_before_reading,
        actor=None,
        at=at,
    )
    _people(study, document, at)
    centre = Centre.objects.create(study=study, code="dry-run")
    for number, prop in enumerate(script.props, start=1):
        patient = Patient.objects.create(study=study, pseudonym=f"dry-run-{number}", centre=centre)
        _put_images(prop)
        case = Case.objects.create(
            study=study,
            patient=patient,
            pseudonym=f"dry-run-{number}",
            image_set=prop.image_set,
            status=Case.Status.INCLUDED,
            numbering=prop.numbering,
            clinical=prop.clinical,
            imported_at=at,
        )
        # Nobody's sides are judged here; the page says how they stand.
        case.sides_accepted_by_convention = case.image_set is None or set(lateralities(case.image_set)) != {
            "established"
        }
        case.save(update_fields=["sides_accepted_by_convention"])
        for landmark in prop.landmarks:
            landmark.pk, landmark.case = None, case
            landmark._state.adding = True
            landmark.save()
    open_study(study=study, actor=None, at=at)
    assign_reads(study=study, seed=1, actor=None, at=at)


def _put_images(prop: Prop) -> None:
    if prop.image_set is None:
        return
    # Two cases may have images in one drawer; whose number it is matters to no dry run.
    for drawer in prop.drawers:
        drawer.joined_into = None
    ImageSet.objects.bulk_create([prop.image_set, *prop.drawers], ignore_conflicts=True)
    for model in (ImagingStudy, Series, Instance):
        model.objects.bulk_create([each for each in prop.images if isinstance(each, model)])


def word_of(study: ReaderStudy) -> str:
    """Return the word by which the second of two readers signs at the first one's screen; it opens nothing else."""
    return derive_key("grading.dry_run.word", str(study.public_id)).hex()[:8]


def _people(study: ReaderStudy, document: ProtocolDocument, at: datetime) -> None:
    quorum = int(document.reference.get("quorum", 1))
    wants_panel = document.reference["from"] in {"adjudicated+panel", "panel-read"}
    seats = [("reader", "is_reader", document.readers_per_case)]
    if document.adjudication["by"] == "adjudicator":
        seats.append(("adjudicator", "is_adjudicator", 1))
    if wants_panel:
        seats.append(("panel", "is_panel", quorum))
    names = {
        "reader": _("Test reader %(n)s"),
        "adjudicator": _("Test adjudicator %(n)s"),
        "panel": _("Test panel member %(n)s"),
    }
    chair = str(document.reference.get("chair") or "") if wants_panel else ""
    for kind, role, number in seats:
        for n in range(1, number + 1):
            user = User.objects.create_user(
                username=f"{kind}-{n}", password=word_of(study), display_name=names[kind] % {"n": n}
            )
            grant_roles(
                study=study,
                user=user,
                roles=[role],
                code=chair if kind == "panel" and n == 1 else "",
                actor=None,
                at=at,
            )
