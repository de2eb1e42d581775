"""The sample-size page as words."""

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _

from readerstudy.analysis import wording


def design_names() -> dict[str, str]:
    """Return the designs that can be planned."""
    return {
        "share": _("Sensitivity, specificity or agreement with a given precision"),
        "paired": _("Model against a reader on the same items"),
        "auc": _("One AUC against chance"),
        "kappa": _("Kappa of two readers with a given lower limit"),
        "mrmc": _("Two reading conditions, several readers"),
    }


def design_methods() -> dict[str, str]:
    """Return by which method, in a sentence with its source."""
    return {
        "share": _(
            "Wald interval of a share, its variance inflated by the design effect 1 + (m − 1)ρ of m items per "
            "patient (Kish 1965)."
        ),
        "paired": _(
            "McNemar's test of two paired shares, its variance inflated by the design effect 1 + (m − 1)ρ."
        ),
        "auc": _(
            "Test of an area against 1/2 with the binormal variance (Obuchowski, Lieber and Wians, Clin Chem 2004)."
        ),
        "kappa": _(
            "Goodness-of-fit interval of kappa under the common-correlation model (Donner and Eliasziw 1992); items "
            "become patients by the design effect."
        ),
        "mrmc": _(
            "Obuchowski and Rockette's model without a pilot study (Obuchowski 1995): ranges of accuracy become "
            "standard deviations."
        ),
    }


def size_words(size: Mapping[str, Any]) -> dict[str, Any]:
    """Return a planned size as a sentence, or why there is none."""
    if "refused" in size:
        return {"refused": size["refused"], "figure": "", "words": ""}
    if "patients" in size:
        words = _("patients")
        if size["design_effect"] > 1:
            words += " · " + _("design effect %(effect)s") % {
                "effect": wording.number(size["design_effect"], 2)
            }
        if "items" in size:
            words += " · " + _("%(n)s items if all were independent") % {"n": wording.count(size["items"])}
        return {"refused": "", "figure": wording.count(size["patients"]), "words": words}
    diseased, others = -(-size["diseased"] // 1), -(-size["non_diseased"] // 1)
    return {
        "refused": "",
        "figure": wording.count(int(diseased + others)),
        "words": _("cases: %(diseased)s with the finding, %(others)s without")
        % {"diseased": wording.count(int(diseased)), "others": wording.count(int(others))},
    }
