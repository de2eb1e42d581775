"""What a reader says beside the grades."""

from django import forms
from django.utils.translation import gettext_lazy as _

PUT_OFF_REASONS = (
    ("images", _("The images do not load")),
    ("advice", _("I want to ask first")),
    ("interrupted", _("I was interrupted")),
    ("other", _("Another reason")),
)


class SessionForm(forms.Form):
    """The screen as the browser knows it, and the steps of the test pattern that were told apart."""

    width = forms.IntegerField(min_value=1, max_value=100_000, widget=forms.HiddenInput)
    height = forms.IntegerField(min_value=1, max_value=100_000, widget=forms.HiddenInput)
    pixel_ratio = forms.FloatField(min_value=0.1, max_value=20, widget=forms.HiddenInput)
    darkest = forms.TypedChoiceField(
        label=_("Darkest pair that you can tell apart"),
        choices=[(n, str(n)) for n in range(1, 5)],
        coerce=int,
    )
    brightest = forms.TypedChoiceField(
        label=_("Brightest pair that you can tell apart"),
        choices=[(n, str(n)) for n in range(1, 5)],
        coerce=int,
    )


class PutOffForm(forms.Form):
    reason = forms.ChoiceField(choices=PUT_OFF_REASONS)


class ReopenForm(forms.Form):
    reason = forms.CharField(max_length=300, label=_("Why"))


class MessageForm(forms.Form):
    text = forms.CharField(max_length=2000, widget=forms.Textarea(attrs={"rows": 4}), label=_("Your message"))


class UnblindedForm(forms.Form):
    """What a person reports of themselves: that they learnt what they must not know."""

    number = forms.IntegerField(
        min_value=1, required=False, label=_("Your case number; empty if it is about all of them")
    )
    text = forms.CharField(
        max_length=1000, widget=forms.Textarea(attrs={"rows": 3}), label=_("What happened")
    )


class ReportForm(forms.Form):
    kind = forms.ChoiceField(
        choices=[("technical", ""), ("exclusion", ""), ("question", ""), ("unblinded", "")]
    )
    text = forms.CharField(max_length=2000, required=False)
    circumstances = forms.JSONField(required=False)

    def clean_circumstances(self) -> dict[str, str]:
        """Keep short plain values only: the report is evidence of a fault, no store for data."""
        given = self.cleaned_data.get("circumstances") or {}
        if not isinstance(given, dict):
            return {}
        return {str(name)[:40]: str(value)[:200] for name, value in list(given.items())[:20]}
