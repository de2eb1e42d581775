"""Forms of the coordinator's pages."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from readerstudy.studies.protocols.document import ProtocolDocument


class ScreeningForm(forms.Form):
    """What a doctor decides about a case before reading."""

    INCLUDE, EXCLUDE, ACCEPT_SIDES, NUMBER = "include", "exclude", "accept-sides", "number"

    act = forms.ChoiceField(choices=[(INCLUDE, ""), (EXCLUDE, ""), (ACCEPT_SIDES, ""), (NUMBER, "")])
    reason = forms.CharField(required=False)
    variant = forms.CharField(required=False)

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if data.get("act") == self.EXCLUDE and not data.get("reason"):
            raise forms.ValidationError(_("Choose the criterion that excludes the case."))
        if data.get("act") == self.NUMBER and not data.get("variant"):
            raise forms.ValidationError(_("Choose how the levels are numbered."))
        return data


class SeedForm(forms.Form):
    """A seed of a draw."""

    seed = forms.IntegerField(min_value=0, max_value=2**62, label=_("Seed"))
    confirm = forms.BooleanField(required=False)


def exclusion_choices(document: ProtocolDocument, language: str) -> list[tuple[str, str]]:
    return [(name, label.in_language(language)) for name, label in document.exclusion_criteria]


def numbering_choices(document: ProtocolDocument, language: str) -> list[tuple[str, str]]:
    return [(name, label.in_language(language)) for name, label in document.numbering_variants]
