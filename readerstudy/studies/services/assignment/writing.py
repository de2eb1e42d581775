"""Writing a plan: the draw, the duties and the assignments, in one transaction."""

from datetime import date, datetime

from django.db import transaction
from django.db.models import Max
from django.utils.translation import gettext as _

from readerstudy.core.audit import Actor, record
from readerstudy.studies.models import Assignment, CaseDuty, Draw, ReaderStudy
from readerstudy.studies.services.assignment.design import AssignmentDesign
from readerstudy.studies.services.assignment.planning import plan_assignment
from readerstudy.studies.services.errors import StudyRefused, WrongState
from readerstudy.studies.wording import state_words


class PlanChanged(StudyRefused):
    """What would be written is not what was shown: somebody else acted meanwhile."""


def open_for_assignment(study: ReaderStudy) -> ReaderStudy:
    """Return the study, locked against other coordinators. Raises WrongState where it is not open."""
    study = ReaderStudy.objects.select_for_update().get(pk=study.pk)
    if study.state != ReaderStudy.State.OPEN:
        raise WrongState(
            _("The study is %(state)s; reads are assigned while it is open. Nothing was changed.")
            % {"state": state_words(study.state)}
        )
    return study


def last_place(study: ReaderStudy, user_id: int) -> int:
    """Return the highest position and running number that a person has in a study."""
    # Training and calibration (session 0) have numbers of their own.
    highest = Assignment.objects.filter(study=study, user_id=user_id, session__gt=0).aggregate(
        position=Max("position"), number=Max("running_number")
    )
    return max(highest["position"] or 0, highest["number"] or 0)


@transaction.atomic
def assign_reads(
    *,
    study: ReaderStudy,
    seed: int,
    actor: Actor | None,
    at: datetime,
    design: AssignmentDesign | None = None,
    expected_digest: str = "",
    due_date: date | None = None,
) -> Draw:
    """
    Write the plan of a seed.

    Parameters
    ----------
    expected_digest : str, optional
        Of the plan that was shown; another plan is refused.

    Raises
    ------
    WrongState
        If the study is not open.
    PlanChanged
        If the plan is not the one that was shown.
    StudyRefused
        As `plan_assignment`.
    """
    study = open_for_assignment(study)
    plan = plan_assignment(study=study, seed=seed, design=design)
    if expected_digest and plan.digest != expected_digest:
        raise PlanChanged(
            _(
                "Cases or people changed since this plan was shown, or somebody else assigned. "
                "Nothing was changed; look at the new preview."
            )
        )
    number = study.draws.filter(purpose=Draw.Purpose.ASSIGNMENT).count() + 1
    draw = Draw.objects.create(
        study=study,
        purpose=Draw.Purpose.ASSIGNMENT,
        number=number,
        seed=seed,
        rule=plan.design.rule(),
        result_digest=plan.digest,
        drawn_at=at,
    )
    wanted = dict.fromkeys((s.case_id, s.user_id, s.duty) for s in plan.showings)
    made = CaseDuty.objects.bulk_create(
        [CaseDuty(case_id=case, user_id=user, duty=duty) for case, user, duty in wanted], batch_size=500
    )
    duties = {(each.case_id, each.user_id): each for each in made}
    offsets = {user: last_place(study, user) for user in {showing.user_id for showing in plan.showings}}
    Assignment.objects.bulk_create(
        [
            Assignment(
                duty=duties[showing.case_id, showing.user_id],
                case_id=showing.case_id,
                user_id=showing.user_id,
                study=study,
                draw=draw,
                condition=showing.condition,
                session=showing.session,
                occasion=showing.occasion,
                washout_days=showing.washout_days,
                due_date=due_date if showing.duty == CaseDuty.Duty.READER else None,
                position=offsets[showing.user_id] + showing.position,
                running_number=offsets[showing.user_id] + showing.position,
            )
            for showing in plan.showings
        ],
        batch_size=500,
    )
    record(
        event="studies.assignment.drawn",
        at=at,
        actor=actor,
        study_id=study.public_id,
        subject_type="draw",
        subject_id=f"assignment {number}",
        seed=seed,
        n=len(plan.showings),
        digest=plan.digest,
    )
    return draw
