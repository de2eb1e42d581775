"""Numbers and states as the words of a page: one place, so that every page and file says the same."""

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop, ngettext

from readerstudy.analysis.methods import method_sentence

MINUS = "−"
THIN_SPACE = " "

# Reasons that the statistics give, so that they can be translated.
_REASONS = (
    gettext_noop("no positive items"),
    gettext_noop("no negative items"),
    gettext_noop("no positive or no negative items"),
    gettext_noop("no item with a reference grade and an answer"),
    gettext_noop("no item was graded"),
    gettext_noop("no item was graded by both"),
    gettext_noop("no positive calls"),
    gettext_noop("no negative calls"),
    gettext_noop("no positive items and no positive calls"),
    gettext_noop("no items"),
    gettext_noop("no lesion"),
    gettext_noop("no case was read twice"),
    gettext_noop("no agreed item was audited"),
    gettext_noop("this reader's grades are not adjudicated"),
    gettext_noop("no time was recorded"),
    gettext_noop("undefined on these cases"),
    gettext_noop("chance agreement is already complete: only one grade was used"),
)


def number(value: float | None, digits: int = 3) -> str:
    """Return a value with a fixed number of decimals and a true minus."""
    if value is None:
        return ""
    text = f"{value:.{digits}f}"
    if float(text) == 0:
        text = text.lstrip("-")
    return text.replace("-", MINUS)


def signed(value: float | None, digits: int = 3) -> str:
    """Return a difference with its sign; zero has none."""
    if value is None:
        return ""
    text = number(value, digits)
    return text if text.startswith(MINUS) or float(text) == 0 else f"+{text}"


def count(value: int | None) -> str:
    """Return a whole number with thin spaces between thousands."""
    return "" if value is None else f"{value:,}".replace(",", THIN_SPACE)


def percent(share: float | None, digits: int = 0) -> str:
    """Return a share in per cent."""
    return "" if share is None else f"{100 * share:.{digits}f}{THIN_SPACE}%"


def interval(estimate: Mapping[str, Any], digits: int = 2, *, with_sign: bool = False) -> str:
    """Return ``0.70 to 0.79``, or words where there is no interval."""
    if estimate.get("low") is None:
        return _("no interval")
    if estimate["low"] == estimate["high"]:
        return _("no variability, no interval")
    write = signed if with_sign else number
    return _("%(low)s to %(high)s") % {
        "low": write(estimate["low"], digits),
        "high": write(estimate["high"], digits),
    }


def estimate(given: Mapping[str, Any] | None, digits: int = 3, *, with_sign: bool = False) -> dict[str, str]:
    """Return the parts of an estimate as text: ``value``, ``interval``, ``words`` and ``note``."""
    if given is None:
        return {"value": "", "interval": "", "words": _("Not estimable"), "note": "", "method": ""}
    if given["undefined_because"]:
        return {
            "value": "",
            "interval": "",
            "words": _("Not estimable: %(reason)s") % {"reason": _(given["undefined_because"])},
            "note": "",
            "method": method_sentence(given["method"]),
        }
    write = signed if with_sign else number
    # Differences need the third decimal in their limits: the margin is told apart there.
    limits = interval(given, 3 if with_sign else 2, with_sign=with_sign)
    return {
        "value": write(given["value"], digits),
        "interval": limits,
        "words": f"{write(given['value'], digits)}, {limits}",
        "note": given.get("note", ""),
        "method": method_sentence(given["method"]),
    }


def measure_names() -> dict[str, str]:
    """Return the names of the measures."""
    return {
        "sensitivity": _("Sensitivity"),
        "specificity": _("Specificity"),
        "auc": _("AUC"),
        "ppv": _("PPV"),
        "npv": _("NPV"),
        "accuracy": _("Accuracy"),
        "f1": _("F1"),
        "kappa": _("Weighted kappa"),
    }


