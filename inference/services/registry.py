"""Model versions: registration, validation, approval, retirement, attachment to a study."""

import os
import shutil
import tempfile
from dataclasses import asdict
from datetime import datetime
from pathlib import Path

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext as _

from inference.engine.manifest import ModelRefused, read_manifest
from inference.engine.specification import FitLine, OutputSchema, fit_report
from inference.models import ModelVersion, StudyModel
from inference.services.errors import InferenceRefused, ModelDoesNotFit
from readerstudy.core.audit import Actor, record
from readerstudy.studies.models import Protocol, ReaderStudy
from readerstudy.studies.services.studies import current_protocol


def models_root() -> Path:
    """Folder of the data root that holds the files of all model versions."""
    return Path(settings.READERSTUDY_DATA_ROOT) / "models"


def model_folder(model: ModelVersion) -> Path:
    """Folder with a model version's files."""
    return models_root() / model.digest


@transaction.atomic
def register_model(*, folder: Path, actor: Actor | None, at: datetime) -> ModelVersion:
    """
    Take a model version into the registry.

    The files are checked, copied into the data root under the manifest's digest, and checked again there;
    nothing in them is run. Registering the same version twice gives the one that is there.

    Parameters
    ----------
    folder : Path
        With ``config.json``, ``weights.safetensors`` and, if there is one, ``MODEL_CARD.md``.

    Raises
    ------
    ModelRefused
        If the files may not be used; says why.
    InferenceRefused
        If another model already has this name and version.
    """
    manifest = read_manifest(folder)
    known = ModelVersion.objects.filter(digest=manifest.digest).first()
    target = models_root() / manifest.digest
    if known is None or not target.exists():
        _copy(manifest.folder, target)
        if read_manifest(target).digest != manifest.digest:
            raise ModelRefused(_("The files changed while they were copied. Nothing was registered."))
    if known is not None:
        return known
    if ModelVersion.objects.filter(name=manifest.name, version=manifest.version).exists():
        raise InferenceRefused(
            _(
                "There is already a %(name)s %(version)s with other content. Nothing was "
                "changed; give the new one a version of its own."
            )
            % {"name": manifest.name, "version": manifest.version}
        )
    model = ModelVersion.objects.create(
        digest=manifest.digest,
        name=manifest.name,
        version=manifest.version,
        manifest=dict(manifest.content),
        is_synthetic=manifest.is_synthetic,
        registered_at=at,
    )
    _record("registered", model, actor, at, digest=model.short_digest)
    return model


def _copy(source: Path, target: Path) -> None:
    """Copy into place in one step, so that no half-copied version is ever found."""
    root = models_root()
    root.mkdir(parents=True, exist_ok=True, mode=0o700)
    if target.exists():
        shutil.rmtree(target)
    staging = Path(tempfile.mkdtemp(prefix=".new-", dir=root))
    try:
        for path in source.iterdir():
            shutil.copyfile(path, staging / path.name)
        os.replace(staging, target)
    finally:
        shutil.rmtree(staging, ignore_errors=True)


@transaction.atomic
def mark_validated(
    *, model: ModelVersion, golden_difference: float, actor: Actor | None, at: datetime
) -> None:
    """Note that a worker loaded the model and its self-test passed."""
    changed = ModelVersion.objects.filter(pk=model.pk, state=ModelVersion.State.DRAFT).update(
        state=ModelVersion.State.VALIDATED, validated_at=at, golden_difference=golden_difference
    )
    if changed:
        _record("validated", model, actor, at)
    model.refresh_from_db()


@transaction.atomic
def approve_model(*, model: ModelVersion, actor: Actor | None, at: datetime) -> None:
    """
    Approve a validated model. Runs of a version approved before unblinding are confirmatory.

    Raises
    ------
    InferenceRefused
        If it is not validated.
    """
    changed = ModelVersion.objects.filter(pk=model.pk, state=ModelVersion.State.VALIDATED).update(
        state=ModelVersion.State.APPROVED, approved_at=at
    )
    if not changed:
        raise InferenceRefused(
            _("%(model)s is %(state)s; only a validated model can be approved.")
            % {"model": model, "state": _(model.get_state_display())}
        )
    _record("approved", model, actor, at)
    model.refresh_from_db()


@transaction.atomic
def retire_model(*, model: ModelVersion, reason: str, actor: Actor | None, at: datetime) -> None:
    """Take a model out of use. Its runs and predictions stay."""
    if not reason.strip():
        raise InferenceRefused(_("Say why the model is retired. Nothing was changed."))
    changed = (
        ModelVersion.objects.filter(pk=model.pk)
        .exclude(state=ModelVersion.State.RETIRED)
        .update(state=ModelVersion.State.RETIRED, retired_at=at)
    )
    if changed:
        _record("retired", model, actor, at, reason=reason)
    model.refresh_from_db()


def fit_to_protocol(*, model: ModelVersion, protocol: Protocol) -> tuple[FitLine, ...]:
    """How a model's output schema fits a protocol; see `specification.fit_report`."""
    document = protocol.document
    return fit_report(
        OutputSchema.from_json(model.manifest["outputs"]),
        structures=tuple(structure.id for structure in document.structures),
        n_grades={finding.id: finding.n_grades for finding in document.findings if finding.scale},
        boxes={
            mark.id: tuple(each[0] for each in mark.classes)
            for mark in document.marks
            if mark.shape == "box3d"
        },
    )


@transaction.atomic
def attach_model(*, study: ReaderStudy, model: ModelVersion, actor: Actor | None, at: datetime) -> StudyModel:
    """
    Attach a model to a study whose protocol it fits.

    Raises
    ------
    ModelDoesNotFit
        With the report, line by line.
    """
    protocol = current_protocol(study)
    held = StudyModel.objects.filter(study=study, model=model).first()
    if held is not None and held.protocol_digest == protocol.digest:
        return held
    report = fit_to_protocol(model=model, protocol=protocol)
    if not all(line.fits for line in report):
        raise ModelDoesNotFit(report)
    attached, _created = StudyModel.objects.update_or_create(
        study=study,
        model=model,
        defaults={
            "protocol_digest": protocol.digest,
            "fit": [asdict(line) for line in report],
            "attached_at": at,
        },
    )
    _record("attached", model, actor, at, study=study)
    return attached


def _record(
    act: str,
    model: ModelVersion,
    actor: Actor | None,
    at: datetime,
    study: ReaderStudy | None = None,
    **detail: object,
) -> None:
    record(
        event=f"inference.model.{act}",
        at=at,
        actor=actor,
        study_id=study.public_id if study else None,
        subject_type="model",
        subject_id=model.public_id,
        name=model.name,
        version=model.version,
        **detail,
    )
