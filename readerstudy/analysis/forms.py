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


class ReleaseAidForm(forms.Form):
    """Which version's aid is released, and the digest of what the page showed of it."""

    version = forms.ModelChoiceField(
        queryset=ModelVersion.objects.all(), to_field_name="public_id", empty_label=None
    )
    digest = forms.CharField(max_length=64)


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


# Design -> the numbers that it needs.
DESIGNS = {
    "share": ("share", "half_width", "items_per_patient", "correlation"),
    "paired": ("first_only", "second_only", "items_per_patient", "correlation", "alpha", "power"),
    "auc": ("auc", "ratio", "alpha", "power"),
    "kappa": ("kappa", "kappa_lower", "share", "items_per_patient", "correlation", "alpha"),
    "mrmc": (
        "readers", "difference", "auc", "range_between", "range_within", "ratio", "alpha", "power",
    ),
}  # fmt: skip
_LABELS = {
    "share": _("Expected share"),
    "half_width": _("Half-width of the interval"),
    "items_per_patient": _("Items per patient in the denominator"),
    "correlation": _("Correlation within patients"),
    "first_only": _("Share that only the model gets right"),
    "second_only": _("Share that only the reader gets right"),
    "alpha": _("Alpha, two-sided"),
    "power": _("Power"),
    "auc": _("Expected AUC"),
    "ratio": _("Cases without per case with the finding"),
    "kappa": _("Expected kappa"),
    "kappa_lower": _("Lower limit that is to be excluded"),
    "readers": _("Readers"),
    "difference": _("Difference to be shown"),
    "range_between": _("Range of AUC over readers"),
    "range_within": _("Range of AUC of one reader, read twice"),
}
# Name -> least, most, proposed.
_RANGES: dict[str, tuple[float, float, float]] = {
    "share": (0.001, 0.999, 0.8),
    "half_width": (0.001, 0.5, 0.05),
    "items_per_patient": (1, 1000, 1),
    "correlation": (0, 1, 0),
    "first_only": (0, 1, 0.15),
    "second_only": (0, 1, 0.08),
    "alpha": (0.0001, 0.5, 0.05),
    "power": (0.5, 0.999, 0.8),
    "auc": (0.501, 0.999, 0.8),
    "ratio": (0.01, 100, 1),
    "kappa": (0.01, 0.99, 0.6),
    "kappa_lower": (0, 0.98, 0.4),
    "readers": (2, 100, 6),
    "difference": (0.001, 0.5, 0.05),
    "range_between": (0, 0.5, 0.05),
    "range_within": (0, 0.5, 0.025),
}


class PlannerForm(forms.Form):
    """The numbers of one design; what the study itself showed is proposed."""

    def __init__(self, *args: Any, design: str, own: Any = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in DESIGNS[design]:
            least, most, proposed = _RANGES[name]
            if own is not None:
                proposed = {
                    "items_per_patient": round(own.items_per_patient, 1),
                    "correlation": round(own.correlation, 2),
                    "share": round(own.share, 2),
                }.get(name, proposed)
            self.fields[name] = forms.FloatField(
                label=_LABELS[name],
                min_value=least,
                max_value=most,
                initial=proposed,
                widget=forms.NumberInput(attrs={"step": "any"}),
            )
