"""What a reader answers in one session, save by save."""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q

from grading.models.answers import Answer, answer_constraints


class Read(models.Model):
    """
    One reader's evaluation of one case in one session.

    A read exists from the moment its case was opened. Submitting closes it for good; reopening makes
    a new version that starts from its answers, and this one stays as first submitted.
    """

    class State(models.TextChoices):
        IN_PROGRESS = "in_progress", "in progress"
        SUBMITTED = "submitted", "submitted"

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    assignment = models.ForeignKey("studies.Assignment", on_delete=models.PROTECT, related_name="+")
    protocol = models.ForeignKey("studies.Protocol", on_delete=models.PROTECT, related_name="+")
    # Repeated from the assignment for the queries that settle a case.
    case = models.ForeignKey("studies.Case", on_delete=models.PROTECT, related_name="+")
    reader = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    version = models.PositiveIntegerField(default=1)
    state = models.CharField(max_length=12, choices=State.choices, default=State.IN_PROGRESS)
    opened_at = models.DateTimeField()
    first_answer_at = models.DateTimeField(null=True)
    submitted_at = models.DateTimeField(null=True)
    superseded_at = models.DateTimeField(null=True)
    reopen_reason = models.CharField(max_length=300, blank=True)
    # Focused and idle seconds as the page counted them; the three times above are the server's.
    focused_seconds = models.PositiveIntegerField(default=0)
    idle_seconds = models.PositiveIntegerField(default=0)
    case_answers = models.JSONField(default=dict, blank=True)
    resume = models.JSONField(default=dict, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["assignment", "version"], name="one_read_per_assignment_and_version"
            ),
            models.UniqueConstraint(
                fields=["assignment"],
                condition=Q(superseded_at__isnull=True),
                name="one_standing_read_per_assignment",
            ),
            models.CheckConstraint(
                condition=Q(state="in_progress", submitted_at__isnull=True)
                | Q(state="submitted", submitted_at__isnull=False),
                name="submitted_read_says_when",
            ),
        ]
        indexes = [models.Index(fields=["case", "state"], name="read_case_state")]

    def __str__(self) -> str:
        return f"read {self.public_id}"


class UnseenImages(models.Model):
    """
    A read was submitted although images that its protocol requires had not been shown at full quality.

    Which ones, by their neutral labels, and why their reader went on.
    """

    read = models.OneToOneField(Read, on_delete=models.PROTECT, related_name="unseen_images")
    series = models.JSONField(help_text="Neutral labels of the series.")
    reason = models.CharField(max_length=20)
    words = models.CharField(max_length=300, blank=True)
    submitted_at = models.DateTimeField()

    class Meta:
        constraints = [models.CheckConstraint(condition=~Q(reason=""), name="unseen_images_have_a_reason")]

    def __str__(self) -> str:
        return f"unseen images of read {self.read_id}"


class Rating(Answer):
    """One grade for one finding at one structure, as it stands in a read."""

    read = models.ForeignKey(Read, on_delete=models.PROTECT, related_name="ratings")
    confidence = models.PositiveSmallIntegerField(null=True)
    is_flagged = models.BooleanField(default=False)
    note = models.CharField(max_length=500, blank=True)
    sequence = models.PositiveIntegerField(
        default=1, help_text="Grows with each change; a stale tab is told so."
    )
    saved_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["read", "structure", "finding"], name="one_rating_per_item_and_read"
            ),
            *answer_constraints("rating"),
        ]

    def __str__(self) -> str:
        return f"{self.structure} {self.finding}"


class RatingEntry(models.Model):
    """One acknowledged save, by the key that the browser made: sent twice, it counts once."""

    read = models.ForeignKey(Read, on_delete=models.PROTECT, related_name="entries")
    client_key = models.UUIDField()
    sequence = models.PositiveIntegerField()
    structure = models.CharField(max_length=40)
    finding = models.CharField(max_length=40)
    # What was saved; an empty dict is a cleared cell.
    answer = models.JSONField(default=dict)
    # In an aided read, what the released aid said of the item, of which model, and for how many milliseconds the
    # page and the item's own shares had been on the screen when it was answered.
    aid = models.JSONField(null=True)
    saved_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["read", "client_key"], name="one_entry_per_client_key_and_read")
        ]

    def __str__(self) -> str:
        return str(self.client_key)
