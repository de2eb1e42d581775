"""Forms of the coordinator's pages beside cases and assignments."""

from typing import Any

from django import forms
from django.conf import settings
from django.utils.translation import gettext_lazy as _

from readerstudy.studies.models import Case, ReaderStudy, StudyRole

ROLE_CHOICES = (
    ("is_reader", _("reader")),
    ("is_adjudicator", _("adjudicator")),
    ("is_panel", _("panel member")),
    ("is_coordinator", _("coordinator")),
    ("is_investigator", _("investigator")),
    ("is_auditor", _("auditor")),
    ("is_screener", _("screening doctor")),
)


class AnswerForm(forms.Form):
    query = forms.UUIDField()
    answer = forms.CharField(max_length=2000)


class _Touching(forms.Form):
    """What a record touches: a case by its code, a person by theirs."""

    case = forms.CharField(max_length=40, required=False, label=_("Case"))
    person = forms.CharField(max_length=12, required=False, label=_("Person (code)"))

    def __init__(self, *args: Any, study: ReaderStudy, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.study = study

    def clean_case(self) -> Case | None:
        name = self.cleaned_data["case"].strip()
        if not name:
            return None
        found = Case.objects.filter(study=self.study, pseudonym=name).first()
        if found is None:
            raise forms.ValidationError(_("The study has no case of this code."))
        return found

    def clean_person(self) -> StudyRole | None:
        code = self.cleaned_data["person"].strip()
        if not code:
            return None
        found = StudyRole.objects.select_related("user").filter(study=self.study, code=code).first()
        if found is None:
            raise forms.ValidationError(_("The study has nobody of this code."))
        return found


class DeviationForm(_Touching):
    text = forms.CharField(
        max_length=1000, label=_("What departed from the protocol"), widget=forms.Textarea(attrs={"rows": 3})
    )
    happened_on = forms.DateField(
        label=_("On"), widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    )
    leaves = forms.BooleanField(required=False, label=_("What it touches leaves the per-protocol set"))
    field_order = ["text", "happened_on", "case", "person", "leaves"]


class UnblindingForm(_Touching):
    text = forms.CharField(
        max_length=1000, label=_("What happened"), widget=forms.Textarea(attrs={"rows": 3})
    )
    field_order = ["text", "person", "case"]

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if not self.errors and data.get("person") is None:
            raise forms.ValidationError(_("Name the person who learnt it."))
        return data


class InvitationForm(forms.Form):
    display_name = forms.CharField(max_length=200, label=_("Name"))
    email = forms.EmailField(label=_("E-mail"))
    roles = forms.MultipleChoiceField(
        choices=ROLE_CHOICES, widget=forms.CheckboxSelectMultiple, label=_("Roles")
    )
    language = forms.ChoiceField(choices=settings.LANGUAGES, label=_("Language of the letter"))


class AcceptForm(forms.Form):
    username = forms.SlugField(max_length=60, label=_("Name for signing in"))
    password = forms.CharField(
        max_length=4096, strip=False, label=_("Password"),
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )  # fmt: skip


class ProtocolForm(forms.Form):
    source = forms.CharField(max_length=400_000, strip=False, label=_("The protocol's file"))
    reason = forms.CharField(max_length=300, required=False, label=_("Why it is amended"))
