"""
Several cases that are one: joining them before they are read, and taking imaging studies out again.

What was decided on a case (status, numbering, sides, centre, partition) must be the same on both or decide nothing;
what was only gathered (images, clinical data, places) is put together; what was said of a case as it is (answers,
results of a model, a reference) forbids both acts.
"""

import hashlib
import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from django.db import transaction
from django.db.models import ProtectedError
from django.utils.translation import gettext as _

from readerstudy.core.audit import Actor
from readerstudy.core.pseudonyms import pseudonym
from readerstudy.imaging.models import ImageSet, Series
from readerstudy.imaging.selectors import lateralities, pixel_digests
from readerstudy.imaging.services.joining import CannotTakeOut, join_image_sets, take_out_images
from readerstudy.studies.models import (
    AccidentalUnblinding,
    Assignment,
    Case,
    CaseDuty,
    Deviation,
    Landmark,
    Patient,
    ReaderStudy,
)
from readerstudy.studies.selectors import lacked_by
from readerstudy.studies.services.cases import record_case
from readerstudy.studies.services.copies import erase_copies_of_case
from readerstudy.studies.services.errors import StudyRefused
from readerstudy.studies.services.studies import current_protocol
from readerstudy.studies.standing import standing_on
from readerstudy.studies.wording import partition_words, state_words


@dataclass(frozen=True)
class Joining:
    """
    What joining cases would make of them.

    Parameters
    ----------
    stays : Case
        Keeps its code, its patient's code and its assignments.
    comes : tuple of Case
        Are dissolved into it.
    clinical : mapping
        What the joined case knows of its patient.
    partition : str
        Of the joined patient.
    kept, taken_back : tuple of Assignment
        Unopened reads that stay and that go.
    others : tuple of Case
        Further cases of the patients that come; they become cases of the one that stays.
    problems : tuple of str
        Why it cannot be done, each a sentence; empty where it can.
    digest : str
        Of all that, so that what is done is what was shown.
    """

    stays: Case
    comes: tuple[Case, ...]
    clinical: Mapping[str, str]
    partition: str
    kept: tuple[Assignment, ...]
    taken_back: tuple[Assignment, ...]
    others: tuple[Case, ...]
    problems: tuple[str, ...]
    digest: str


def plan_joining(*, study: ReaderStudy, stays: Case, comes: Sequence[Case]) -> Joining:
    """Return what joining cases into one would do, with everything that forbids it."""
    cases = [stays, *comes]
    clinical, problems = _clinical(cases)
    problems = [*_not_one(study, cases), *_forbidden(study, cases), *_decided_otherwise(cases), *problems]
    partitions = [case.patient.partition for case in cases if case.patient.partition]
    kept = tuple(_standing(stays))
    taken_back = tuple(each for case in comes for each in _standing(case))
    others = Case.objects.filter(study=study, patient__in=[case.patient for case in comes])
    others = others.exclude(pk__in=[case.pk for case in cases]).exclude(patient=stays.patient)
    facts = [
        [str(case.public_id), case.status, case.clinical, case.numbering, case.patient.partition]
        + ([*pixel_digests(case.image_set)] if case.image_set else [])
        for case in cases
    ]
    facts.append([str(each.public_id) for each in (*kept, *taken_back, *others.order_by("pk"))])
    return Joining(
        stays=stays,
        comes=tuple(comes),
        clinical=clinical,
        partition=partitions[0] if partitions else "",
        kept=kept,
        taken_back=taken_back,
        others=tuple(others.order_by("pseudonym")),
        problems=tuple(dict.fromkeys(problems)),
        digest=hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest(),
    )


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
    problems = _forbidden(study, [case])
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


def why_not_taken_out(study: ReaderStudy, case: Case) -> tuple[str, ...]:
    """Return what forbids taking anything out of a case, in sentences."""
    return tuple(_forbidden(study, [case]))


# --- what forbids it ------------------------------------------------------------------------------


def _not_one(study: ReaderStudy, cases: Sequence[Case]) -> list[str]:
    problems = []
    if len({case.pk for case in cases}) < max(2, len(cases)):
        problems.append(_("Choose different cases: one that stays and those that come to it."))
    for case in cases:
        if case.study_id != study.pk:
            problems.append(
                _("Case %(case)s belongs to another study. Import its images into this one.")
                % {"case": case.pseudonym}
            )
        if case.image_set is None:
            problems.append(
                _("Case %(case)s has no images. There is nothing to join.") % {"case": case.pseudonym}
            )
    return problems


