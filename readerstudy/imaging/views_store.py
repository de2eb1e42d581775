"""
Views: folders of an image set as one presentation shows it.

The base view holds the blinded objects. A repeat presentation, or one that shows some series only, has
a view of its own: the same frame files under other names (hard links), with other UIDs in the attributes.
"""

import hashlib
import hmac
import os
import secrets
import shutil

from readerstudy.core.keys import derive_key
from readerstudy.imaging import stores
from readerstudy.imaging.models import ImageSet, Series
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
    if not alias and only_series is None:
        return stores.view_root(image_set.scope, image_set.public_id)
    wanted = "*" if only_series is None else ",".join(sorted(only_series))
    key = derive_key("imaging.view", str(image_set.public_id))
    name = hmac.new(key, f"{alias}|{wanted}".encode(), hashlib.sha256).hexdigest()[:24]
    root = stores.view_root(image_set.scope, image_set.public_id, name)
    if not (stores.cache_root() / root).exists():
        _make(image_set, root, alias=alias, only_series=only_series)
    return root


def _make(image_set: ImageSet, root: str, *, alias: str, only_series: frozenset[str] | None) -> None:
    base = stores.view_root(image_set.scope, image_set.public_id)
    uids = UidMap.for_alias(alias) if alias else None
    finished = stores.cache_root() / root
    building = finished.with_name(f".{finished.name}.{secrets.token_hex(4)}")
    rows = Series.objects.filter(imaging_study__image_set=image_set).select_related("imaging_study")
    building.mkdir(parents=True, mode=0o700)
    for row in rows:
        if only_series is not None and row.blinded_uid not in only_series:
            continue
        study, series = row.imaging_study.blinded_uid, row.blinded_uid
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
