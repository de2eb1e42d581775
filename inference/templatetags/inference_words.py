"""Words and numbers of the run page."""

from django import template
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

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
def percent(share: float) -> str:
    """A share as whole per cent."""
    return f"{100 * share:.0f} %"


@register.filter
def unlocalized(value: float) -> str:
    """A number for an attribute: a decimal point in every language."""
    return f"{value:.4f}"
