"""Signed acts: the password again, what is signed, and a reason. And what a training is asked for."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from inference.engine.training_plan import TrainingPlan
from inference.models import ModelVersion
from readerstudy.accounts.models import User


class SignedActForm(forms.Form):
    """A signature: the signer's own password, the digest that the page showed, and a reason."""

    digest = forms.CharField(max_length=64, widget=forms.HiddenInput)
    reason = forms.CharField(
        label=_("Reason"), max_length=500, required=False, widget=forms.Textarea(attrs={"rows": 2})
    )
    password = forms.CharField(
        label=_("Your password, again"),
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )

    def __init__(self, *args: Any, signer: User, reason_needed: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.signer = signer
        self.fields["reason"].required = reason_needed

    def clean_password(self) -> str:
        password: str = self.cleaned_data["password"]
        if not self.signer.check_password(password):
            raise forms.ValidationError(_("This is not your password. Nothing was signed."))
        return password


class StartTrainingForm(forms.Form):
    """The part of a training plan that a page asks for; the command takes the whole of it."""

    start_from = forms.ModelChoiceField(
        label=_("Start from"),
        to_field_name="public_id",
        queryset=ModelVersion.objects.filter(
            state__in=[ModelVersion.State.VALIDATED, ModelVersion.State.APPROVED]
        ).order_by("name", "version"),
        empty_label=None,
    )
    name = forms.CharField(label=_("Name of the new model"), max_length=60)
    version = forms.CharField(label=_("Version"), max_length=40, initial="1")
    epochs = forms.IntegerField(label=_("Epochs"), min_value=1, max_value=1000, initial=20)
    patience = forms.IntegerField(
        label=_("Epochs without a better validation loss until it stops"),
        min_value=0,
        max_value=1000,
        initial=5,
    )
    freeze_encoder = forms.BooleanField(label=_("Learn the last layers only (few patients)"), required=False)

    def plan(self) -> TrainingPlan:
        """
        Return the plan.

        Raises
        ------
        PlanRefused
            If name or version are not of the form that a plan takes.
        """
        given = {**self.cleaned_data, "start_from": self.cleaned_data["start_from"].digest}
        return TrainingPlan.from_json(given)
