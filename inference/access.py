"""
The doors to models and runs: coordinators of the study and administrators only.

Absent, another study's, and not allowed all give the same answer, on purpose: a blinded person must not
learn whether a model ran.
"""

from django.http import Http404

from inference.models import StudyRun, TrainingRun
from readerstudy.accounts.models import User
from readerstudy.studies.models import ReaderStudy, StudyRole

_NOTHING = "There is nothing here for you."


def access_study_models(*, user: User, slug: str) -> ReaderStudy:
    """
    Return the study whose models and runs the person may see.

    An administrator with a blinded duty in the study is turned away as everybody else.

    Raises
    ------
    Http404
        If the study does not exist or the person is neither its coordinator nor an administrator.
    """
    study = ReaderStudy.objects.filter(slug=slug).first()
    if study is None:
        raise Http404(_NOTHING)
    role = StudyRole.objects.filter(study=study, user=user).first()
    if role is not None and role.is_blinded:
        raise Http404(_NOTHING)
    if not (user.is_staff or (role is not None and role.is_coordinator)):
        raise Http404(_NOTHING)
    return study


def access_study_run(*, user: User, slug: str, number: int) -> StudyRun:
    """
    Return one run of a study.

    Raises
    ------
    Http404
        As `access_study_models`, and if the study has no such run.
    """
    study = access_study_models(user=user, slug=slug)
    run = StudyRun.objects.select_related("study", "model").filter(study=study, number=number).first()
    if run is None:
        raise Http404(_NOTHING)
    return run


def access_training(*, user: User, slug: str, number: int) -> TrainingRun:
    """
    Return one training of a study.

    Raises
    ------
    Http404
        As `access_study_models`, and if the study has no such training.
    """
    study = access_study_models(user=user, slug=slug)
    run = (
        TrainingRun.objects.select_related("study", "training_set", "started_from", "result")
        .filter(study=study, number=number)
        .first()
    )
    if run is None:
        raise Http404(_NOTHING)
    return run
