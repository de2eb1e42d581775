"""
What analysis keeps: snapshots with the data they were computed from, and acts that could unblind someone.

A snapshot never changes once it is computed: new data, another plan or another version of the code make a
new one beside it.
"""

import uuid

from django.db import models
from django.db.models import Q


class Snapshot(models.Model):
    """
    One frozen analysis of a study.

    `frozen` holds the arrays that were analysed (a NumPy archive), so that a later change of the study, such
    as opening it again, cannot touch the figures; `results` holds every figure of the plan.
    """

    class State(models.TextChoices):
        QUEUED = "queued", "waiting"
        RUNNING = "running", "being computed"
        DONE = "done", "computed"
        FAILED = "failed", "failed"

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    study = models.ForeignKey("studies.ReaderStudy", on_delete=models.PROTECT, related_name="+")
    number = models.PositiveIntegerField()
    state = models.CharField(max_length=12, choices=State.choices, default=State.QUEUED)
    job_id = models.UUIDField(null=True)
    data_hash = models.CharField(max_length=64)
    predictions_hash = models.CharField(max_length=64, blank=True)
    protocol_digest = models.CharField(max_length=64)
    code_version = models.CharField(max_length=40)
    seed = models.BigIntegerField()
    plan = models.JSONField(default=dict)
    frozen = models.BinaryField(null=True)
    results = models.JSONField(default=dict)
    results_digest = models.CharField(max_length=64, blank=True)
    asked_by_id = models.UUIDField(null=True)
    asked_by_name = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["study", "number"], name="one_snapshot_per_number_and_study"),
            models.CheckConstraint(
                condition=~Q(state="done") | (Q(finished_at__isnull=False) & Q(frozen__isnull=False)),
                name="computed_snapshot_holds_its_data",
            ),
        ]

    def __str__(self) -> str:
        return f"snapshot {self.number} of {self.study}"

    @property
    def short_data_hash(self) -> str:
        """First eight digits in two groups, as pages show it."""
        return f"{self.data_hash[:4]} {self.data_hash[4:8]}"


class SnapshotView(models.Model):
    """Figures of one state of the filters outside the plan, computed once from a snapshot's frozen data."""

    snapshot = models.ForeignKey(Snapshot, on_delete=models.CASCADE, related_name="views")
    key = models.CharField(max_length=200)
    results = models.JSONField()
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["snapshot", "key"], name="one_view_per_snapshot_and_key")
        ]

    def __str__(self) -> str:
        return self.key


class UnblindingEvent(models.Model):
    """An act by which someone saw, took away or may have learnt what blinded persons must not know."""

    class Act(models.TextChoices):
        RESULTS = "results", "opened the results"
        REFUSED = "refused", "asked for the results before unblinding"
        EXPORT = "export", "took an export"
        REPORT = "report", "took the report"
        ACCIDENT = "accident", "reported an accidental unblinding"

    study = models.ForeignKey("studies.ReaderStudy", on_delete=models.PROTECT, related_name="+")
    act = models.CharField(max_length=12, choices=Act.choices)
    person_id = models.UUIDField()
    person_name = models.CharField(max_length=200)
    study_state = models.CharField(max_length=12)
    detail = models.CharField(max_length=300, blank=True)
    at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["study", "at"], name="unblinding_study_at")]

    def __str__(self) -> str:
        return f"{self.act} of {self.study}"


class ImportedReference(models.Model):
    """What an imported reference grade says of itself beyond the grade: who decided, whose grade it is."""

    case = models.ForeignKey("studies.Case", on_delete=models.PROTECT, related_name="+")
    structure = models.CharField(max_length=40)
    finding = models.CharField(max_length=40)
    decided_by_roles = models.CharField(max_length=100, blank=True)
    contributors = models.JSONField(default=list, help_text="Codes of readers whose own grade it is.")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["case", "structure", "finding"], name="one_imported_reference_per_item"
            )
        ]

    def __str__(self) -> str:
        return f"{self.structure} {self.finding}"


class ImportedLesion(models.Model):
    """A lesion of the reference standard that came from a table."""

    case = models.ForeignKey("studies.Case", on_delete=models.PROTECT, related_name="+")
    lesion = models.CharField(max_length=40)
    lesion_class = models.CharField(max_length=40, blank=True)
    weight = models.FloatField(null=True, help_text="Share of its case; empty: all lesions of a case alike.")
    place = models.JSONField(default=dict, help_text="The place columns that the table filled.")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["case", "lesion"], name="one_imported_lesion_per_case_and_name")
        ]

    def __str__(self) -> str:
        return self.lesion


class ImportedMark(models.Model):
    """A mark of a reader or a model that came from a table, with the lesion that it hits."""

    case = models.ForeignKey("studies.Case", on_delete=models.PROTECT, related_name="+")
    by = models.CharField(max_length=80, help_text="Code of the reader, or name of the model.")
    is_model = models.BooleanField(default=False)
    condition = models.CharField(max_length=40)
    mark = models.CharField(max_length=40)
    shape = models.CharField(max_length=12)
    mark_class = models.CharField(max_length=40, blank=True)
    confidence = models.FloatField(null=True)
    value = models.FloatField(null=True)
    unit = models.CharField(max_length=20, blank=True)
    place = models.JSONField(default=dict, help_text="The place columns that the table filled.")
    lesion = models.CharField(max_length=40, blank=True, help_text="The lesion hit; empty: none.")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["case", "by", "is_model", "condition", "mark"],
                name="one_imported_mark_per_showing_and_name",
            )
        ]

    def __str__(self) -> str:
        return f"{self.mark} by {self.by}"
