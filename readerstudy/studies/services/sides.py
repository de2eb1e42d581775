"""What is known of left and right, stated by the coordinator for each imaging study of a case."""

from collections.abc import Mapping
from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext as _

from readerstudy.core.audit import Actor
from readerstudy.imaging.models import ImagingStudy, Laterality
from readerstudy.imaging.services.subjects import state_laterality
from readerstudy.studies.models import Case
from readerstudy.studies.services.cases import before_reading, record_case
from readerstudy.studies.services.errors import StudyRefused

LONGEST_SOURCE = 80


@transaction.atomic
def state_sides(
    *,
    case: Case,
    sides: Mapping[str, str],
    source: str,
    actor: Actor | None,
    at: datetime,
    shown: Mapping[str, str] | None = None,
) -> int:
    """
    Write down what a person knows of left and right in imaging studies of a case; returns how many changed.

    Parameters
    ----------
    sides : mapping of str to str
        Blinded UID of an imaging study to ``established``, ``by-convention`` or ``unknown``.
    source : str
        How that is known.
    shown : mapping of str to str, optional
        What stood when the person decided; where something else stands by now, nothing is changed.

    Raises
    ------
    StudyRefused
        If reading of the case was assigned, the source is missing, an imaging study is not of the case, a word is
        none of the three, or the statements changed meanwhile. Nothing was changed.
    """
    case = Case.objects.select_for_update(of=("self",)).select_related("study", "image_set").get(pk=case.pk)
    before_reading(case)
    source = source.strip()
    if not source:
        raise StudyRefused(_("Say how left and right are known. Nothing was changed."))
    if len(source) > LONGEST_SOURCE:
        raise StudyRefused(
            _("How it is known is longer than %(most)d characters. Nothing was changed.")
            % {"most": LONGEST_SOURCE}
        )
    known = _imaging_studies(case)
    if set(sides) - set(known):
        raise StudyRefused(_("The case has no such imaging study. Nothing was changed."))
    if set(sides.values()) - set(Laterality.values):
        raise StudyRefused(
            _("Sides are %(allowed)s. Nothing was changed.") % {"allowed": ", ".join(Laterality.values)}
        )
    if shown is not None and shown != {uid: each.laterality for uid, each in known.items()}:
        raise StudyRefused(
            _("The statements changed since this page was shown. Look at them again. Nothing was changed.")
        )
    changed = [uid for uid, laterality in sides.items() if known[uid].laterality != laterality]
    for uid in changed:
        state_laterality(imaging_study=known[uid], laterality=sides[uid], source=source, at=at, actor=actor)
    if changed:
        record_case("studies.case.stated", case, actor, at, changed="sides", source=source)
    return len(changed)


def _imaging_studies(case: Case) -> dict[str, ImagingStudy]:
    if case.image_set is None or case.status == Case.Status.WITHDRAWN:
        return {}
    return {each.blinded_uid: each for each in case.image_set.imaging_studies.select_related("image_set")}
