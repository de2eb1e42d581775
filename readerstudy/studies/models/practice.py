"""Training and calibration before reading: cases that are never analysed, their reference, and readers' tries."""

from django.conf import settings
from django.db import models
from django.db.models import Q


class PracticeCase(models.Model):
    """
    A case that readers train or are calibrated on; its status is `practice`, and it is never read for the study.

    The reference comes from outside and is no reference standard of the study. Readers see it after a training
    case, and of calibration cases never.
    """

    class Use(models.TextChoices):
        TRAINING = "training", "training"
        CALIBRATION = "calibration", "calibration"

    case = models.OneToOneField("studies.Case", on_delete=models.PROTECT, related_name="practice")
    use = models.CharField(max_length=12, choices=Use.choices)
    # {"structure|finding": {"kind": .., "grade": .., "value": ..}}
    reference = models.JSONField()
    taken_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.use} case {self.case}"


class PracticeTry(models.Model):
    """One try of a reader at all training or all calibration cases, and how it ended."""

    study = models.ForeignKey("studies.ReaderStudy", on_delete=models.PROTECT, related_name="+")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    protocol = models.ForeignKey("studies.Protocol", on_delete=models.PROTECT, related_name="+")
    use = models.CharField(max_length=12, choices=PracticeCase.Use.choices)
    number = models.PositiveIntegerField()
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)
    # Of a calibration, whether the mark was reached; None while it runs.
    passed = models.BooleanField(null=True)
    # [{"finding", "kappa", "agreement", "n", "not_compared", "passed"}]
    figures = models.JSONField(default=list)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["study", "user", "use", "number"], name="one_try_per_person_use_and_number"
            ),
            models.UniqueConstraint(
                fields=["study", "user", "use"],
                condition=Q(finished_at__isnull=True),
                name="one_open_try_per_person_and_use",
            ),
            models.CheckConstraint(
                condition=Q(finished_at__isnull=False) | Q(passed__isnull=True),
                name="try_ends_before_it_is_judged",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.use} {self.number} of {self.user_id}"
