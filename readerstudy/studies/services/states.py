"""
Locking, opening again and unblinding.

`analysis` computes what is frozen and calls these; here only the state and the signature are kept.
"""

from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext as _

from readerstudy.core.audit import Actor, record
from readerstudy.imaging.services.capability import close_scope
from readerstudy.studies.models import ReaderStudy, Signature
from readerstudy.studies.services.errors import StudyRefused, WrongState
from readerstudy.studies.wording import state_words


def _held(study: ReaderStudy, *states: str) -> ReaderStudy:
    study = ReaderStudy.objects.select_for_update().get(pk=study.pk)
    if study.state not in states:
        raise WrongState(
            _("The study is %(state)s; this needs %(states)s. Nothing was changed.")
            % {"state": state_words(study.state), "states": " / ".join(map(state_words, states))}
        )
    return study


def _sign(study: ReaderStudy, meaning: str, digest: str, reason: str, actor: Actor, at: datetime) -> None:
    Signature.objects.create(
        study=study,
        meaning=meaning,
        signed_digest=digest,
        reason=reason,
        signer_id=actor.public_id,
        signer_name=actor.display_name,
        signed_at=at,
    )


@transaction.atomic
def lock_study(
    *, study: ReaderStudy, actor: Actor, at: datetime, data_hash: str, reason: str = ""
) -> ReaderStudy:
    """Lock an open study under the digest of its reads and reference. The caller has checked the password."""
    study = _held(study, ReaderStudy.State.OPEN)
    study.state, study.locked_at, study.data_hash = ReaderStudy.State.LOCKED, at, data_hash
    study.save(update_fields=["state", "locked_at", "data_hash"])
    _sign(study, "lock", data_hash, reason, actor, at)
    # Whoever has images open loses them now, not when the capability ends by itself.
    close_scope(scope=study.public_id, at=at)
    record(
        event="studies.study.locked",
        at=at,
        actor=actor,
        study_id=study.public_id,
        subject_type="study",
        subject_id=study.public_id,
        digest=data_hash,
        reason=reason,
    )
    return study


@transaction.atomic
def unlock_study(*, study: ReaderStudy, actor: Actor, at: datetime, reason: str) -> ReaderStudy:
    """Open a locked study again, with a reason. Never after unblinding."""
    study = _held(study, ReaderStudy.State.LOCKED)
    if not reason.strip():
        raise StudyRefused(_("Say why the study is opened again. Nothing was changed."))
    digest = study.data_hash
    study.state, study.locked_at, study.data_hash = ReaderStudy.State.OPEN, None, ""
    study.save(update_fields=["state", "locked_at", "data_hash"])
    _sign(study, "unlock", digest, reason, actor, at)
    record(
        event="studies.study.unlocked",
        at=at,
        actor=actor,
        study_id=study.public_id,
        subject_type="study",
        subject_id=study.public_id,
        reason=reason,
    )
    return study


@transaction.atomic
def unblind_study(
    *, study: ReaderStudy, actor: Actor, at: datetime, predictions_hash: str, reason: str = ""
) -> ReaderStudy:
    """Unblind a locked study under the digest of its predictions. There is no way back."""
    study = _held(study, ReaderStudy.State.LOCKED)
    study.state, study.unblinded_at = ReaderStudy.State.UNBLINDED, at
    study.predictions_hash = predictions_hash
    study.save(update_fields=["state", "unblinded_at", "predictions_hash"])
    _sign(study, "unblind", predictions_hash, reason, actor, at)
    record(
        event="studies.study.unblinded",
        at=at,
        actor=actor,
        study_id=study.public_id,
        subject_type="study",
        subject_id=study.public_id,
        digest=predictions_hash,
    )
    return study
