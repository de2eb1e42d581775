"""Cases: enrolment from imported images, screening, sides, numbering, places."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from django.db import transaction
from django.utils.translation import gettext as _

from readerstudy.core.audit import Actor, record
from readerstudy.core.pseudonyms import pseudonym
from readerstudy.imaging.models import ImageSet
from readerstudy.imaging.services.subjects import withdraw_images
from readerstudy.studies.models import Case, Centre, Landmark, Patient, ReaderStudy
from readerstudy.studies.selectors import lacked_by
from readerstudy.studies.services.errors import StudyRefused, WrongState
from readerstudy.studies.services.studies import current_protocol
from readerstudy.studies.withdrawal import erase_elsewhere
from readerstudy.studies.wording import modality_words, state_words

LONGEST_REASON = 300


@dataclass(frozen=True)
class EnrolledAs:
    """Names that the import table gives a patient; pseudonyms, never identities."""

    patient: str
    case: str


@transaction.atomic
def enrol_image_sets(
    *,
    study: ReaderStudy,
    image_sets: Iterable[ImageSet],
    centre_code: str,
    actor: Actor | None,
    at: datetime,
    source: str,
    names: Mapping[str, EnrolledAs] | None = None,
) -> list[Case]:
    """
    Make a case of every image set that has none yet.

    Parameters
    ----------
    names : mapping of subject key to EnrolledAs, optional
        Pseudonyms from the import table; others get keyed codes of their own.

    Raises
    ------
    WrongState
        If the study is locked or unblinded.
    StudyRefused
        If a pseudonym of the table is in use already.
    """
    study = ReaderStudy.objects.select_for_update().get(pk=study.pk)
    if study.state in {ReaderStudy.State.LOCKED, ReaderStudy.State.UNBLINDED}:
        raise WrongState(
            _("The study is %(state)s; cases can be added before it is locked. Nothing was changed.")
            % {"state": state_words(study.state)}
        )
    centre = Centre.objects.get_or_create(study=study, code=centre_code)[0]
    taken = set(
        Case.objects.filter(study=study, image_set__isnull=False).values_list("image_set_id", flat=True)
    )
    started = study.draws.filter(purpose="assignment").count()
    cases = []
    for image_set in image_sets:
        if image_set.pk in taken:
            continue
        given = (names or {}).get(image_set.subject_key)
        patient_name = (
            given.patient if given else pseudonym("studies.patient", study.public_id, image_set.subject_key)
        )
        case_name = given.case if given else pseudonym("studies.case", study.public_id, image_set.subject_key)
        if Case.objects.filter(study=study, pseudonym=case_name).exists():
            raise StudyRefused(
                _("The case name %(case_name)s is in use. Nothing was changed; correct the import table.")
                % {"case_name": case_name}
            )
        patient = Patient.objects.get_or_create(
            study=study, pseudonym=patient_name, defaults={"centre": centre}
        )[0]
        cases.append(
            Case.objects.create(
                study=study,
                patient=patient,
                pseudonym=case_name,
                image_set=image_set,
                imported_at=at,
                # What arrives after an assignment was drawn is a new block with its own seed.
                block=started + 1,
            )
        )
    record(
        event="studies.cases.imported",
        at=at,
        actor=actor,
        study_id=study.public_id,
        subject_type="study",
        subject_id=study.public_id,
        n_cases=len(cases),
        source=source,
        centre=centre_code,
    )
    return cases


def before_reading(case: Case) -> None:
    """Refuse a change of what a case shows once somebody reads it, or its study is locked."""
    if case.study.state in {ReaderStudy.State.LOCKED, ReaderStudy.State.UNBLINDED}:
        raise WrongState(
            _("The study is %(state)s. Nothing was changed.") % {"state": state_words(case.study.state)}
        )
    if case.assignments.filter(withdrawn_at__isnull=True).exists():
        raise StudyRefused(
            _("Case %(pseudonym)s is assigned already; what it shows cannot change. Nothing was changed.")
            % {"pseudonym": case.pseudonym}
        )


def _may_be_decided(case: Case) -> None:
    before_reading(case)
    if case.status == Case.Status.WITHDRAWN:
        raise StudyRefused(
            _("Case %(pseudonym)s is withdrawn; it cannot come back. Nothing was changed.")
            % {"pseudonym": case.pseudonym}
        )


@transaction.atomic
def include_case(*, case: Case, actor: Actor | None, at: datetime, lacking_reason: str = "") -> None:
    """
    Take a screened case into the study.

    Parameters
    ----------
    lacking_reason : str
        Why a case is included that lacks a kind of image which the protocol requires. It is kept with the case.

    Raises
    ------
    StudyRefused
        If its patient is practised on, or it lacks what the protocol requires and no reason is given.
    """
    _may_be_decided(case)
    lacking = lacked_by(case, current_protocol(case.study).document)
    lacking_reason = lacking_reason.strip()
    if lacking and not lacking_reason:
        raise StudyRefused(
            _(
                "Case %(pseudonym)s lacks %(kinds)s, which the protocol requires. Nothing was changed. Exclude it, add "
                "the images, or say why it is included all the same."
            )
            % {"pseudonym": case.pseudonym, "kinds": modality_words(lacking)}
        )
    if len(lacking_reason) > LONGEST_REASON:
        raise StudyRefused(
            _("The reason is longer than %(most)d characters. Nothing was changed.")
            % {"most": LONGEST_REASON}
        )
    if case.patient.cases.filter(status=Case.Status.PRACTICE).exists():
        raise StudyRefused(
            _(
                "The patient of case %(pseudonym)s is one that readers train or are calibrated on. Nothing was changed."
            )
            % {"pseudonym": case.pseudonym}
        )
    kept = {
        "kinds": list(lacking),
        "reason": lacking_reason,
        "by": actor.display_name if actor else "",
        "at": at.isoformat(),
    }
    Case.objects.filter(pk=case.pk).update(
        status=Case.Status.INCLUDED, exclusion_reason="", included_lacking=kept if lacking else None
    )
    if lacking:
        said = {"kinds": ", ".join(lacking), "reason": lacking_reason}
        record_case("studies.case.included_lacking", case, actor, at, **said)
    else:
        record_case("studies.case.included", case, actor, at)


@transaction.atomic
def exclude_case(*, case: Case, reason: str, actor: Actor | None, at: datetime) -> None:
    """Leave a case out, with a criterion of the protocol as the reason."""
    _may_be_decided(case)
    known = [name for name, _ in current_protocol(case.study).document.exclusion_criteria]
    if reason not in known:
        raise StudyRefused(
            _("%(reason)s is no exclusion criterion; there are %(known)s.")
            % {"reason": repr(reason), "known": ", ".join(known)}
        )
    Case.objects.filter(pk=case.pk).update(
        status=Case.Status.EXCLUDED, exclusion_reason=reason, included_lacking=None
    )
    record_case("studies.case.excluded", case, actor, at, reason=reason)


@transaction.atomic
def withdraw_case(*, case: Case, actor: Actor | None, at: datetime, reason: str = "") -> None:
    """
    Erase the images and the identity behind a case, at any state of the study; given answers stay.

    Data that were locked before keep their hash: it stands for what was signed, and the case leaves the analysis
    all the same. Withdrawing a withdrawn case changes nothing. A later import of the same patient is refused file
    by file.
    """
    if case.status == Case.Status.WITHDRAWN:
        return
    Case.objects.filter(pk=case.pk).update(
        status=Case.Status.WITHDRAWN, withdrawal={"at": at.isoformat(), "from": case.status}, clinical={}
    )
    record_case("studies.case.withdrawn", case, actor, at, **({"reason": reason} if reason else {}))
    if case.image_set is not None:
        withdraw_images(image_set=case.image_set, at=at, actor=actor)
    transaction.on_commit(partial(erase_elsewhere, case))


@transaction.atomic
def accept_sides_by_convention(*, case: Case, actor: Actor | None, at: datetime) -> None:
    """
    Accept a case whose sides nobody can establish, with the sides its headers claim.

    The viewport and every export say so.
    """
    before_reading(case)
    Case.objects.filter(pk=case.pk).update(sides_accepted_by_convention=True)
    record_case("studies.case.sides_accepted", case, actor, at)


@transaction.atomic
def fix_numbering(*, case: Case, variant: str, actor: Actor | None, at: datetime) -> None:
    """Fix how many lumbar-type vertebrae the case has and so what each level is called."""
    before_reading(case)
    variants = [each["id"] for each in current_protocol(case.study).document.numbering.get("variants", [])]
    if variant not in variants:
        raise StudyRefused(
            _("%(variant)s is no variant of the protocol; there are %(variants)s.")
            % {"variant": repr(variant), "variants": ", ".join(variants)}
        )
    Case.objects.filter(pk=case.pk).update(
        numbering={"variant": variant, "by": actor.display_name if actor else "", "at": at.isoformat()}
    )
    record_case("studies.case.numbered", case, actor, at, variant=variant)


@dataclass(frozen=True)
class Place:
    """Where a structure is: patient coordinates in mm (LPS) in one blinded frame of reference."""

    structure: str
    frame_of_reference_uid: str
    point_mm: tuple[float, float, float]


@transaction.atomic
def import_landmarks(
    *,
    case: Case,
    places: Sequence[Place],
    actor: Actor | None,
    at: datetime,
    source: str = Landmark.Source.IMPORTED,
) -> None:
    """Store the places that move viewports; fixed before reading, because they are shown to every reader."""
    before_reading(case)
    document = current_protocol(case.study).document
    known = {structure.id for structure in document.structures}
    unknown = sorted({place.structure for place in places} - known)
    if unknown:
        raise StudyRefused(
            _("The protocol has no structure %(unknown)s. Nothing was changed.")
            % {"unknown": ", ".join(unknown)}
        )
    for place in places:
        Landmark.objects.update_or_create(
            case=case,
            structure=place.structure,
            frame_of_reference_uid=place.frame_of_reference_uid,
            defaults={
                "x_mm": place.point_mm[0],
                "y_mm": place.point_mm[1],
                "z_mm": place.point_mm[2],
                "source": source,
                "set_at": at,
            },
        )
    record_case("studies.landmarks.imported", case, actor, at, n=len(places))


def record_case(event: str, case: Case, actor: Actor | None, at: datetime, **detail: object) -> None:
    """Write down in the audit trail what became of a case."""
    record(
        event=event,
        at=at,
        actor=actor,
        study_id=case.study.public_id,
        subject_type="case",
        subject_id=case.public_id,
        case=case.pseudonym,
        **detail,
    )
