"""Several cases that are one: joining them before they are read, and taking imaging studies out again."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from functools import partial
from typing import Any

from django.db import transaction
from django.db.models import ProtectedError
from django.utils.translation import gettext as _

from readerstudy.core.audit import Actor
from readerstudy.core.pseudonyms import pseudonym
from readerstudy.imaging.models import ImageSet, Series
from readerstudy.imaging.services.joining import CannotTakeOut, join_image_sets, take_out_images
from readerstudy.studies.models import (
    Assignment,
    Case,
    CaseDuty,
    Landmark,
    Patient,
    ReaderStudy,
)
from readerstudy.studies.selectors import lacked_by
from readerstudy.studies.services.cases import record_case
from readerstudy.studies.services.copies import erase_copies_of_case
from readerstudy.studies.services.errors import StudyRefused
from readerstudy.studies.services.joining_plan import plan_joining, records_of_its_own, why_not_taken_out
from readerstudy.studies.services.studies import current_protocol


@transaction.atomic
def join_cases(
    *,
    study: ReaderStudy,
    stays: Case,
    comes: Sequence[Case],
    actor: Actor | None,
    at: datetime,
    expected_digest: str = "",
) -> Case:
    """
    Make one case of several that are of one patient; later images under any of their numbers come into it.

    Parameters
    ----------
    expected_digest : str, optional
        Of the plan that was shown; another plan is refused.

    Raises
    ------
    StudyRefused
        With everything that forbids it. Nothing was changed.
    """
    study = ReaderStudy.objects.select_for_update().get(pk=study.pk)
    stays, *comes = _locked([stays, *comes])
    plan = plan_joining(study=study, stays=stays, comes=comes)
    if expected_digest and plan.digest != expected_digest:
        raise StudyRefused(
            _("The cases have changed since the page was shown. Nothing was changed; look at them again.")
        )
    _refuse(plan.problems)
    for case in comes:
        taken_back = Assignment.objects.filter(case=case, withdrawn_at=None).count()
        if stays.image_set is None or case.image_set is None:
            raise StudyRefused(_("A case without images cannot be joined. Nothing was changed."))
        n = case.image_set.imaging_studies.count()
        join_image_sets(stays=stays.image_set, comes=case.image_set, at=at, actor=actor)
        _one_patient(stays, case)
        _move_places(stays, Landmark.objects.filter(case=case))
        _dissolve(case)
        record_case(
            "studies.case.joined", stays, actor, at, joined=case.pseudonym, n=n, n_taken_back=taken_back
        )
    Case.objects.filter(pk=stays.pk).update(
        clinical=plan.clinical,
        sides_accepted_by_convention=any(case.sides_accepted_by_convention for case in [stays, *comes]),
        included_lacking=_still_lacking([stays, *comes]),
    )
    _copies_are_outdated(stays, *comes)
    stays.refresh_from_db()
    return stays


@transaction.atomic
def take_out_of_case(
    *,
    case: Case,
    imaging_studies: Collection[str],
    is_other_patient: bool,
    actor: Actor | None,
    at: datetime,
) -> Case:
    """
    Make a case of its own of imaging studies that do not belong to a case, and return it.

    The partition stays that of the patient of whom they were part, also where they become another patient: no image
    changes its partition. The new case waits for screening.

    Parameters
    ----------
    imaging_studies : collection of str
        Blinded UIDs. All that came under another patient number leave with the number.
    is_other_patient : bool
        Whether they are of another person; else the patient has one case more.

    Raises
    ------
    StudyRefused
        If something was said of the case as it is, or nothing would stay of it. Nothing was changed.
    """
    study = ReaderStudy.objects.select_for_update().get(pk=case.study.pk)
    (case,) = _locked([case])
    problems = list(why_not_taken_out(study, case))
    if case.image_set is None:
        problems.append(_("Case %(case)s has no images.") % {"case": case.pseudonym})
    _refuse(problems)
    image_set = case.image_set
    try:
        alone = take_out_images(image_set=image_set, imaging_studies=imaging_studies, at=at, actor=actor)
    except CannotTakeOut:
        raise StudyRefused(
            _(
                "These imaging studies cannot leave case %(case)s: they are all that it has, or all that came under "
                "its own patient number. Take out what came under the other number instead. Nothing was changed."
            )
            % {"case": case.pseudonym}
        ) from None
    new = _case_of(alone, case, is_other_patient=is_other_patient, at=at)
    frames = {
        shown: set(
            Series.objects.filter(imaging_study__image_set=shown).values_list(
                "frame_of_reference_uid", flat=True
            )
        )
        for shown in (alone, image_set)
    }
    gone = Landmark.objects.filter(
        case=case, frame_of_reference_uid__in=frames[alone] - frames[image_set] - {""}
    )
    _move_places(new, gone)
    if case.status == Case.Status.INCLUDED:
        Case.objects.filter(pk=case.pk).update(included_lacking=_lacking_now(case, actor=actor, at=at))
    _copies_are_outdated(case)
    record_case("studies.case.taken_out", case, actor, at, new=new.pseudonym, n=alone.imaging_studies.count())
    return new


def _refuse(problems: Collection[str]) -> None:
    if problems:
        raise StudyRefused(_("%(why)s Nothing was changed.") % {"why": " ".join(problems)})


def _locked(cases: Sequence[Case]) -> list[Case]:
    """Return the cases in the order given, as the database has them now, locked."""
    found = {
        case.pk: case
        for case in Case.objects.select_for_update(of=("self",))
        .select_related("study", "patient__centre", "image_set")
        .filter(pk__in=[case.pk for case in cases])
        .order_by("pk")
    }
    if any(case.pk not in found for case in cases):
        raise StudyRefused(_("One of the cases is not there any more. Nothing was changed."))
    return [found[case.pk] for case in cases]


def _one_patient(stays: Case, comes: Case) -> None:
    """Make the patients of two cases one, with every case of both; a drawn partition stays."""
    patient, other = stays.patient, comes.patient
    if patient == other:
        return
    if other.partition and not patient.partition:
        patient.partition, patient.partition_draw = other.partition, other.partition_draw
        patient.save(update_fields=["partition", "partition_draw"])
    Case.objects.filter(patient=other).update(patient=patient)
    other.delete()


def _move_places(to: Case, places: Iterable[Landmark]) -> None:
    for place in list(places):
        twin = Landmark.objects.filter(
            case=to, structure=place.structure, frame_of_reference_uid=place.frame_of_reference_uid
        )
        if twin.exists():
            place.delete()
        else:
            Landmark.objects.filter(pk=place.pk).update(case=to)


def _still_lacking(cases: Sequence[Case]) -> dict[str, Any] | None:
    """Return why the first of several cases, which shows the images of all by now, is included without some kinds."""
    kept = next((case.included_lacking for case in cases if case.included_lacking), None)
    lacking = lacked_by(cases[0], current_protocol(cases[0].study).document)
    return {**kept, "kinds": list(lacking)} if kept and lacking else None


def _lacking_now(case: Case, *, actor: Actor | None, at: datetime) -> dict[str, Any] | None:
    """Return what an included case lacks of which images were taken out, as its inclusion would have kept it."""
    lacking = lacked_by(case, current_protocol(case.study).document)
    if not lacking or (case.included_lacking and case.included_lacking["kinds"] == list(lacking)):
        return case.included_lacking
    return {
        "kinds": list(lacking),
        "reason": _("Imaging studies that do not belong to it were taken out."),
        "by": actor.display_name if actor else "",
        "at": at.isoformat(),
    }


def _copies_are_outdated(*cases: Case) -> None:
    """Remove de-identified copies: they show these images under the names that they had."""
    for case in cases:
        transaction.on_commit(partial(erase_copies_of_case, case))


def _dissolve(case: Case) -> None:
    """Remove a case whose images are shown by another; nothing but unopened reads hangs from it."""
    try:
        Assignment.objects.filter(case=case).delete()
        CaseDuty.objects.filter(case=case).delete()
        case.delete()
    except ProtectedError:
        raise StudyRefused(_("%(why)s Nothing was changed.") % {"why": records_of_its_own(case)}) from None


def _case_of(alone: ImageSet, was: Case, *, is_other_patient: bool, at: datetime) -> Case:
    study = was.study
    patient = was.patient
    if is_other_patient:
        name = pseudonym("studies.patient", study.public_id, alone.subject_key)
        patient = Patient.objects.get_or_create(
            study=study,
            pseudonym=name,
            defaults={
                "centre": patient.centre,
                "partition": patient.partition,
                "partition_draw": patient.partition_draw,
            },
        )[0]
        if patient.partition != was.patient.partition:
            raise StudyRefused(
                _("Patient %(patient)s was drawn into another partition. Nothing was changed.")
                % {"patient": name}
            )
    name = pseudonym("studies.case", study.public_id, alone.subject_key)
    if Case.objects.filter(study=study, pseudonym=name).exists():
        raise StudyRefused(
            _("The case name %(case_name)s is in use. Nothing was changed; correct the import table.")
            % {"case_name": name}
        )
    return Case.objects.create(
        study=study,
        patient=patient,
        pseudonym=name,
        image_set=alone,
        imported_at=at,
        block=study.draws.filter(purpose="assignment").count() + 1,
    )
