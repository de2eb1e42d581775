"""Choosing a model for a run."""

from django import forms
from django.utils.translation import gettext_lazy as _

from inference.models import ModelVersion


class PublishPointsForm(forms.Form):
    points = forms.FileField(label=_("Corrected places (CSV)"), required=False)


class StartRunForm(forms.Form):
    model = forms.ModelChoiceField(
        label=_("Model"),
        to_field_name="public_id",
        queryset=ModelVersion.objects.filter(
            state__in=[ModelVersion.State.VALIDATED, ModelVersion.State.APPROVED]
        ).order_by("name", "version"),
    )
