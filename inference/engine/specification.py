"""
What a model takes and what it gives: the data sheet that stands in its manifest.

Knows no torch, so that the web pages can check a model against a protocol and say why a case is refused.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from inference.engine.crops import CropSpec
from inference.engine.stacks import AXIAL, SAGITTAL, CaseImages, ImageStack

#: Names of the series kinds a grader can take: modality and plane.
CT_AXIAL, MR_AXIAL, MR_SAGITTAL = "CT-axial", "MR-axial", "MR-sagittal"
KINDS = (CT_AXIAL, MR_AXIAL, MR_SAGITTAL)
_KIND_OF = {("CT", AXIAL): CT_AXIAL, ("MR", AXIAL): MR_AXIAL, ("MR", SAGITTAL): MR_SAGITTAL}
KIND_WORDS = {CT_AXIAL: "axial CT", MR_AXIAL: "axial MR", MR_SAGITTAL: "sagittal MR"}


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
        Largest pixel spacing and largest distance of neighbouring slices.
    min_slices : int
    """

    crop: CropSpec
    max_in_plane_mm: float
    max_slice_mm: float
    min_slices: int

    def fault(self, stack: ImageStack) -> str:
        """Why the series does not do, in words; empty where it does."""
        if not stack.has_geometry:
            return "its slices have no place in the patient or no pixel spacing"
        if len(stack.pixels) < self.min_slices:
            return f"it has {len(stack.pixels)} slices, the model needs {self.min_slices}"
        if stack.in_plane_spacing_mm > self.max_in_plane_mm * 1.005:
            spacing = f"{stack.in_plane_spacing_mm:.2g}"
            return f"its pixels are {spacing} mm wide, the model takes {self.max_in_plane_mm:g} mm or finer"
        if stack.slice_spacing_mm > self.max_slice_mm * 1.005:
            spacing = f"{stack.slice_spacing_mm:.2g}"
            return f"its slices lie {spacing} mm apart, the model takes {self.max_slice_mm:g} mm or less"
        return ""


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
                faults.append(f"{KIND_WORDS[kind][0].upper()}{KIND_WORDS[kind][1:]}: {fault}.")
            elif kind not in chosen or _rank(stack) < _rank(chosen[kind]):
                chosen[kind] = stack
        return chosen, sorted(set(faults))

    def refusal(self, chosen: Mapping[str, ImageStack], faults: list[str]) -> str:
        """Why the case cannot be graded, in words; empty where it can."""
        if any(all(kind in chosen for kind in alternative) for alternative in self.needs):
            return ""
        wanted = " or ".join(
            " with ".join(KIND_WORDS[kind] for kind in alternative) for alternative in self.needs
        )
        return " ".join([f"Outside the model's input specification: it needs {wanted}.", *faults])


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

    def given_from(self, kinds: Collection[str]) -> dict[str, int]:
        """Findings that are given out for a joint that these kinds of series show."""
        return {
            name: n
            for name, n in self.given.items()
            if any(k in kinds for k in self.seen_on.get(name, kinds))
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
            never = f"; {', '.join(silent)} it never marks" if silent else ""
            return FitLine(mark, True, f"boxes of {len(schema.lesion_classes)} classes{never}")
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