def partition_names() -> dict[str, str]:
    """Return the names of the partition filters."""
    return {
        "test+external": _("Test and external"),
        "test": _("Test"),
        "external": _("External"),
        "validation": _("Validation"),
        "train": _("Training"),
        "all": _("All patients"),
        "": _("Not drawn"),
    }


def set_names() -> dict[str, str]:
    """Return the names of the analysis sets."""
    return {
        "primary": _("Primary set: without reads after an accidental unblinding"),
        "full": _("Full set: every read"),
        "per-protocol": _("Per-protocol set: without marked deviations"),
    }


def provenance_names() -> dict[str, str]:
    """Return the names of the ways in which a reference grade arises."""
    return {
        "agreed": _("agreed"),
        "agreed_within_rule": _("agreed within rule"),
        "adjudicated": _("adjudicated"),
        "jointly_settled": _("jointly settled"),
        "confirmed": _("confirmed"),
        "overruled": _("overruled"),
        "panel_read": _("panel read"),
        "external": _("external"),
    }


def exploratory_reasons(codes: list[str]) -> list[str]:
    """Return why a comparison is exploratory, as sentences."""
    sentences = {
        "not_planned": _("The plan does not name this comparison."),
        "not_held_out": _("Patients of the training and validation partitions are in it."),
        "subgroup": _("The plan does not name a subgroup."),
        "one_centre": _("The plan does not name a single centre."),
        "other_set": _("The plan's figures are those of the primary set."),
        "model_not_named": _("The plan does not name the model version."),
        "model_not_approved": _("The model version was not approved before unblinding."),
        "incorporation": _("The readers' own grades helped to make the reference standard."),
    }
    return [str(sentences[code]) for code in codes]


def position_words(decision: str) -> str:
    """Return what the interval says against the margin, in one or two words."""
    return {
        "non_inferior": _("non-inferior"),
        "inferior": _("inferior"),
        "not_shown": _("not shown"),
        "not_tested": _("not tested"),
        "described": _("described"),
        "not_estimable": _("not estimable"),
        "no_variability": _("no variability"),
    }[decision]


def claim_words(code: str) -> str:
    """Return on whom a multi-reader analysis speaks."""
    return {
        "random_readers_random_cases": _("readers like these, on cases like these"),
        "fixed_readers_random_cases": _("these readers, on cases like these"),
        "random_readers_fixed_cases": _("readers like these, on these cases"),
    }[code]


def multireader_refusal(given: Mapping[str, Any]) -> str:
    """Return why no multi-reader analysis is shown."""
    return {
        "few_readers": _(
            "%(n)s readers: nothing can be said of readers like them with fewer than %(needed)s."
        ),
        "different_cases": _(
            "%(common)s of %(of)s items were graded by everyone: the readers did not read the same cases."
        ),
        "one_class": _("Not estimable: %(positive)s of %(of)s items are positive."),
        "refused": _("Not estimable: %(reason)s"),
    }[given["refused"]] % given


def p_value(test: Mapping[str, Any], *, is_global: bool = False) -> str:
    """Return the p-value with its statistic: never alone. A global test is an F or a chi-square."""
    if test["p"] is None:
        return _("no test: %(reason)s") % {"reason": test["undefined_because"]}
    p = "< 0.001" if test["p"] < 0.001 else f"= {test['p']:.4f}"
    value, df, df2 = number(test["statistic"], 2), test["df"], test["df2"]
    if df2 is not None:
        return f"F({df:g}, {df2:.2f}) = {value}, p {p}"
    if is_global:
        return f"χ²({df:g}) = {value}, p {p}"
    return f"z = {value}, p {p}" if df is None else f"t({df:.2f}) = {value}, p {p}"


def patients_and_items(patients: int, items: int) -> str:
    """Return ``170 patients, 1 678 items``."""
    return _("%(patients)s, %(items)s") % {
        "patients": ngettext("%(n)s patient", "%(n)s patients", patients) % {"n": count(patients)},
        "items": ngettext("%(n)s item", "%(n)s items", items) % {"n": count(items)},
    }
