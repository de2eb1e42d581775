"""What a coordinator chooses for a dry run."""

from collections.abc import Iterable
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from grading.dry_run.staging import MOST_CASES


class _BeginForm(forms.Form):
    source = forms.CharField(required=False, max_length=400_000, strip=False, widget=forms.HiddenInput)
    n_cases = forms.IntegerField(
        label=_("How many cases"), min_value=1, max_value=MOST_CASES, initial=2, required=False
    )

    def clean_n_cases(self) -> int:
        return self.cleaned_data["n_cases"] or 2


class DryRunForm(_BeginForm):
    """At a study: its own cases, chosen by their codes or not."""

    codes = forms.CharField(
        label=_("Or these cases of the study, by their codes"), required=False, max_length=400
    )

    def clean_codes(self) -> list[str]:
        return list(dict.fromkeys(self.cleaned_data["codes"].replace(",", " ").split()))


class TrialForm(_BeginForm):
    """At a file before there is a study: whose images are borrowed."""

    images_of = forms.ChoiceField(label=_("Images"), required=False)

    def __init__(self, *args: Any, studies: Iterable[tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["images_of"] = forms.ChoiceField(
            label=_("Images"), choices=[("", _("none")), *studies], required=False
        )
