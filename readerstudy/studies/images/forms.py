"""Forms of the page of images."""

from collections.abc import Mapping
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

_LATERALITIES = [
    ("unknown", _("not known")),
    ("established", _("established: the files' sides are right")),
    ("by-convention", _("by convention only")),
]


class _Centre(forms.Form):
    centre = forms.CharField(max_length=32, initial="1", label=_("Centre"))
    laterality = forms.ChoiceField(choices=_LATERALITIES, label=_("Left and right in these files"))


class UploadForm(_Centre):
    """What is stated of an upload before its first file."""

    @classmethod
    def centre_of(cls, data: Mapping[str, str]) -> str:
        """Return the centre that a finished upload belongs to."""
        return str(data.get("centre") or "1")[:32]


class SearchForm(forms.Form):
    """Criteria of a search in an archive; empty ones match all."""

    archive = forms.ChoiceField(label=_("Archive"))
    patient_id = forms.CharField(required=False, max_length=64, label=_("Patient id"))
    patient_name = forms.CharField(required=False, max_length=64, label=_("Patient name"))
    study_date = forms.RegexField(
        r"^\d{8}(-\d{8})?$",
        required=False,
        label=_("Date"),
        widget=forms.TextInput(attrs={"placeholder": "20240101-20241231"}),
    )
    modality = forms.RegexField(r"^[A-Z]{2,4}$", required=False, label=_("Modality"))
    description = forms.CharField(required=False, max_length=64, label=_("Description"))

    def __init__(self, *args: Any, archives: Mapping[str, str], **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["archive"].choices = list(archives.items())


class TakeForm(_Centre):
    """What is stated of imaging studies that are taken from an archive."""

    archive = forms.ChoiceField()
    study = forms.RegexField(r"^[0-9.]{1,64}$")

    def __init__(self, *args: Any, archives: Mapping[str, str], **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["archive"].choices = list(archives.items())
