"""Locking and unblinding: what is frozen, who signs it, and what the study then allows."""

from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext as _

from readerstudy.accounts.models import User
from readerstudy.analysis.models import UnblindingEvent
from readerstudy.analysis.selectors import data_hash, finished_cases, predictions_hash, readiness
from readerstudy.analysis.services.snapshots import request_snapshot
from readerstudy.core.audit import record
from readerstudy.studies.models import ReaderStudy
from readerstudy.studies.services import states


class LockRefused(Exception):
    """A study that cannot be locked or unblinded as asked. Nothing was changed."""


class DataChanged(LockRefused):
    """What was signed is not what is there: the data changed since the page was shown."""


@transaction.atomic
def lock(*, study: ReaderStudy, actor: User, signed_digest: str, reason: str, at: datetime) -> ReaderStudy:
    """
    Lock an open study under the hash of its reads and reference.

    Parameters
    ----------
    signed_digest : str
        The data hash that the signer was shown. The caller has checked the password.
    reason : str
        Needed where something is missing; the unfinished cases then leave the analysis and are counted.

    Raises
    ------
    DataChanged
        If the data are not those that were signed.
    LockRefused
        If something is missing and no reason was given, or no case is finished.
    WrongState
        If the study is not open.
    """
    study = ReaderStudy.objects.select_for_update().get(pk=study.pk)
    missing = readiness(study)
    if not finished_cases(study):
        raise LockRefused(_("No case has a complete reference standard yet. Nothing was changed."))
    if not missing.is_complete and not reason.strip():
        raise LockRefused(
            _("Reads or items are missing. Say why the study is locked without them. Nothing was changed.")
        )
    digest = data_hash(study)
    if digest != signed_digest:
        raise DataChanged(
            _(
                "Answers came in since this page was opened. Look at it again and sign what it shows now. "
                "Nothing was changed."
            )
        )
    locked = states.lock_study(study=study, actor=actor, at=at, data_hash=digest, reason=reason.strip())
    if missing.n_unfinished:
        record(
            event="analysis.study.cases_left_out",
            at=at,
            actor=actor,
            study_id=study.public_id,
            subject_type="study",
            subject_id=study.public_id,
            n=missing.n_unfinished,
            reason=reason.strip(),
        )
    return locked


@transaction.atomic
def unlock(*, study: ReaderStudy, actor: User, reason: str, at: datetime) -> ReaderStudy:
    """
    Open a locked study again. Never after unblinding.

    Raises
    ------
    StudyRefused
        If no reason is given.
    WrongState
        If the study is not locked.
    """
    return states.unlock_study(study=study, actor=actor, at=at, reason=reason)


@transaction.atomic
def unblind(*, study: ReaderStudy, actor: User, signed_digest: str, reason: str, at: datetime) -> ReaderStudy:
    """
    Unblind a locked study under the hash of its predictions, and ask for the first snapshot.

    Parameters
    ----------
    signed_digest : str
        The predictions hash that the signer was shown. The caller has checked the password.

    Raises
    ------
    DataChanged
        If the locked data or the predictions are not those that were shown.
    WrongState
        If the study is not locked.
    """
    study = ReaderStudy.objects.select_for_update().get(pk=study.pk)
    if study.state == ReaderStudy.State.LOCKED and data_hash(study) != study.data_hash:
        raise DataChanged(
            _(
                "The locked data do not have the hash that was signed. Check the audit log. Nothing was changed."
            )
        )
    digest = predictions_hash(study)
    if digest != signed_digest:
        raise DataChanged(
            _(
                "Predictions came in since this page was opened. Look at it again and sign what it shows now. "
                "Nothing was changed."
            )
        )
    unblinded = states.unblind_study(
        study=study, actor=actor, at=at, predictions_hash=digest, reason=reason.strip()
    )
    request_snapshot(study=unblinded, actor=actor, at=at)
    return unblinded


def note_unblinding(*, study: ReaderStudy, actor: User, act: str, at: datetime, detail: str = "") -> None:
    """Record an act by which somebody saw or took away what blinded persons must not know."""
    UnblindingEvent.objects.create(
        study=study,
        act=act,
        person_id=actor.public_id,
        person_name=actor.display_name or actor.username,
        study_state=study.state,
        detail=detail[:300],
        at=at,
    )


@transaction.atomic
def open_results(*, study: ReaderStudy, actor: User, snapshot_number: int, at: datetime) -> None:
    """Record that a person opened the figures."""
    record(
        event="analysis.results.opened",
        at=at,
        actor=actor,
        study_id=study.public_id,
        subject_type="snapshot",
        subject_id=f"{study.slug} {snapshot_number}",
        snapshot=snapshot_number,
    )
    note_unblinding(
        study=study, actor=actor, act=UnblindingEvent.Act.RESULTS, at=at, detail=f"snapshot {snapshot_number}"
    )


@transaction.atomic
def refuse_results(*, study: ReaderStudy, actor: User, at: datetime) -> None:
    """Record that a person asked for figures before unblinding and was shown the plan only."""
    record(
        event="analysis.results.refused",
        at=at,
        actor=actor,
        study_id=study.public_id,
        subject_type="study",
        subject_id=study.public_id,
    )
    note_unblinding(study=study, actor=actor, act=UnblindingEvent.Act.REFUSED, at=at)
