"""What changes hands when another reader takes over: planned, so that it can be shown before it is done."""

import hashlib
from collections.abc import Collection
from dataclasses import dataclass

from django.utils.translation import gettext as _

from grading.sessions import submitted_read
from readerstudy.accounts.models import User
from readerstudy.studies.models import Assignment, CaseDuty, ReaderStudy, StudyRole
from readerstudy.studies.services.errors import StudyRefused


@dataclass(frozen=True)
class Handover:
    """
    The showings of a reader, by what becomes of them.

    Parameters
    ----------
    given : tuple of Assignment
        Go to the successor: of cases without a submitted showing.
    lost : tuple of Assignment
        Are withdrawn and go to nobody: later showings of a case whose earlier one was submitted.
    kept : tuple of Assignment
        Were submitted, and stay.
    """

    given: tuple[Assignment, ...]
    lost: tuple[Assignment, ...]
    kept: tuple[Assignment, ...]

    @property
    def digest(self) -> str:
        """Return a hash of what changes hands: what was shown is what is done."""
        moved = (sorted(each.pk for each in group) for group in (self.given, self.lost))
        return hashlib.sha256(repr([*moved]).encode()).hexdigest()


def handover_of(
    *,
    study: ReaderStudy,
    leaver: User,
    successor: User,
    cases: Collection[int] | None = None,
    for_update: bool = False,
) -> Handover:
    """
    Plan what a successor takes over; nothing is written.

    A case of which the leaver submitted one showing stays with him as a whole where a later showing of it
    would be lost otherwise: only cases without any submitted showing change hands, and later showings of the
    others are withdrawn.

    Parameters
    ----------
    cases : collection of int, optional
        Primary keys; every unfinished case by default.

    Raises
    ------
    StudyRefused
        If there is nothing to give, the successor is no active reader, or holds a duty for one of the cases.
    """
    role = StudyRole.objects.filter(study=study, user=successor, is_reader=True, left_at__isnull=True).first()
    if role is None:
        raise StudyRefused(
            _("%(successor)s is no active reader of this study. Nothing was changed.")
            % {"successor": successor}
        )
    if leaver.pk == successor.pk:
        raise StudyRefused(_("Choose another person to take over. Nothing was changed."))
    showings = Assignment.objects.filter(
        study=study, user=leaver, duty__duty=CaseDuty.Duty.READER, withdrawn_at__isnull=True, session__gt=0
    )
    if cases is not None:
        showings = showings.filter(case__in=cases)
    submitted = set(showings.filter(submitted_read()).values_list("pk", flat=True))
    mine = list(
        (showings.select_for_update() if for_update else showings).order_by("session", "position", "pk")
    )
    kept = tuple(each for each in mine if each.pk in submitted)
    behind = {each.case_id for each in kept}
    found = Handover(
        given=tuple(each for each in mine if each.case_id not in behind),
        lost=tuple(each for each in mine if each.case_id in behind and each.pk not in submitted),
        kept=kept,
    )
    if not found.given and not found.lost:
        raise StudyRefused(_("There is no unfinished case to give away. Nothing was changed."))
    wanted = {each.case_id for each in found.given}
    taken = CaseDuty.objects.filter(case_id__in=wanted, user=successor).count()
    if taken:
        raise StudyRefused(
            _(
                "%(successor)s holds a duty for %(taken)s of these cases already; nobody has two. Nothing was changed. "
                "Choose a reader who has none of them, or invite one."
            )
            % {"successor": successor, "taken": taken}
        )
    return found
