"""Every address of one image set, as a reader's viewer would ask for them."""

from readerstudy.imaging.models import ImageSet, Instance
from readerstudy.imaging.uids import aliased_uid


def addresses(image_set: ImageSet, *, alias: str = "", every_instance: bool = False) -> list[str]:
    """Return the addresses below a presentation, for one instance or for all."""
    rows = Instance.objects.filter(series__imaging_study__image_set=image_set).order_by("pk")
    out = ["/studies", "/series", "/instances"]
    for row in rows if every_instance else rows[:1]:
        study, series, instance = (
            aliased_uid(alias, uid)
            for uid in (row.series.imaging_study.blinded_uid, row.series.blinded_uid, row.blinded_uid)
        )
        at_series = f"/studies/{study}/series/{series}"
        at_instance = f"{at_series}/instances/{instance}"
        out += [
            f"/studies/{study}/series", f"/studies/{study}/instances", f"{at_series}/instances",
            f"/studies/{study}/metadata", f"{at_series}/metadata", f"{at_instance}/metadata",
            f"{at_instance}/frames/1", f"{at_instance}/frames/1/rendered", f"{at_instance}/rendered",
            f"{at_instance}/thumbnail", f"{at_series}/thumbnail",
        ]  # fmt: skip
    return out
