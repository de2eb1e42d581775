"""What happens beside reading: sessions, the charter, queries, deviations, accidents, invitations."""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q


class ReadingSession(models.Model):
    """A reader sat down: what the screen was, and that the viewing conditions were acknowledged."""

    study = models.ForeignKey("studies.ReaderStudy", on_delete=models.PROTECT, related_name="+")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    # Hash of the browser session, so that another sign-in acknowledges again.
    session_hash = models.CharField(max_length=64)
    screen_width = models.PositiveIntegerField()
    screen_height = models.PositiveIntegerField()
    pixel_ratio = models.FloatField()
    darkest_step_seen = models.PositiveSmallIntegerField(help_text="Of the test pattern, 1 the darkest.")
    brightest_step_seen = models.PositiveSmallIntegerField(help_text="Of the test pattern, 1 the brightest.")
    acknowledged_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["study", "user", "session_hash"], name="one_acknowledgement_per_reading_session"
            )
        ]

    def __str__(self) -> str:
        return f"session of {self.user_id} at {self.acknowledged_at:%Y-%m-%d %H:%M}"


class CharterAcknowledgement(models.Model):
    """A reader has read the charter of this protocol version."""

    protocol = models.ForeignKey(
        "studies.Protocol", on_delete=models.PROTECT, related_name="acknowledgements"
    )
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    acknowledged_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["protocol", "user"], name="one_acknowledgement_per_charter_and_person"
            )
        ]

    def __str__(self) -> str:
        return f"charter {self.protocol_id}"


class ReaderQuery(models.Model):
    """What a blinded person asks or reports to the coordinator, and the answer. Nobody else sees it."""

    class Kind(models.TextChoices):
        QUESTION = "question", "question"
        TECHNICAL = "technical", "technical problem"
        EXCLUSION = "exclusion", "proposal to exclude the case"

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    study = models.ForeignKey("studies.ReaderStudy", on_delete=models.PROTECT, related_name="+")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    assignment = models.ForeignKey(
        "studies.Assignment", on_delete=models.PROTECT, null=True, related_name="+"
    )
    kind = models.CharField(max_length=12, choices=Kind.choices)
    text = models.CharField(max_length=2000, blank=True)
    circumstances = models.JSONField(default=dict, blank=True)
    asked_at = models.DateTimeField()
    answer = models.CharField(max_length=2000, blank=True)
    answered_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(answered_at__isnull=True) | ~Q(answer=""), name="answered_query_says_what"
            )
        ]
        indexes = [models.Index(fields=["study", "answered_at"], name="query_study_answered")]

    def __str__(self) -> str:
        return f"{self.kind} {self.public_id}"


class Deviation(models.Model):
    """A departure from the protocol, and whether what it touches leaves the per-protocol set."""

    study = models.ForeignKey("studies.ReaderStudy", on_delete=models.PROTECT, related_name="+")
    case = models.ForeignKey("studies.Case", on_delete=models.PROTECT, null=True, related_name="+")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    text = models.CharField(max_length=1000)
    leaves_per_protocol_set = models.BooleanField(default=False)
    happened_on_date = models.DateField()
    noted_at = models.DateTimeField()
    noted_by = models.CharField(max_length=200)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(leaves_per_protocol_set=False) | Q(case__isnull=False) | Q(user__isnull=False),
                name="deviation_that_counts_names_what_it_touches",
            )
        ]

    def __str__(self) -> str:
        return f"deviation {self.pk}"


class AccidentalUnblinding(models.Model):
    """Somebody blinded learnt what they must not know; from then on the reads it touches leave the primary set."""

    study = models.ForeignKey("studies.ReaderStudy", on_delete=models.PROTECT, related_name="+")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    case = models.ForeignKey(
        "studies.Case", on_delete=models.PROTECT, null=True, related_name="+", help_text="Empty: every case."
    )
    text = models.CharField(max_length=1000)
    reported_at = models.DateTimeField()
    reported_by = models.CharField(max_length=200)

    def __str__(self) -> str:
        return f"accidental unblinding {self.pk}"


class Invitation(models.Model):
    """An invitation by e-mail; the address in it carries a token of which only the hash is kept."""

    study = models.ForeignKey("studies.ReaderStudy", on_delete=models.PROTECT, related_name="+")
    email = models.EmailField()
    display_name = models.CharField(max_length=200)
    roles = models.JSONField(default=list)
    language = models.CharField(max_length=10, blank=True)
    token_hash = models.CharField(max_length=64, unique=True)
    sent_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    accepted_at = models.DateTimeField(null=True)
    withdrawn_at = models.DateTimeField(null=True)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")

    def __str__(self) -> str:
        return f"invitation {self.pk}"
