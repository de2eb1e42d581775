"""The coordinator's check of left and right: each imaging study of a case as readers see it."""

from collections.abc import Mapping
from dataclasses import dataclass

from django.utils.translation import gettext as _

from readerstudy.imaging.models import Laterality
from readerstudy.imaging.selectors import SeriesRow, study_table
from readerstudy.studies.models import Case
from readerstudy.studies.services.naming import IMPORT_TABLE


def laterality_words(laterality: str) -> str:
    """Return what is known of left and right, as the coordinator says it."""
    return {
        Laterality.ESTABLISHED: _("established"),
        Laterality.BY_CONVENTION: _("by convention"),
        Laterality.UNKNOWN: _("not established"),
    }[Laterality(laterality)]


def shown_words(laterality: str) -> str:
    """Return what stands in a reader's viewport; nothing where the sides are established."""
    return {
        Laterality.ESTABLISHED: "",
        Laterality.BY_CONVENTION: _("Sides by convention"),
        Laterality.UNKNOWN: _("Sides unknown"),
    }[Laterality(laterality)]


def source_words(source: str) -> str:
    """Return how left and right are known: a person's own words, or the product's in the page's language."""
    return _("import table") if source == IMPORT_TABLE else source


@dataclass(frozen=True)
class PicturedSeries:
    """The middle image of a series, and what stands in its viewport."""

    label: str
    address: str
    shown: str


@dataclass(frozen=True)
class SidesOfStudy:
    """One imaging study: what is stated of it, by whom, and what was chosen now."""

    number: int
    uid: str
    stated: str
    stated_words: str
    source: str
    chosen: str
    chosen_words: str
    is_changed: bool
    series: tuple[PicturedSeries, ...]


def sides_of(case: Case, *, root: str, chosen: Mapping[str, str] | None = None) -> tuple[SidesOfStudy, ...]:
    """
    Return the imaging studies of a case with their pictures, as they would be after what was chosen.

    Parameters
    ----------
    root : str
        Address of the presentation under which the images were opened.
    chosen : mapping of str to str, optional
        Blinded UID of an imaging study to the statement that is tried out.
    """
    if case.image_set is None:
        return ()
    tried = chosen or {}
    series: dict[str, list[SeriesRow]] = {}
    for row in study_table(case.image_set):
        series.setdefault(row.study_uid, []).append(row)
    found = []
    for each in case.image_set.imaging_studies.order_by("pk"):
        uid = each.blinded_uid
        after = tried.get(uid, each.laterality)
        found.append(
            SidesOfStudy(
                number=len(found) + 1,
                uid=uid,
                stated=each.laterality,
                stated_words=laterality_words(each.laterality),
                source=source_words(each.laterality_source),
                chosen=after,
                chosen_words=laterality_words(after),
                is_changed=after != each.laterality,
                series=tuple(
                    PicturedSeries(
                        row.label,
                        f"{root}/studies/{row.study_uid}/series/{row.series_uid}/thumbnail",
                        shown_words(after),
                    )
                    for row in series.get(uid, ())
                ),
            )
        )
    return tuple(found)
