"""What a coordinator chooses for a dry run."""

from django import forms
from django.utils.translation import gettext_lazy as _

from grading.dry_run.staging import MOST_CASES


class DryRunForm(forms.Form):
    source = forms.CharField(required=False, max_length=400_000, strip=False, widget=forms.HiddenInput)
    n_cases = forms.IntegerField(
        label=_("How many cases"), min_value=1, max_value=MOST_CASES, initial=2, required=False
    )
    codes = forms.CharField(
        label=_("Or these cases of the study, by their codes"), required=False, max_length=400
    )

    def clean_n_cases(self) -> int:
        return self.cleaned_data["n_cases"] or 2

    def clean_codes(self) -> list[str]:
        return list(dict.fromkeys(self.cleaned_data["codes"].replace(",", " ").split()))
