"""
Releasing a model's aid: a frozen copy of its predictions, per item, for every aided showing of a study.

Readers see this copy and nothing else of the model. The office sees that it was released, never what it says.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from inference.models import InferenceRun, ModelVersion
from inference.selectors import predictions_of
from readerstudy.analysis.plan import AnalysisPlan
from readerstudy.analysis.results.grades import model_grades
from readerstudy.analysis.selectors import plan_of, protocol_of
from readerstudy.analysis.selectors.model_versions import FINISHED_RUNS, is_named, model_versions
from readerstudy.core.audit import Actor, record
from readerstudy.studies.models import Assignment, Case, CaseDuty, ReaderStudy, ReleasedAid
from readerstudy.studies.wording import state_words

Payload = dict[str, dict[str, Any]]


class AidRefused(Exception):
    """An aid that cannot be released. Nothing was released."""


@dataclass(frozen=True)
class AidChoice:
    """A model version that could be released, and for how many of the waiting cases it has an answer."""

    key: str
    name: str
    short_digest: str
    is_synthetic: bool
    n_predicted: int
    n_outside: int
    n_missing: int
    refusal: str
    digest: str


@dataclass(frozen=True)
class AidState:
    """What of a study's aid was released and what waits; counts only."""

    has_condition: bool
    n_showings: int
    n_cases: int
    n_released: int
    n_waiting: int
    model: str
    model_digest: str
    released_at: datetime | None
    choices: tuple[AidChoice, ...]


def has_aided_condition(study: ReaderStudy) -> bool:
    """Return whether the study's protocol has an aided condition."""
    return "aided" in protocol_of(study).document.reading["conditions"]


def aided_showings(study: ReaderStudy) -> "QuerySet[Assignment]":
    """Return the standing aided showings of a study's readers."""
    return Assignment.objects.filter(
        study=study,
        duty__duty=CaseDuty.Duty.READER,
        condition=Assignment.Condition.AIDED,
        withdrawn_at__isnull=True,
        case__status=Case.Status.INCLUDED,
    )


def _waiting(study: ReaderStudy) -> list[Assignment]:
    return list(
        aided_showings(study)
        .filter(released_aid__isnull=True)
        .select_related("case")
        .order_by("user_id", "running_number", "pk")
    )


def aid_state(study: ReaderStudy) -> AidState:
    """Return what stands and what could be released now."""
    showings = aided_showings(study)
    waiting = _waiting(study)
    earlier = _released(study)
    version = ModelVersion.objects.filter(digest=earlier.model_digest).first() if earlier else None
    return AidState(
        has_condition=has_aided_condition(study),
        n_showings=showings.count(),
        n_cases=showings.values("case").distinct().count(),
        n_released=showings.filter(released_aid__isnull=False).count(),
        n_waiting=len(waiting),
        model=str(version) if version else "",
        model_digest=f"{earlier.model_digest[:4]} {earlier.model_digest[4:8]}" if earlier else "",
        released_at=earlier.released_at if earlier else None,
        choices=tuple(_choice(study, each, waiting) for each in model_versions(study)) if waiting else (),
    )


def _released(study: ReaderStudy) -> ReleasedAid | None:
    return ReleasedAid.objects.filter(assignment__study=study).order_by("-released_at", "-pk").first()


def _choice(study: ReaderStudy, version: ModelVersion, waiting: list[Assignment]) -> AidChoice:
    predicted, outside, missing = _coverage(version, {each.case_id for each in waiting})
    refusal = _refusal(study, version, missing)
    return AidChoice(
        key=str(version.public_id),
        name=str(version),
        short_digest=version.short_digest,
        is_synthetic=version.is_synthetic,
        n_predicted=len(predicted),
        n_outside=len(outside),
        n_missing=len(missing),
        refusal=refusal,
        digest="" if refusal else _digest(version, waiting, payloads(study, version)),
    )


def _coverage(version: ModelVersion, cases: set[int]) -> tuple[set[int], set[int], set[int]]:
    """Return the cases that the version graded, those that it refused, and those that it has not seen."""
    rows = InferenceRun.objects.filter(model=version, case_id__in=cases)
    graded = set(rows.filter(state__in=FINISHED_RUNS).values_list("case_id", flat=True))
    outside = set(rows.filter(state=InferenceRun.State.REFUSED).values_list("case_id", flat=True)) - graded
    return graded, outside, cases - graded - outside


