"""
Views: folders of an image set as one presentation shows it.

The base view holds the blinded objects. A repeat presentation, or one that shows some series only, has
a view of its own: the same frame files under other names (hard links), with other UIDs in the attributes.
So has a set that gathers images of several patient numbers: links to what lies in the folders of each.
"""

import hashlib
import hmac
import os
import secrets
import shutil

from django.db.models import Q

from readerstudy.core.keys import derive_key
from readerstudy.imaging import stores
from readerstudy.imaging.models import ImageSet, ImagingStudy, Series
from readerstudy.imaging.uids import UidMap


def view_of(image_set: ImageSet, *, alias: str, only_series: frozenset[str] | None) -> str:
    """
    Return the folder (below the cache root) that shows an image set under an alias; made when missing.

    Parameters
    ----------
    alias : str
        "" for the set's own UIDs; anything else gives other UIDs throughout.
    only_series : frozenset of str, optional
        Blinded UIDs of the series to show; all where None.
    """
    studies, parts = _gathered(image_set)
    if not alias and only_series is None and not parts:
        return stores.view_root(image_set.scope, image_set.public_id)
    wanted = "*" if only_series is None else ",".join(sorted(only_series))
    key = derive_key("imaging.view", str(image_set.public_id))
    name = hmac.new(key, f"{alias}|{wanted}{parts}".encode(), hashlib.sha256).hexdigest()[:24]
    root = stores.view_root(image_set.scope, image_set.public_id, name)
    if not (stores.cache_root() / root).exists():
        _make(image_set, root, studies=studies, alias=alias, only_series=only_series)
    return root


def _gathered(image_set: ImageSet) -> tuple[list[str], str]:
    """
    Return the studies that a set shows, and how a view of them is named besides.

    That is "" where the set shows what lies in its own folders, all of it and nothing else. Else it names the
    studies: what was joined or taken out since has a view of another name.
    """
    rows = ImagingStudy.objects.filter(Q(image_set=image_set) | Q(drawer=image_set)).order_by("pk")
    found = list(rows.values_list("blinded_uid", "image_set_id", "drawer_id"))
    if all(shown == image_set.pk and drawer in {None, image_set.pk} for _uid, shown, drawer in found):
        return [uid for uid, _shown, _drawer in found], ""
    studies = [uid for uid, shown, _drawer in found if shown == image_set.pk]
    return studies, "|" + ",".join(studies)


def _make(
    image_set: ImageSet,
    root: str,
    *,
    studies: list[str],
    alias: str,
    only_series: frozenset[str] | None,
) -> None:
    uids = UidMap.for_alias(alias) if alias else None
    finished = stores.cache_root() / root
    building = finished.with_name(f".{finished.name}.{secrets.token_hex(4)}")
    # Those that the view is named by, also where it changes hands meanwhile.
    rows = Series.objects.filter(imaging_study__blinded_uid__in=studies).select_related(
        "imaging_study__image_set", "imaging_study__drawer"
    )
    building.mkdir(parents=True, mode=0o700)
    for row in rows:
        if only_series is not None and row.blinded_uid not in only_series:
            continue
        study, series = row.imaging_study.blinded_uid, row.blinded_uid
        base = stores.view_root(image_set.scope, row.imaging_study.home.public_id)
        source = stores.series_folder(base, study, series)
        target = building / (uids.uid(study) if uids else study) / (uids.uid(series) if uids else series)
        target.mkdir(parents=True, mode=0o700)
        for file in source.iterdir():
            instance, _, frame = file.name.partition("_")
            if frame:
                os.link(
                    file, target / stores.frame_name(uids.uid(instance) if uids else instance, int(frame))
                )
        entries = stores.read_metadata(source)
        shown = [uids.attributes(entry) if uids else entry for entry in entries]
        stores.write_metadata(target, shown, anew=bool(uids))
    try:
        building.rename(finished)
    except OSError:
        # Another request made the same view first; its content is the same.
        shutil.rmtree(building, ignore_errors=True)
