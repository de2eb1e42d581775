"""The person behind an image set: identity, what is known of left and right, withdrawal."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.db.models import Q

from readerstudy.core.audit import Actor, record
from readerstudy.imaging import stores
from readerstudy.imaging.models import (
    ImageSet,
    ImagingStudy,
    ImportOutcome,
    Instance,
    Laterality,
    Series,
)
from readerstudy.imaging.services.capability import close_image_set


@dataclass(frozen=True)
class Identity:
    """
    Who a patient is, from the encrypted identity store; for coordinators only.

    Empty fields where the files said nothing or the identity was erased.
    """

    patient_id: str = ""
    issuer: str = ""
    name: str = ""
    birth_date: str = ""
    sex: str = ""


def identity_of(image_set: ImageSet) -> Identity:
    """Return the identity behind an image set, as the files of its own number say."""
    known = stores.read_identity(image_set.scope, image_set.public_id)
    return Identity(**{name: str(known.get(name, "")) for name in Identity.__dataclass_fields__})


def patient_numbers(image_set: ImageSet) -> tuple[str, ...]:
    """Return every patient number whose later images come into a set, its own first."""
    own = (image_set, *image_set.joined.order_by("pk"))
    return tuple(number for each in own if (number := identity_of(each).patient_id))


@transaction.atomic
def state_laterality(
    *, imaging_study: ImagingStudy, laterality: str, source: str, at: datetime, actor: Actor | None
) -> None:
    """Write down what a person states of left and right in one imaging study."""
    imaging_study.laterality = Laterality(laterality).value
    imaging_study.laterality_source = source[:80]
    imaging_study.save(update_fields=["laterality", "laterality_source"])
    record(
        event="imaging.laterality.stated",
        at=at,
        actor=actor,
        study_id=imaging_study.image_set.scope,
        subject_type="imaging_study",
        subject_id=imaging_study.blinded_uid,
        laterality=imaging_study.laterality,
        source=imaging_study.laterality_source,
    )


@transaction.atomic
def mark_looked_at(*, scope: UUID, series: Collection[str], at: datetime, actor: Actor) -> int:
    """
    Write down that a person looked at series whose pixels may hold text; returns how many.

    Parameters
    ----------
    series : collection of str
        Blinded UIDs; those of other reader studies are left alone.
    """
    rows = Series.objects.filter(
        blinded_uid__in=series, imaging_study__image_set__scope=scope, burned_in_checked_at=None
    ).exclude(burned_in="")
    uids = list(rows.values_list("blinded_uid", flat=True))
    Series.objects.filter(blinded_uid__in=uids).update(burned_in_checked_at=at)
    record(
        event="imaging.burned_in.looked_at",
        at=at,
        actor=actor,
        study_id=scope,
        subject_type="series",
        subject_id=f"{len(uids)} series",
        n=len(uids),
        series=uids,
    )
    return len(uids)


@transaction.atomic
def withdraw_images(*, image_set: ImageSet, at: datetime, actor: Actor | None = None) -> None:
    """
    Erase pixels, originals and identity of a patient; the rows stay, so that answers keep their place.

    All numbers of the patient are meant. Names of the imported files go too: all that came under a number of which
    the set shows anything. Whoever has the images open is shut out at once.
    """
    numbers = list(ImageSet.objects.filter(Q(pk=image_set.pk) | Q(joined_into=image_set)))
    shown = image_set.imaging_studies.select_related("image_set", "drawer")
    close_image_set(image_set=image_set, at=at)
    named = {each.pk for each in numbers} | {study.home.pk for study in shown}
    ImportOutcome.objects.filter(image_set__in=named).update(name_sealed=b"")
    ImageSet.objects.filter(pk__in=[each.pk for each in numbers]).update(withdrawn_at=at)
    record(
        event="imaging.images.withdrawn",
        at=at,
        actor=actor,
        study_id=image_set.scope,
        subject_type="image_set",
        subject_id=image_set.public_id,
    )
    # Before the commit on purpose: if it fails, nothing says "withdrawn" while pixels are still there.
    for study in shown:
        if study.home not in numbers:
            stores.remove_study(
                image_set.scope, study.home.public_id, study.blinded_uid, _instances_of(study)
            )
    for each in numbers:
        lent = each.lent_studies.exclude(image_set=image_set)
        keep = {study.blinded_uid: _instances_of(study) for study in lent}
        stores.remove_image_set(image_set.scope, each.public_id, keep=keep)


def _instances_of(study: ImagingStudy) -> list[str]:
    rows = Instance.objects.filter(series__imaging_study=study)
    return list(rows.values_list("blinded_uid", flat=True))
