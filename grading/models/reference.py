"""The reference standard of items, and how far a case has come towards it."""

from django.db import models
from django.db.models import Q

from grading.models.answers import Answer, answer_constraints


class ReferenceGrade(Answer):
    """The reference standard of one item, with its provenance."""

    class Provenance(models.TextChoices):
        AGREED = "agreed", "agreed"
        WITHIN_RULE = "agreed_within_rule", "agreed within rule"
        ADJUDICATED = "adjudicated", "adjudicated"
        JOINT = "jointly_settled", "jointly settled"
        CONFIRMED = "confirmed", "confirmed"
        OVERRULED = "overruled", "overruled"
        PANEL_READ = "panel_read", "panel read"
        EXTERNAL = "external", "external"

    case = models.ForeignKey("studies.Case", on_delete=models.PROTECT, related_name="+")
    provenance = models.CharField(max_length=20, choices=Provenance.choices)
    basis = models.CharField(
        max_length=20, choices=Provenance.choices, help_text="How the grade arose before the panel saw it."
    )
    no_majority = models.BooleanField(
        default=False, help_text="The panel did not agree; the earlier grade stands."
    )
    decided_at = models.DateTimeField()
    superseded_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["case", "structure", "finding"],
                condition=Q(superseded_at__isnull=True),
                name="one_standing_reference_grade_per_item",
            ),
            *answer_constraints("reference_grade"),
        ]
        # Lists ask of thousands of cases whether the panel has decided them.
        indexes = [
            models.Index(fields=["case", "provenance"], name="reference_by_provenance"),
            models.Index(fields=["case"], condition=Q(no_majority=True), name="reference_without_majority"),
        ]

    def __str__(self) -> str:
        return f"{self.structure} {self.finding}"


class CaseComparison(models.Model):
    """That the first reads of a case were compared: a case may have nothing to agree or differ on."""

    case = models.OneToOneField("studies.Case", on_delete=models.PROTECT, related_name="+")
    compared_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"comparison of {self.case}"


class CaseConfirmation(models.Model):
    """That the panel has decided a case: one without a lesion, or whose lesions were all overruled, has no row else."""

    case = models.OneToOneField("studies.Case", on_delete=models.PROTECT, related_name="+")
    confirmed_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"confirmation of {self.case}"
