"""What the registry says of a function: title, formula, source, and which invariants hold of it."""

from __future__ import annotations

from dataclasses import dataclass, field

INVARIANTS: dict[str, str] = {
    "permutation": "the order of the items (with their patients) does not matter",
    "label_swap": (
        "exchanging the two readers, or the two classes with the scores negated, changes nothing, "
        "or the sign of a difference alone"
    ),
    "duplicated_reader": "a reader against himself: agreement 1, difference 0 with p = 1",
    "monotone": "a strictly increasing transformation of the scores changes nothing",
    "cluster_of_one": "with every item a patient of its own the value is that of the plain form",
    "delong_or": "with one fixed reader Obuchowski-Rockette on DeLong's covariance is DeLong's paired test",
    "naive_loop": "the vectorised value is that of a plain loop over resamples, patients or pairs",
    "single_class": "without one class the result is undefined with a reason, never 0",
    "one_item": "one item (or patient) gives a value without interval or a reason, never an invented spread",
    "empty": "an empty input is refused, naming the argument",
    "nan": "NaN is refused, naming the argument (or is a missing grade, where grades may be missing)",
}

_NO_ITEMS = "takes numbers, not items"
_WHY: dict[str, dict[str, str]] = {
    "items": {
        "label_swap": "its arguments play different parts: a reference and an answer",
        "duplicated_reader": "it looks at one reader only",
        "monotone": "it uses calls or values, not the order of scores",
        "cluster_of_one": "it has no plain counterpart, or is the plain form itself",
        "delong_or": "it compares no areas of several readers",
        "naive_loop": "nothing in it is vectorised over resamples or patients",
        "single_class": "it needs no two classes",
        "one_item": "it has no interval",
    },
    "readers": {
        "label_swap": "its readers are not a pair",
        "duplicated_reader": "its value for identical readers is not fixed",
        "monotone": "it uses the values or the distances of grades",
        "cluster_of_one": "it has no plain counterpart, or is the plain form itself",
        "delong_or": "it compares no areas",
        "naive_loop": "nothing in it is vectorised over resamples or patients",
        "single_class": "there is no reference",
        "one_item": "it has no interval",
    },
    "numbers": dict.fromkeys(INVARIANTS, _NO_ITEMS),
    "study": {
        "label_swap": "treatments are compared, each pair once, in the order given",
        "duplicated_reader": "its readers are a sample, not a pair",
        "monotone": "its figure of merit is not that of an order of scores",
        "cluster_of_one": "patients enter by the covariance, or not at all",
        "delong_or": "it is another analysis",
        "naive_loop": "its leave-one-out values are evaluated one by one already",
        "one_item": "a study of one case is refused",
        "empty": "the study is refused by its constructor before it comes here",
        "nan": "a missing reading is part of a study",
        "single_class": "the study's classes are fixed by its design",
    },
}


@dataclass(frozen=True, slots=True)
class Method:
    """
    One entry of the registry.

    Parameters
    ----------
    function : str
        Public name in `readerstudy.stats`.
    group : str
        Chapter of the documentation.
    title : str
        What it estimates or tests, in words.
    formula : str
        Definition, in TeX.
    source : str
        Publication.
    kind : {"items", "readers", "study", "numbers"}
        What it takes; decides why an invariant that is not named does not apply.
    holds : tuple of str
        Invariants that hold, of `INVARIANTS`.
    swap : {"", "same", "negated"}
        What a label swap does, where it applies.
    plain : str
        Public name of the plain counterpart, where `cluster_of_one` holds.
    because : dict
        Reasons of its own why an invariant does not apply.
    """

    function: str
    group: str
    title: str
    formula: str
    source: str
    kind: str
    holds: tuple[str, ...]
    swap: str = ""
    plain: str = ""
    because: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        unknown = {*self.holds, *self.because} - set(INVARIANTS)
        if unknown:
            raise ValueError(f"{self.function}: no invariant is called {', '.join(sorted(unknown))}")
        both = set(self.holds) & set(self.because)
        if both:
            raise ValueError(f"{self.function}: {', '.join(sorted(both))} both holds and does not")
        if ("label_swap" in self.holds) != bool(self.swap):
            raise ValueError(f"{self.function}: say what a label swap does, exactly where it applies")
        if ("cluster_of_one" in self.holds) != bool(self.plain):
            raise ValueError(f"{self.function}: name the plain counterpart, exactly where it applies")
        for invariant in INVARIANTS:
            if invariant not in self.holds:
                self.why_not(invariant)

    def why_not(self, invariant: str) -> str:
        """Why an invariant does not apply."""
        reason = self.because.get(invariant) or _WHY[self.kind].get(invariant)
        if not reason:
            raise ValueError(f"{self.function}: say whether {invariant} holds, or why it does not apply")
        return reason
