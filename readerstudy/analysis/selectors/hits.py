"""Which lesion of the reference standard a mark that was made here hits."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from grading.matching import Place, place_of, quality
from grading.models import Mark, ReferenceMark
from readerstudy.analysis.models import ImportedLesion
from readerstudy.studies.protocols.document import MarkKind, ProtocolDocument


def hits_of(
    document: ProtocolDocument,
    lesions: Sequence[ReferenceMark],
    imported: Sequence[ImportedLesion],
    marks: Iterable[Mark],
) -> dict[int, str]:
    """
    Return the name of the lesion that each mark hits.

    A mark from which a lesion of the reference was made hits that lesion: people settled it. Every other one, of a
    reader who took no part in the reference standard, or one that the senior left out, hits the lesion of its own
    class that fits best by the protocol's rule for marks, and none where no lesion fits. Several marks may hit one
    lesion; the statistics count the best of them.

    Parameters
    ----------
    document : ProtocolDocument
    lesions : sequence of ReferenceMark
        Those that stand, of all cases.
    imported : sequence of ImportedLesion
        Lesions of a reference standard from elsewhere. Without millimetres and a frame of reference they cannot be hit.
    marks : iterable of Mark

    Returns
    -------
    dict of int to str
        Primary key of a mark -> name of its lesion; marks that hit none are absent.
    """
    kinds = {kind.id: kind for kind in document.marks}
    settled = {source: str(lesion.lesion_id) for lesion in lesions for source in lesion.sources}
    by_case: dict[int, list[tuple[str, Place, str]]] = defaultdict(list)
    for lesion in lesions:
        by_case[lesion.case_id].append((str(lesion.lesion_id), place_of(lesion), lesion.kind))
    for row in imported:
        place = _imported_place(row)
        if place is not None:
            by_case[row.case_id].append((row.lesion, place, ""))
    hits = {}
    for mark in marks:
        if mark.pk in settled:
            hits[mark.pk] = settled[mark.pk]
        elif (name := _best(kinds[mark.kind], place_of(mark), mark.kind, by_case[mark.read.case_id])) != "":
            hits[mark.pk] = name
    return hits


def _best(kind: MarkKind, mark: Place, kind_id: str, lesions: Sequence[tuple[str, Place, str]]) -> str:
    best, found = 0.0, ""
    for name, place, of_kind in lesions:
        if place.mark_class != mark.mark_class or of_kind not in ("", kind_id):
            continue
        fit = quality(kind, place, mark)
        if fit is not None and fit > best:
            best, found = fit, name
    return found


def _imported_place(lesion: ImportedLesion) -> Place | None:
    """Return the box of a lesion that came from a table; None where the table does not place it."""
    given: Mapping[str, object] = lesion.place
    frame = str(given.get("frame_of_reference") or "")
    values = [given.get(f"{axis}_mm") for axis in "xyz"]
    if not frame or any(value is None for value in values):
        return None
    centre = [float(str(value)) for value in values]
    half = [float(str(given.get(f"d{axis}_mm") or 0.0)) / 2 for axis in "xyz"]
    low = tuple(c - h for c, h in zip(centre, half, strict=True))
    high = tuple(c + h for c, h in zip(centre, half, strict=True))
    return Place(lesion.lesion, lesion.lesion_class, low, high, frame)