def _forbidden(study: ReaderStudy, cases: Iterable[Case]) -> list[str]:
    """What was said of a case as it is, and states in which nothing is said any more."""
    problems = []
    if study.state in {ReaderStudy.State.LOCKED, ReaderStudy.State.UNBLINDED}:
        problems.append(
            _("The study is %(state)s; its cases stay as they are.") % {"state": state_words(study.state)}
        )
    for case in cases:
        name = {"case": case.pseudonym}
        if case.status == Case.Status.WITHDRAWN:
            problems.append(_("Case %(case)s is withdrawn; its images are erased.") % name)
        if case.patient.cases.filter(status=Case.Status.PRACTICE).exists():
            problems.append(
                _("The patient of case %(case)s is one that readers train or are calibrated on.") % name
            )
        stands = standing_on(case)
        if stands:
            problems.append(
                _("Case %(case)s has %(what)s, given for the images that it shows now.")
                % {**name, "what": ", ".join(stands)}
            )
        if Deviation.objects.filter(case=case).exists():
            problems.append(_("A deviation is noted for case %(case)s as it is.") % name)
        if AccidentalUnblinding.objects.filter(case=case).exists():
            problems.append(_("Somebody was unblinded by accident on case %(case)s as it is.") % name)
    return problems


def _decided_otherwise(cases: Sequence[Case]) -> list[str]:
    """Decisions that differ: which one holds is not for the product to say."""
    names = {"cases": ", ".join(case.pseudonym for case in cases)}
    problems = []
    if len({(case.status, case.exclusion_reason) for case in cases}) > 1:
        problems.append(
            _("The cases %(cases)s are screened differently. Decide on each alike first.") % names
        )
    if len({case.numbering.get("variant", "") for case in cases}) > 1:
        problems.append(
            _(
                "The levels of %(cases)s are numbered differently, or not on each. Number them alike on the images of "
                "each first."
            )
            % names
        )
    document = current_protocol(cases[0].study).document
    decided = any(case.sides_accepted_by_convention or _is_assigned(case) for case in cases)
    if document.is_sided and decided and any(_sides_open(case) for case in cases):
        problems.append(
            _(
                "The sides are open on some of %(cases)s and decided on others. State or accept them on each of them "
                "first."
            )
            % names
        )
    if len({case.patient.centre_id for case in cases}) > 1:
        codes = ", ".join(dict.fromkeys(case.patient.centre.code for case in cases))
        problems.append(
            _("The patients of %(cases)s are of different centres (%(centres)s). State one centre first.")
            % {**names, "centres": codes}
        )
    drawn = dict.fromkeys(case.patient.partition for case in cases if case.patient.partition)
    if len(drawn) > 1:
        problems.append(
            _("The patients of %(cases)s were drawn into different partitions (%(partitions)s).")
            % {**names, "partitions": ", ".join(map(partition_words, drawn))}
        )
    return [*problems, *_places_elsewhere(cases)]


def _sides_open(case: Case) -> bool:
    if case.sides_accepted_by_convention or case.image_set is None:
        return False
    return set(lateralities(case.image_set)) != {"established"}


def _is_assigned(case: Case) -> bool:
    return case.assignments.filter(withdrawn_at=None).exists()


def _places_elsewhere(cases: Iterable[Case]) -> list[str]:
    known: dict[tuple[str, str], tuple[float, ...]] = {}
    for place in Landmark.objects.filter(case__in=[case.pk for case in cases]).order_by("pk"):
        key = (place.structure, place.frame_of_reference_uid)
        point = (place.x_mm, place.y_mm, place.z_mm)
        if known.setdefault(key, point) != point:
            return [
                _("The place of %(structure)s is another on each of the cases.")
                % {"structure": place.structure}
            ]
    return []


def _clinical(cases: Iterable[Case]) -> tuple[dict[str, str], list[str]]:
    merged: dict[str, str] = {}
    problems = []
    for case in cases:
        for name, value in sorted(case.clinical.items()):
            if merged.setdefault(name, value) != value:
                problems.append(
                    _(
                        "%(name)s is %(one)s on one case and %(other)s on case %(case)s. Correct one of them first."
                    )
                    % {"name": name, "one": merged[name], "other": value, "case": case.pseudonym}
                )
    return merged, problems


def _refuse(problems: Collection[str]) -> None:
    if problems:
        raise StudyRefused(_("%(why)s Nothing was changed.") % {"why": " ".join(problems)})


# --- what is done ---------------------------------------------------------------------------------


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


def _standing(case: Case) -> list[Assignment]:
    rows = Assignment.objects.filter(case=case, withdrawn_at=None).select_related("duty", "user")
    return list(rows.order_by("pk"))


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
        raise StudyRefused(
            _(
                "Case %(case)s has records of its own (a query of a reader, a released aid); let it be the case that "
                "stays. Nothing was changed."
            )
            % {"case": case.pseudonym}
        ) from None


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
