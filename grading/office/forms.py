"""What a coordinator changes about a reader."""

from collections.abc import Sequence
from typing import Any, cast

from django import forms
from django.utils.translation import gettext_lazy as _

from readerstudy.studies.models import ReaderStudy, StudyRole

ACTS = (
    ("pause", _("Pause")),
    ("resume", _("End the pause")),
    ("due", _("Set the due date")),
    ("relieve", _("Give the unfinished cases to another reader")),
    ("replace", _("Leaves the study; another reader takes over")),
)


class WithdrawReadForm(forms.Form):
    """Why a read is taken back, who gets the case instead, and how far the read was when the page was looked at."""

    successor = forms.ChoiceField(label=_("Give the case to"), required=False)
    reason = forms.CharField(label=_("Why (goes into the audit log)"), max_length=300)
    seen = forms.CharField(widget=forms.HiddenInput, max_length=80)

    def __init__(self, *args: Any, successors: Sequence[tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choices = [("", _("nobody")), *((code, f"{code} {name}") for code, name in successors)]
        cast(forms.ChoiceField, self.fields["successor"]).choices = choices
        if not successors:
            del self.fields["successor"]


class ChangeReaderForm(forms.Form):
    act = forms.ChoiceField(choices=ACTS)
    reason = forms.CharField(max_length=300, required=False)
    successor = forms.CharField(max_length=12, required=False)
    seed = forms.IntegerField(min_value=0, max_value=2**62, required=False)
    due_date = forms.DateField(required=False)
    # What the page showed of a handover; without it the page shows it first.
    digest = forms.CharField(max_length=64, required=False)

    def __init__(self, *args: Any, study: ReaderStudy, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.study = study

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if data.get("act") in {"relieve", "replace"}:
            found = (
                StudyRole.objects.select_related("user")
                .filter(study=self.study, code=data.get("successor", ""), is_reader=True)
                .first()
            )
            if found is None:
                raise forms.ValidationError(_("Choose the reader who takes over."))
            data["successor_user"] = found.user
        return data
