"""Which lesion of the reference standard a mark of a reader or a model hits."""

from collections import defaultdict
from collections.abc import Iterable, Mapping

from grading.matching import Place, place_of, quality
from grading.models import Mark, ReferenceMark
from readerstudy.analysis.models import ImportedLesion
from readerstudy.studies.protocols.document import ProtocolDocument


class LesionFinder:
    """
    The lesions of a study's reference standard, asked which of them a mark hits.

    A mark hits the lesion of its own class that fits best by the protocol's rule for marks, and none where no lesion
    fits. Several marks may hit one lesion; the statistics count the best of them.

    Parameters
    ----------
    document : ProtocolDocument
    lesions : iterable of ReferenceMark
        Those that stand, of all cases.
    imported : iterable of ImportedLesion
        Lesions of a reference standard from elsewhere. Without millimetres and a frame of reference they cannot be hit.
    """

    def __init__(
        self,
        document: ProtocolDocument,
        lesions: Iterable[ReferenceMark],
        imported: Iterable[ImportedLesion],
    ) -> None:
        self._kinds = {kind.id: kind for kind in document.marks}
        self._settled: dict[int, str] = {}
        self._by_case: dict[int, list[tuple[str, Place, str]]] = defaultdict(list)
        for lesion in lesions:
            name = str(lesion.lesion_id)
            self._settled |= dict.fromkeys(lesion.sources, name)
            self._by_case[lesion.case_id].append((name, place_of(lesion), lesion.kind))
        for row in imported:
            place = _imported_place(row)
            if place is not None:
                self._by_case[row.case_id].append((row.lesion, place, ""))

    def hit(self, case_id: int, mark: Place, kind: str = "") -> str:
        """
        Return the name of the lesion that a place hits; empty for none.

        Parameters
        ----------
        case_id : int
        mark : Place
        kind : str
            Kind of the mark; a model does not say it, and then it is the first kind that has the class.
        """
        kind = kind or self._kind_of(mark.mark_class)
        if kind not in self._kinds:
            return ""
        best, found = 0.0, ""
        for name, place, of_kind in self._by_case[case_id]:
            if place.mark_class != mark.mark_class or of_kind not in ("", kind):
                continue
            fit = quality(self._kinds[kind], place, mark)
            if fit is not None and fit > best:
                best, found = fit, name
        return found

    def hit_of(self, mark: Mark) -> str:
        """Return the lesion that a reader's mark hits: the one that people made of it, else by its place."""
        return self._settled.get(mark.pk) or self.hit(mark.read.case_id, place_of(mark), mark.kind)

    def _kind_of(self, mark_class: str) -> str:
        for name, kind in self._kinds.items():
            if mark_class in dict(kind.classes):
                return name
        return ""


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
