"""Lesions: what a reader marked, what was disputed and decided, and the lesions of the reference standard."""

import uuid

from django.db import models
from django.db.models import Q

from grading.models.decisions import Adjudication, JointSession
from grading.models.reads import Read
from grading.models.reference import ReferenceGrade


class MarkedPlace(models.Model):
    """
    What was marked and where.

    UIDs are the blinded ones of the study, whatever a presentation showed. Points are image pixels (column, row;
    0 at the centre of the first) and, where the image states its place, patient millimetres (LPS), which the
    server computes. A box over several images names the first and the last and has its corners in millimetres.
    """

    kind = models.CharField(max_length=40)
    mark_class = models.CharField(max_length=40)
    shape = models.CharField(max_length=12)
    series_uid = models.CharField(max_length=64)
    sop_uid = models.CharField(max_length=64)
    frame = models.PositiveIntegerField(default=1)
    frame_of_reference_uid = models.CharField(max_length=64, blank=True)
    points_px = models.JSONField()
    points_mm = models.JSONField(null=True)
    # First and last image of a box over several, each [SOP instance, frame], and its corners
    # {"min_mm": .., "max_mm": ..}.
    slices = models.JSONField(null=True)
    box = models.JSONField(null=True)

    class Meta:
        abstract = True


class Mark(MarkedPlace):
    """One mark of one read."""

    read = models.ForeignKey(Read, on_delete=models.PROTECT, related_name="marks")
    mark_id = models.UUIDField(help_text="Made by the browser; stays when the mark is moved.")
    confidence = models.PositiveSmallIntegerField(null=True)
    sequence = models.PositiveIntegerField(default=1)
    saved_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["read", "mark_id"], name="one_mark_per_id_and_read"),
            models.CheckConstraint(
                condition=Q(confidence__isnull=True) | Q(confidence__lte=100), name="mark_confidence_in_range"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.mark_class}"


class MarkDiscordance(models.Model):
    """
    A mark that goes to the adjudicator: somebody else has none there, or one of another class.

    `order` holds, for A, B, ... in an order shuffled for this item alone, the primary key of that reader's mark
    or null.
    """

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    case = models.ForeignKey("studies.Case", on_delete=models.PROTECT, related_name="+")
    protocol = models.ForeignKey("studies.Protocol", on_delete=models.PROTECT, related_name="+")
    kind = models.CharField(max_length=40)
    order = models.JSONField()
    opened_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.kind} {self.public_id}"


class MarkDecision(models.Model):
    """The decision on one disputed mark: no lesion, or a lesion of a class, at the place of a mark."""

    discordance = models.ForeignKey(MarkDiscordance, on_delete=models.PROTECT, related_name="decisions")
    assignment = models.ForeignKey("studies.Assignment", on_delete=models.PROTECT, related_name="+")
    joint = models.ForeignKey(JointSession, on_delete=models.PROTECT, null=True, related_name="+")
    choice = models.CharField(max_length=8, choices=Adjudication.Choice.choices)
    mark_class = models.CharField(max_length=40, blank=True, help_text='"" means: no lesion.')
    kept_mark = models.ForeignKey(Mark, on_delete=models.PROTECT, null=True, related_name="+")
    # Where neither reader's place was kept: the columns of a `MarkedPlace` that was drawn for this decision.
    place = models.JSONField(null=True)
    reason_code = models.CharField(max_length=40, blank=True)
    settled_at = models.DateTimeField()
    superseded_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["discordance"],
                condition=Q(superseded_at__isnull=True),
                name="one_standing_decision_per_mark_item",
            ),
            models.CheckConstraint(
                condition=Q(mark_class="") | Q(kept_mark__isnull=False), name="decided_lesion_has_a_place"
            ),
        ]

    def __str__(self) -> str:
        return self.mark_class or "no lesion"


class ReferenceMark(MarkedPlace):
    """A lesion of the reference standard, with its provenance and the marks that it comes from."""

    case = models.ForeignKey("studies.Case", on_delete=models.PROTECT, related_name="+")
    lesion_id = models.UUIDField(default=uuid.uuid4)
    provenance = models.CharField(max_length=20, choices=ReferenceGrade.Provenance.choices)
    basis = models.CharField(max_length=20, choices=ReferenceGrade.Provenance.choices)
    sources = models.JSONField(default=list, help_text="Primary keys of the marks.")
    is_redrawn = models.BooleanField(
        default=False, help_text="The place was drawn by whoever settled the mark, not by a reader."
    )
    no_majority = models.BooleanField(
        default=False, help_text="The panel did not agree; the lesion stands as it was settled."
    )
    decided_at = models.DateTimeField()
    superseded_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["lesion_id"],
                condition=Q(superseded_at__isnull=True),
                name="one_standing_row_per_lesion",
            )
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.mark_class}"
