"""
One patient under several numbers: which set shows the images of which number.

Rows are pointed elsewhere and nothing else: files, originals and identities stay where they are (`views_store`
gathers them when they are opened). So an act is one transaction, whole or not at all, and can be taken back.
"""

from collections.abc import Collection
from datetime import datetime
from functools import partial

from django.db import transaction
from django.db.models import F, Q

from readerstudy.core.audit import Actor, record
from readerstudy.imaging import stores
from readerstudy.imaging.models import ImageSet, ImagingStudy
from readerstudy.imaging.services.capability import close_image_set
from readerstudy.imaging.uids import subject_key


class CannotJoin(Exception):
    """The images of these two cannot be shown as one: other reader studies, or not there any more."""


class CannotTakeOut(Exception):
    """These imaging studies cannot leave their set: they are all that it has, or all of its own number."""


@transaction.atomic
def join_image_sets(*, stays: ImageSet, comes: ImageSet, at: datetime, actor: Actor | None) -> None:
    """
    Let one set show the images of another one as well; later imports under either number come into it.

    Raises
    ------
    CannotJoin
        If they are of two reader studies, withdrawn, joined into others already, or one and the same.
    """
    both = {each.pk: each for each in _locked(stays, comes)}
    stays, comes = both[stays.pk], both[comes.pk]
    gone = any(each.withdrawn_at or each.joined_into_id for each in (stays, comes))
    if stays == comes or stays.scope != comes.scope or gone:
        raise CannotJoin
    moved = ImagingStudy.objects.filter(image_set=comes)
    moved.filter(drawer=None).update(drawer=comes)
    n_moved = moved.update(image_set=stays)
    _come_home(stays)
    ImageSet.objects.filter(Q(pk=comes.pk) | Q(joined_into=comes)).update(joined_into=stays)
    _shut(stays, comes, at=at)
    record(
        event="imaging.images.joined",
        at=at,
        actor=actor,
        study_id=stays.scope,
        subject_type="image_set",
        subject_id=stays.public_id,
        joined=str(comes.public_id),
        n=n_moved,
    )


@transaction.atomic
def take_out_images(
    *, image_set: ImageSet, imaging_studies: Collection[str], at: datetime, actor: Actor | None
) -> ImageSet:
    """
    Show imaging studies in a set of their own, and return it.

    All that came under another number than the set's own leaves with the number: later imports under it follow.
    Single studies leave alone: their own later images follow, others of their number do not.

    Parameters
    ----------
    imaging_studies : collection of str
        Blinded UIDs.

    Raises
    ------
    CannotTakeOut
        If nothing would stay, or all that came under the set's own number would leave.
    """
    list(_locked(image_set, *image_set.joined.all()))
    rows = list(image_set.imaging_studies.select_related("image_set", "drawer").order_by("pk"))
    chosen = [row for row in rows if row.blinded_uid in imaging_studies]
    rest = [row for row in rows if row not in chosen]
    own = [row for row in rows if row.home == image_set]
    if not chosen or not rest or (own and all(row in chosen for row in own)):
        raise CannotTakeOut
    left = {row.home for row in rest}
    numbers = [
        home
        for home in dict.fromkeys(row.home for row in chosen)
        if home.joined_into_id == image_set.pk and home not in left
    ]
    if numbers:
        target = numbers[0]
    else:
        key = subject_key(image_set.scope, issuer=" taken out", patient_id=chosen[0].blinded_uid)
        target = ImageSet.objects.get_or_create(
            scope=image_set.scope, subject_key=key, defaults={"created_at": at}
        )[0]
    ImageSet.objects.filter(pk__in=[each.pk for each in numbers[1:]]).update(joined_into=target)
    ImageSet.objects.filter(pk=target.pk).update(joined_into=None)
    moved = ImagingStudy.objects.filter(pk__in=[row.pk for row in chosen])
    moved.filter(drawer=None).update(drawer=image_set)
    moved.update(image_set=target)
    _come_home(target)
    _shut(image_set, target, at=at)
    record(
        event="imaging.images.taken_out",
        at=at,
        actor=actor,
        study_id=image_set.scope,
        subject_type="image_set",
        subject_id=image_set.public_id,
        taken_out=str(target.public_id),
        n=len(chosen),
    )
    target.refresh_from_db()
    return target


def _locked(*sets: ImageSet) -> list[ImageSet]:
    """Lock sets in a fixed order: an import writes under none of them meanwhile."""
    found = ImageSet.objects.select_for_update().filter(pk__in=[each.pk for each in sets])
    return list(found.order_by("pk"))


def _come_home(image_set: ImageSet) -> None:
    ImagingStudy.objects.filter(image_set=image_set, drawer=F("image_set")).update(drawer=None)


def _shut(*sets: ImageSet, at: datetime) -> None:
    """Shut out whoever has the images open as they were; gathered views are made anew when next opened."""
    for each in sets:
        close_image_set(image_set=each, at=at)
        transaction.on_commit(partial(stores.remove_views, each.scope, each.public_id))
