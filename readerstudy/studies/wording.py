"""Words for the codes of a protocol and of its rows, in the page's language. An unknown code is shown as it is."""

from collections.abc import Iterable

from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop as N_

from readerstudy.studies.protocols.document import ClinicalDatum, Finding, Text

_PARTITIONS = {
    "train": N_("training"),
    "validation": N_("validation"),
    "test": N_("test"),
    "external": N_("external"),
}
_CONDITIONS = {"unaided": N_("unaided"), "aided": N_("aided")}
_MODALITIES = {"X-ray": N_("X-ray"), "XR": N_("X-ray")}
_SETTLED_BY = {
    "adjudicator": N_("an adjudicator"),
    "joint": N_("both readers together"),
    "none": N_("nobody"),
}
_REFERENCES = {
    "adjudicated": N_("agreed and adjudicated grades"),
    "adjudicated+panel": N_("agreed and adjudicated grades, confirmed by the panel"),
    "panel-read": N_("the panel's own reads"),
    "external": N_("from outside the study"),
}
_NUMBERED_BY = {
    "doctor-before-reading": N_("fixed by a doctor before reading"),
    "each-reader": N_("by each reader, as the first question"),
}
_SCREENED_BY = {"doctor": N_("a doctor"), "coordinator": N_("the coordinator")}
_DUTIES = {
    "reader": N_("reader"),
    "adjudicator": N_("adjudicator"),
    "panel": N_("panel"),
    "joint": N_("joint settlement"),
}
_DRAWS = {"partition": N_("Partition"), "assignment": N_("Assignment")}
_KEPT = {
    "lower": N_("the lower one is kept"),
    "higher": N_("the higher one is kept"),
    "median": N_("the median is kept"),
}


def _word(words: dict[str, str], code: str) -> str:
    return _(words[code]) if code in words else code


def partition_words(code: str) -> str:
    return _word(_PARTITIONS, code)


def duty_words(code: str) -> str:
    return _word(_DUTIES, code)


def draw_words(code: str) -> str:
    return _word(_DRAWS, code)


def modality_words(codes: Iterable[str]) -> str:
    """Return kinds of image as one reads them; CT and MR are the same in every language."""
    return ", ".join(_word(_MODALITIES, code) for code in codes)


def condition_words(codes: Iterable[str]) -> str:
    return ", ".join(_word(_CONDITIONS, code) for code in codes)


def screened_by_words(code: str) -> str:
    return _word(_SCREENED_BY, code)


def settled_by_words(code: str) -> str:
    return _word(_SETTLED_BY, code)


def reference_words(code: str) -> str:
    return _word(_REFERENCES, code)


def numbering_words(code: str) -> str:
    return _word(_NUMBERED_BY, code) if code else _("not asked")


def agreement_words(finding: Finding) -> str:
    """Return when two answers to a finding agree, and what is kept."""
    rule = finding.agreement
    if rule.kind == "exact":
        return _("same grade") if finding.scale else _("same value")
    kept = _word(_KEPT, rule.keep)
    if rule.kind == "same-side":
        return _("same side of the cut; %(kept)s") % {"kept": kept}
    if finding.scale:
        return _("at most %(n)g grades apart; %(kept)s") % {"n": rule.within, "kept": kept}
    return _("at most %(n)g %(unit)s apart; %(kept)s") % {
        "n": rule.within,
        "unit": finding.unit,
        "kept": kept,
    }


def datum_words(datum: ClinicalDatum) -> str:
    """Return what a clinical value that is shown to readers can be."""
    if datum.kind == "choice":
        return ", ".join(f"{value} ({spoken(label)})" for value, label in datum.options)
    words = {"least": f"{datum.minimum:g}", "most": f"{datum.maximum:g}"}
    bounds = _("numbers from %(least)s to %(most)s") % words
    return f"{bounds} ({spoken(datum.unit)})" if datum.unit else bounds


_STATES = {
    "draft": N_("draft"),
    "open": N_("open"),
    "locked": N_("locked"),
    "unblinded": N_("unblinded"),
}


def state_words(code: str) -> str:
    """Return what a study is, as a sentence says it."""
    return _word(_STATES, code)


def spoken(text: Text) -> str:
    """Return a protocol's own text in the page's language."""
    return text.in_language(get_language() or "en")