def _refusal(study: ReaderStudy, version: ModelVersion, missing: Iterable[int]) -> str:
    """Say why a version cannot be released; "" where it can."""
    plan = plan_of(study)
    if version.state != ModelVersion.State.APPROVED:
        return _("It is not approved.")
    if plan.primary_model and not is_named(version, plan):
        return _("The protocol names %(model)s.") % {"model": plan.primary_model}
    earlier = _released(study)
    if earlier is not None and earlier.model_digest != version.digest:
        return _("Another version was released in this study; every aided read sees the same one.")
    n = len(set(missing))
    return (
        ngettext(
            "It has not run on %(n)d of the cases that wait.",
            "It has not run on %(n)d of the cases that wait.",
            n,
        )
        % {"n": n}
        if n
        else ""
    )


def payloads(study: ReaderStudy, version: ModelVersion) -> dict[int, Payload]:
    """
    Return what an aid would say, by case: per item the probabilities and the grade that they come to.

    The grade follows the plan's rule; where the plan fixes thresholds on data that nobody may see yet, the most
    probable grade stands for it.
    """
    document, plan = protocol_of(study).document, plan_of(study)
    found: dict[int, Payload] = {}
    for row in predictions_of(study, model=version):
        if not document.has_item(row.structure, row.finding):
            continue
        if len(row.probabilities) != document.finding(row.finding).n_grades:
            continue
        found.setdefault(row.case_id, {})[f"{row.structure}|{row.finding}"] = {
            "grade": _grade(row.probabilities, plan),
            "probabilities": list(row.probabilities),
        }
    return found


def _grade(probabilities: Iterable[float], plan: AnalysisPlan) -> int:
    rule = "median" if plan.model_grade == "median" else "argmax"
    return int(model_grades(np.array([list(probabilities)]), rule)[0])


def _digest(version: ModelVersion, waiting: list[Assignment], said: Mapping[int, Payload]) -> str:
    """Return the SHA-256 of what a release would write."""
    text = json.dumps(
        [version.digest, [[str(each.public_id), said.get(each.case_id, {})] for each in waiting]],
        sort_keys=True,
        separators=(",", ":"),
    )
    return hashlib.sha256(text.encode()).hexdigest()


@transaction.atomic
def release_aid(
    *,
    study: ReaderStudy,
    version: ModelVersion,
    actor: Actor | None,
    at: datetime,
    expected_digest: str = "",
) -> int:
    """
    Release a version's aid for every aided showing that waits for one.

    Each showing gets a copy of its own, which never changes. From then on the reader's unaided read of that case
    cannot be reopened.

    Parameters
    ----------
    expected_digest : str, optional
        Of what the page showed; something else is refused.

    Returns
    -------
    int
        How many showings got the aid.

    Raises
    ------
    AidRefused
        If the study is not open, its protocol has no aided condition, nothing waits, the version is not approved,
        is not the one that the protocol names or that was released before, or has not run on every case.
    """
    study = ReaderStudy.objects.select_for_update().get(pk=study.pk)
    if study.state != ReaderStudy.State.OPEN:
        raise AidRefused(
            _("The study is %(state)s; an aid is released while it is open. Nothing was released.")
            % {"state": state_words(study.state)}
        )
    if not has_aided_condition(study):
        raise AidRefused(_("The protocol has no aided condition. Nothing was released."))
    waiting = _waiting(study)
    if not waiting:
        raise AidRefused(_("No aided showing waits for its aid. Nothing was released."))
    missing = _coverage(version, {each.case_id for each in waiting})[2]
    refusal = _refusal(study, version, missing)
    if refusal:
        raise AidRefused(
            _("%(version)s cannot be released. %(refusal)s Nothing was released.")
            % {"version": version, "refusal": refusal}
        )
    said = payloads(study, version)
    digest = _digest(version, waiting, said)
    if expected_digest and digest != expected_digest:
        raise AidRefused(
            _(
                "Showings or predictions changed since this was shown. Nothing was released; look at the page "
                "again."
            )
        )
    ReleasedAid.objects.bulk_create(
        [
            ReleasedAid(
                assignment=each,
                payload=said.get(each.case_id, {}),
                model_digest=version.digest,
                released_at=at,
            )
            for each in waiting
        ],
        batch_size=200,
    )
    record(
        event="analysis.aid.released",
        at=at,
        actor=actor,
        study_id=study.public_id,
        subject_type="model",
        subject_id=version.public_id,
        model=str(version),
        n=len(waiting),
        digest=digest,
    )
    return len(waiting)
