"""
What joining several cases would make of them, and what forbids joining and taking out.

What was decided on a case (status, numbering, sides, centre, partition) must be the same on both or decide nothing;
what was only gathered (images, clinical data, places) is put together; what was said of a case as it is (answers,
results of a model, a reference) forbids both acts.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from django.utils.translation import gettext as _

from readerstudy.imaging.selectors import lateralities, pixel_digests
from readerstudy.studies.models import (
    AccidentalUnblinding,
    Assignment,
    Case,
    Deviation,
    Landmark,
    ReaderQuery,
    ReaderStudy,
    ReleasedAid,
)
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
    problems += [records_of_its_own(case) for case in comes if _has_records(case)]
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


def why_not_taken_out(study: ReaderStudy, case: Case) -> tuple[str, ...]:
    """Return what forbids taking anything out of a case, in sentences."""
    return tuple(_forbidden(study, [case]))


def records_of_its_own(case: Case) -> str:
    """Return the sentence that a case can only be the one that stays."""
    return _(
        "Case %(case)s has records of its own (a query of a reader, a released aid); let it be the case that stays."
    ) % {"case": case.pseudonym}


def _has_records(case: Case) -> bool:
    """Whether something hangs from a case's assignments that goes with none of them."""
    return any(
        model._default_manager.filter(assignment__case=case).exists() for model in (ReaderQuery, ReleasedAid)
    )


def _standing(case: Case) -> list[Assignment]:
    rows = Assignment.objects.filter(case=case, withdrawn_at=None).select_related("duty", "user")
    return list(rows.order_by("pk"))


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
