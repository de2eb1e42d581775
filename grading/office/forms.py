"""What a coordinator changes about a reader."""

from typing import Any

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


class ChangeReaderForm(forms.Form):
    act = forms.ChoiceField(choices=ACTS)
    reason = forms.CharField(max_length=300, required=False)
    successor = forms.CharField(max_length=12, required=False)
    seed = forms.IntegerField(min_value=0, max_value=2**62, required=False)
    due_date = forms.DateField(required=False)

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
