"""De-identified copies of originals, for those who go on working with the images elsewhere."""

from datetime import datetime
from pathlib import Path

from readerstudy.core.audit import Actor, record
from readerstudy.imaging import stores
from readerstudy.imaging.child_maker import lent_maker
from readerstudy.imaging.models import ImageSet, Instance
from readerstudy.imaging.reader_process import ReaderProcess
from readerstudy.imaging.services.receiving import limits_from_settings
from readerstudy.imaging.uids import scope_key


class OriginalsNotKept(Exception):
    """The originals of this image set were not kept, or were withdrawn: there is nothing to copy."""


def export_deidentified(
    *, image_set: ImageSet, folder: Path, patient_id: str, at: datetime, actor: Actor | None = None
) -> int:
    """
    Write de-identified copies of an image set by the Basic Application Level Confidentiality Profile.

    UIDs are the blinded ones of the reader study, so that marks and places refer to the copies too.

    Parameters
    ----------
    folder : Path
        Gets ``<series>/<number>.dcm``; made when missing.
    patient_id : str
        Pseudonym written into the copies.

    Returns
    -------
    int
        Number of files written.

    Raises
    ------
    OriginalsNotKept
        If one of the originals is not there; nothing more is written then.
    """
    rows = list(
        Instance.objects.filter(series__imaging_study__image_set=image_set)
        .select_related("series__imaging_study__image_set", "series__imaging_study__drawer")
        .order_by("series__imaging_study__pk", "series__number", "index")
    )
    name = f"export-{image_set.public_id}"
    staging = stores.staging_folder(name)
    key = scope_key(image_set.scope)
    try:
        limits = limits_from_settings()
        with lent_maker(limits) as maker, ReaderProcess(limits, maker=maker) as reader:
            for row in rows:
                data = stores.original(
                    image_set.scope, row.series.imaging_study.home.public_id, row.blinded_uid
                )
                if data is None:
                    raise OriginalsNotKept(
                        "The originals of these images were not kept, so no copies can be made of them."
                    )
                source = staging / "original"
                source.write_bytes(data)
                series = row.series
                target = folder / f"{series.imaging_study_id:04d}-{series.number:02d}"
                target.mkdir(parents=True, exist_ok=True)
                path = target / f"{row.index + 1:05d}.dcm"
                answer = reader.deidentify(source, path, key=key, patient_id=patient_id)
                if "refused" in answer:
                    raise OriginalsNotKept(f"An original cannot be copied: {answer['refused']}.")
    finally:
        stores.remove_staging(name)
    record(
        event="imaging.images.exported",
        at=at,
        actor=actor,
        study_id=image_set.scope,
        subject_type="image_set",
        subject_id=image_set.public_id,
        count=len(rows),
    )
    return len(rows)
