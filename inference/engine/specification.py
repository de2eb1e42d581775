"""
What a model takes and what it gives: the data sheet that stands in its manifest.

Knows no torch, so that the web pages can check a model against a protocol and say why a case is refused.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from inference.engine import radiographs
from inference.engine.crops import CropSpec
from inference.engine.radiographs import Radiograph
from inference.engine.stacks import AXIAL, SAGITTAL, CaseImages, ImageStack

#: Names of the series kinds a grader can take: modality, and plane or view.
CT_AXIAL, MR_AXIAL, MR_SAGITTAL = "CT-axial", "MR-axial", "MR-sagittal"
XR_AP, XR_LATERAL, XR_OBLIQUE = "XR-AP", "XR-lateral", "XR-oblique"
RADIOGRAPHS = (XR_AP, XR_LATERAL, XR_OBLIQUE)
KINDS = (CT_AXIAL, MR_AXIAL, MR_SAGITTAL, *RADIOGRAPHS)
_KIND_OF = {("CT", AXIAL): CT_AXIAL, ("MR", AXIAL): MR_AXIAL, ("MR", SAGITTAL): MR_SAGITTAL}
VIEW_OF = {
    XR_AP: radiographs.AP,
    XR_LATERAL: radiographs.LATERAL,
    XR_OBLIQUE: radiographs.OBLIQUE,
}
KIND_WORDS = {
    CT_AXIAL: "axial CT",
    MR_AXIAL: "axial MR",
    MR_SAGITTAL: "sagittal MR",
    XR_AP: "AP X-ray",
    XR_LATERAL: "lateral X-ray",
    XR_OBLIQUE: "oblique X-ray",
}


def modality_of(kind: str) -> str:
    """``CT``, ``MR`` or ``XR``, as protocols name what a finding is assessable on."""
    return kind.partition("-")[0]


#: Where nothing is cut: the series is seen whole.
WHOLE_SERIES = CropSpec(0, 0, 0, 0.0, 0.0)


@dataclass(frozen=True)
class SeriesRequirement:
    """
    The least that a series of one kind must offer.

    Parameters
    ----------
    crop : CropSpec
        What is cut from it; `WHOLE_SERIES` where nothing is.
    max_in_plane_mm, max_slice_mm : float
        Largest pixel spacing and largest distance of neighbouring slices; a radiograph has no slices.
    min_slices : int
    """

    crop: CropSpec
    max_in_plane_mm: float
    max_slice_mm: float = float("inf")
    min_slices: int = 1

    def fault(self, stack: ImageStack) -> str:
        """Why the series does not do, in words; empty where it does."""
        if not stack.has_geometry:
            return "its slices have no place in the patient or no pixel spacing"
        if len(stack.pixels) < self.min_slices:
            return f"it has {len(stack.pixels)} slices, the model needs {self.min_slices}"
        too_wide = self._too_wide(stack.in_plane_spacing_mm)
        if too_wide:
            return too_wide
        if stack.slice_spacing_mm > self.max_slice_mm * 1.005:
            spacing = f"{stack.slice_spacing_mm:.2g}"
            return f"its slices lie {spacing} mm apart, the model takes {self.max_slice_mm:g} mm or less"
        return ""

    def fault_of_radiograph(self, picture: Radiograph) -> str:
        """Why a radiograph of a known view does not do, in words; empty where it does."""
        if not picture.spacing_mm:
            return "its file does not say how many millimetres a pixel is"
        if not picture.has_directions:
            return "its file does not say to which sides of the patient its rows and columns lead"
        if not picture.sides:
            return "its file does not say which oblique it is"
        return self._too_wide(picture.coarsest_mm)

    def _too_wide(self, spacing_mm: float) -> str:
        if spacing_mm <= self.max_in_plane_mm * 1.005:
            return ""
        return (
            f"its pixels are {spacing_mm:.2g} mm wide, the model takes {self.max_in_plane_mm:g} mm or finer"
        )


@dataclass(frozen=True)
class InputSpecification:
    """
    Which series a model takes.

    Parameters
    ----------
    requirements : mapping of kind to SeriesRequirement
    needs : tuple of tuple of str
        Alternatives: at least one of these sets of kinds must be there.
    """

    requirements: Mapping[str, SeriesRequirement]
    needs: tuple[tuple[str, ...], ...]

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> InputSpecification:
        """Read the ``inputs`` part of a manifest. Raises KeyError, TypeError or ValueError."""
        kinds = {}
        for kind, entry in content["series"].items():
            if kind not in KINDS:
                raise ValueError(f"series kind {kind!r} is unknown; known: {', '.join(KINDS)}")
            values = dict(entry)
            crop = CropSpec(**values.pop("crop")) if "crop" in values else WHOLE_SERIES
            kinds[kind] = SeriesRequirement(crop=crop, **values)
            if kind in RADIOGRAPHS and crop.depth != 1:
                raise ValueError(f"a crop of {kind} has depth 1: a radiograph has no slices")
        return cls(kinds, tuple(tuple(alternative) for alternative in content["needs"]))

    def choose(self, case: CaseImages) -> tuple[dict[str, ImageStack], list[str]]:
        """
        Choose the best series of each kind.

        Returns
        -------
        chosen : dict of kind to ImageStack
        faults : list of str
            One sentence for each series that was looked at and left.
        """
        chosen: dict[str, ImageStack] = {}
        faults: list[str] = []
        for stack in case.stacks:
            if not stack.has_geometry:
                faults.append(f"A series of {stack.modality}: its images have no place in the patient.")
                continue
            kind = _KIND_OF.get((stack.modality, stack.plane), "")
            requirement = self.requirements.get(kind)
            if requirement is None:
                continue
            fault = requirement.fault(stack)
            if fault:
                faults.append(f"{_capital(KIND_WORDS[kind])}: {fault}.")
            elif kind not in chosen or _rank(stack) < _rank(chosen[kind]):
                chosen[kind] = stack
        return chosen, sorted(set(faults))

    def choose_radiographs(self, case: CaseImages) -> tuple[dict[str, dict[str, Radiograph]], list[str]]:
        """
        Choose the best radiograph of each view, and of each side where a view shows one side's joints.

        Returns
        -------
        chosen : dict of kind to (dict of side to Radiograph)
        notes : list of str
            One sentence for each picture that was looked at and left, or that was taken with a reservation.
        """
        wanted = {VIEW_OF[kind]: kind for kind in self.requirements if kind in VIEW_OF}
        chosen: dict[str, dict[str, Radiograph]] = {}
        notes: list[str] = []
        for picture in case.radiographs:
            if not wanted:
                notes.append("X-ray: the model takes none.")
                continue
            if not picture.view:
                notes.append("X-ray: its file does not say which view it is (AP, lateral or oblique).")
                continue
            kind = wanted.get(picture.view)
            if kind is None:
                continue
            fault = self.requirements[kind].fault_of_radiograph(picture)
            if fault:
                notes.append(f"{_capital(KIND_WORDS[kind])}: {fault}.")
                continue
            if picture.at_detector:
                notes.append(
                    f"{_capital(KIND_WORDS[kind])}: its pixels are measured at the detector, "
                    "where the patient is magnified."
                )
            own = chosen.setdefault(kind, {})
            for side in picture.sides:
                if side not in own or _rank_of_radiograph(picture) < _rank_of_radiograph(own[side]):
                    own[side] = picture
        return chosen, sorted(set(notes))

    def refusal(self, chosen: Collection[str], faults: list[str]) -> str:
        """
        Why the case cannot be graded, in words; empty where it can.

        Parameters
        ----------
        chosen : collection of str
            Kinds of series that the case has.
        faults : list of str
            What was said of those that were left.
        """
        if any(all(kind in chosen for kind in alternative) for alternative in self.needs):
            return ""
        wanted = " or ".join(
            " with ".join(KIND_WORDS[kind] for kind in alternative) for alternative in self.needs
        )
        return " ".join([f"Outside the model's input specification: it needs {wanted}.", *faults])


def _capital(words: str) -> str:
    return words[0].upper() + words[1:]


def _rank_of_radiograph(picture: Radiograph) -> tuple[bool, float, int, str]:
    # Measured in the patient before measured at the detector, finer before coarser, larger before smaller.
    return (
        picture.at_detector,
        round(picture.coarsest_mm, 3),
        -picture.pixels.size,
        picture.identifier,
    )


def _rank(stack: ImageStack) -> tuple[int, float, float, str]:
    # T2 before T1 or unknown, finer before coarser; the identifier only settles exact ties.
    volume = stack.in_plane_spacing_mm**2 * stack.slice_spacing_mm
    return (
        0 if stack.weighting == "T2" else 1,
        round(volume, 3),
        -float(len(stack.pixels)),
        stack.identifier,
    )


@dataclass(frozen=True)
class OutputSchema:
    """
    What a model gives: grades per finding at each structure, or lesions.

    Parameters
    ----------
    structures : tuple of str
    n_grades : mapping of finding to int
    switched_off : mapping of finding to str
        Findings the network has but that are not given out, with the reason.
    seen_on : mapping of finding to tuple of str
        Kinds of series of which a joint needs one for this finding to be given out; any kind where not named.
        What cannot be told from an image is not guessed from it.
    lesion_classes : tuple of str
        Classes of the lesions that it marks; empty where it marks none.
    """

    structures: tuple[str, ...]
    n_grades: Mapping[str, int]
    switched_off: Mapping[str, str]
    seen_on: Mapping[str, tuple[str, ...]]
    lesion_classes: tuple[str, ...] = ()

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> OutputSchema:
        """Read the ``outputs`` part of a manifest."""
        return cls(
            tuple(content["structures"]),
            {name: int(value) for name, value in content["n_grades"].items()},
            dict(content.get("switched_off", {})),
            {name: tuple(kinds) for name, kinds in content.get("seen_on", {}).items()},
            tuple(content.get("lesion_classes", ())),
        )

    @property
    def given(self) -> dict[str, int]:
        """Findings that are given out, with their number of grades."""
        return {name: n for name, n in self.n_grades.items() if name not in self.switched_off}

    def given_from(
        self, kinds: Collection[str], assessable_on: Mapping[str, Collection[str]] | None = None
    ) -> dict[str, int]:
        """
        Findings that are given out for a joint that these kinds of series show.

        Parameters
        ----------
        kinds : collection of str
        assessable_on : mapping of finding to collection of str, optional
            Modalities on which a protocol asks for the finding; any where not named.
        """
        modalities = {modality_of(kind) for kind in kinds}
        return {
            name: n
            for name, n in self.given.items()
            if any(k in kinds for k in self.seen_on.get(name, kinds))
            and modalities & set((assessable_on or {}).get(name, modalities))
        }


@dataclass(frozen=True)
class FitLine:
    """One line of the report of fit between a model and a protocol."""

    what: str
    fits: bool
    detail: str


def fit_report(
    schema: OutputSchema,
    *,
    structures: tuple[str, ...],
    n_grades: Mapping[str, int],
    boxes: Mapping[str, Collection[str]] | None = None,
) -> tuple[FitLine, ...]:
    """
    Compare what a model gives with what a protocol asks.

    Parameters
    ----------
    schema : OutputSchema
    structures : tuple of str
        Structures of the protocol.
    n_grades : mapping of finding to int
        Findings of the protocol and the length of their scales.
    boxes : mapping of mark to collection of str, optional
        Marks of the protocol that are boxes in space, with their classes.

    Returns
    -------
    tuple of FitLine
        One for the structures, one per finding of the protocol. A model fits when all lines fit; a finding
        that the model has but does not give out is a line that fits and says so.
    """
    if schema.lesion_classes:
        return (_fit_of_lesions(schema, boxes or {}), *_fit_of_findings(schema, n_grades))
    missing = [name for name in structures if name not in schema.structures]
    if missing and len(schema.structures) == 1:
        # Such is a model of presence: one word for the case. A list of all that it does not know would hide that.
        detail = (
            f"it answers for one structure, {schema.structures[0]}; "
            f"a protocol of {len(structures)} structures asks for more"
        )
        return (FitLine("structures", False, detail), *_fit_of_findings(schema, n_grades))
    lines = [
        FitLine(
            "structures",
            not missing,
            f"{len(structures)} structures"
            if not missing
            else f"the model does not know {', '.join(missing)}",
        )
    ]
    return (*lines, *_fit_of_findings(schema, n_grades))


def _fit_of_lesions(schema: OutputSchema, boxes: Mapping[str, Collection[str]]) -> FitLine:
    for mark, classes in boxes.items():
        foreign = [name for name in schema.lesion_classes if name not in classes]
        if not foreign:
            silent = [name for name in classes if name not in schema.lesion_classes]
            n = len(schema.lesion_classes)
            never = f"boxes of {n} classes; {', '.join(silent)} it never marks"
            return FitLine(mark, True, never if silent else f"boxes of {n} classes")
    if not boxes:
        return FitLine(
            "lesions", False, "the protocol asks for no boxes in space, and the model gives nothing else"
        )
    foreign = [name for name in schema.lesion_classes if not any(name in own for own in boxes.values())]
    return FitLine(
        "lesions", False, f"the protocol does not know {', '.join(foreign or schema.lesion_classes)}"
    )


def _fit_of_findings(schema: OutputSchema, n_grades: Mapping[str, int]) -> tuple[FitLine, ...]:
    lines = []
    for finding, n in n_grades.items():
        if finding in schema.switched_off:
            lines.append(FitLine(finding, True, f"not given out: {schema.switched_off[finding]}"))
        elif finding not in schema.n_grades:
            lines.append(FitLine(finding, False, "the model does not grade it"))
        elif schema.n_grades[finding] != n:
            lines.append(
                FitLine(
                    finding, False, f"{n} grades in the protocol, {schema.n_grades[finding]} in the model"
                )
            )
        elif finding in schema.seen_on:
            kinds = " or ".join(KIND_WORDS[kind] for kind in schema.seen_on[finding])
            lines.append(FitLine(finding, True, f"{n} grades, where there is {kinds}"))
        else:
            lines.append(FitLine(finding, True, f"{n} grades"))
    return tuple(lines)
