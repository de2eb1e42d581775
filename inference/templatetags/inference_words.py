"""Words and numbers of the run page."""

from typing import Any

from django import template
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from inference.reasons import named as label_of
from inference.reasons import shown

register = template.Library()


@register.filter
def state_word(state: str) -> str:
    """What the state of one case of a run is called."""
    words = {
        "done": _("done"),
        "in-part": _("in part"),
        "now": _("now"),
        "failed": _("failed"),
        "refused": _("refused"),
        "held": _("held back"),
        "waiting": _("waiting"),
    }
    return words.get(state, state)


@register.filter
def training_word(state: str) -> str:
    """What the state of a training is called."""
    words = {
        "waiting": _("waits for a worker"),
        "running": _("running"),
        "done": _("done"),
        "failed": _("failed"),
        "stopped": _("stopped"),
    }
    return words.get(state, state)


@register.filter
def model_word(state: str) -> str:
    """What the state of a model version is called."""
    words = {
        "draft": _("draft, not tested yet"),
        "validated": _("validated"),
        "approved": _("approved"),
        "retired": _("retired"),
    }
    return words.get(state, state)


@register.filter
def estimate_words(estimate: dict[str, Any]) -> str:
    """An estimate with its interval, or why there is none."""
    if estimate["value"] is None:
        return _("not estimable (%(reason)s)") % {"reason": estimate["undefined_because"]}
    value = f"{estimate['value']:.3f}"
    if estimate["low"] is None:
        return value
    return _("%(value)s, %(low)s to %(high)s") % {
        "value": value,
        "low": f"{estimate['low']:.2f}",
        "high": f"{estimate['high']:.2f}",
    }


@register.filter
def stage_word(stage: str) -> str:
    """What a stage of the work on a case is called."""
    words = {
        "read": _("Read blinded frames"),
        "locate": _("Find the joints"),
        "crop": _("Crop and resample"),
        "grade": _("Grade (network)"),
    }
    return words.get(stage, stage)


@register.filter
def short_time(seconds: int) -> str:
    """Seconds or whole minutes, in words."""
    if seconds < 90:
        return ngettext("%(n)d s", "%(n)d s", seconds) % {"n": seconds}
    return ngettext("%(n)d min", "%(n)d min", round(seconds / 60)) % {"n": round(seconds / 60)}


@register.filter
def said(reason: str, labels: dict[str, str]) -> str:
    """What the engine said, in the page's language."""
    return shown(reason, labels)


@register.filter
def named(code: str, labels: dict[str, str]) -> str:
    """What a code of a finding, a structure or a kind of series is called."""
    return label_of(code, labels)


@register.filter
def percent(share: float) -> str:
    """A share as whole per cent."""
    return f"{100 * share:.0f} %"


@register.filter
def unlocalized(value: float) -> str:
    """A number for an attribute: a decimal point in every language."""
    return f"{value:.4f}"
