"""What seniors, panel members and two readers together decide on items. A later decision supersedes an earlier row."""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q

from grading.models.answers import Answer, answer_constraints
from grading.models.reads import Read


class Discordance(models.Model):
    """
    An item that goes to the adjudicator.

    `order` lists the first reads as A, B, ... in an order shuffled for this item alone. `is_audit`
    marks an agreed item sent along unmarked; the adjudicator never sees it.
    """

    case = models.ForeignKey("studies.Case", on_delete=models.PROTECT, related_name="+")
    protocol = models.ForeignKey("studies.Protocol", on_delete=models.PROTECT, related_name="+")
    structure = models.CharField(max_length=40)
    finding = models.CharField(max_length=40)
    order = models.JSONField(help_text="Primary keys of the first reads, in the order shown.")
    is_audit = models.BooleanField(default=False)
    opened_at = models.DateTimeField()
    sent_back_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["case", "structure", "finding"], name="one_discordance_per_item")
        ]

    def __str__(self) -> str:
        return f"{self.structure} {self.finding}"


class CoveredGrade(Answer):
    """The adjudicator's own answer to an item, given before A and B were uncovered. It stands as given."""

    discordance = models.ForeignKey(Discordance, on_delete=models.PROTECT, related_name="covered_grades")
    assignment = models.ForeignKey("studies.Assignment", on_delete=models.PROTECT, related_name="+")
    given_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["discordance", "assignment"], name="one_covered_grade_per_item_and_adjudicator"
            ),
            *answer_constraints("covered_grade"),
        ]

    def __str__(self) -> str:
        return f"{self.structure} {self.finding}"


class Adjudication(Answer):
    """The adjudicator's decision on one item. A decision sent back is superseded, never changed."""

    class Choice(models.TextChoices):
        KEPT = "kept", "kept one of the first reads"
        OWN = "own", "own answer"

    discordance = models.ForeignKey(Discordance, on_delete=models.PROTECT, related_name="adjudications")
    assignment = models.ForeignKey("studies.Assignment", on_delete=models.PROTECT, related_name="+")
    # Where the two readers settled it together; the assignment is then that of the one who was signed in.
    joint = models.ForeignKey("JointSession", on_delete=models.PROTECT, null=True, related_name="+")
    choice = models.CharField(max_length=8, choices=Choice.choices)
    kept_read = models.ForeignKey(Read, on_delete=models.PROTECT, null=True, related_name="+")
    reason_code = models.CharField(max_length=40, blank=True)
    # The adjudicator's own grade given while A and B were covered, where the protocol asks for it.
    covered_answer = models.JSONField(default=dict, blank=True)
    settled_at = models.DateTimeField()
    superseded_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["discordance"],
                condition=Q(superseded_at__isnull=True),
                name="one_standing_adjudication_per_item",
            ),
            models.CheckConstraint(
                condition=Q(choice="own") | Q(kept_read__isnull=False),
                name="kept_adjudication_names_its_read",
            ),
            *answer_constraints("adjudication"),
        ]

    def __str__(self) -> str:
        return f"{self.structure} {self.finding}"


class SentBack(models.Model):
    """
    Why the panel sent one decision back to whoever settled it.

    The reason is one of the protocol's codes, or words where the protocol has none. Who gets the item back is told
    the reason, never who gave it.
    """

    adjudication = models.OneToOneField(
        Adjudication, on_delete=models.PROTECT, null=True, related_name="sent_back"
    )
    mark_decision = models.OneToOneField(
        "MarkDecision", on_delete=models.PROTECT, null=True, related_name="sent_back"
    )
    assignment = models.ForeignKey("studies.Assignment", on_delete=models.PROTECT, related_name="+")
    reason_code = models.CharField(max_length=40, blank=True)
    reason_text = models.CharField(max_length=200, blank=True)
    sent_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(adjudication__isnull=True, mark_decision__isnull=False)
                | Q(adjudication__isnull=False, mark_decision__isnull=True),
                name="sent_back_is_of_one_decision",
            ),
            models.CheckConstraint(
                condition=~Q(reason_code="") | ~Q(reason_text=""), name="sent_back_says_why"
            ),
        ]

    def __str__(self) -> str:
        return f"sent back {self.pk}"


class PanelReview(models.Model):
    """One panel member's review of one case; items without a vote row of their own are confirmed."""

    case = models.ForeignKey("studies.Case", on_delete=models.PROTECT, related_name="+")
    assignment = models.ForeignKey("studies.Assignment", on_delete=models.PROTECT, related_name="+")
    round = models.PositiveIntegerField(default=1, help_text="Grows when an item was sent back.")
    opened_at = models.DateTimeField()
    submitted_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["assignment", "round"], name="one_review_per_assignment_and_round"
            )
        ]

    def __str__(self) -> str:
        return f"panel review {self.pk}"


class PanelVote(Answer):
    """A vote that is not plain confirmation: overrule with another answer."""

    review = models.ForeignKey(PanelReview, on_delete=models.PROTECT, related_name="votes")
    reason_code = models.CharField(max_length=40, blank=True)
    voted_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["review", "structure", "finding"], name="one_vote_per_item_and_review"
            ),
            *answer_constraints("panel_vote"),
        ]

    def __str__(self) -> str:
        return f"{self.structure} {self.finding}"


class JointSession(models.Model):
    """
    Two readers in front of one screen, settling what they dispute.

    Bound to the browser session in which both signed: the first was signed in, the second gave the password.
    """

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    study = models.ForeignKey("studies.ReaderStudy", on_delete=models.PROTECT, related_name="+")
    first = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    second = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    session_hash = models.CharField(max_length=64)
    opened_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=~Q(first=models.F("second")), name="joint_session_is_of_two_people"
            ),
            models.UniqueConstraint(
                fields=["study", "session_hash"],
                condition=Q(ended_at__isnull=True),
                name="one_joint_session_per_study_and_browser",
            ),
        ]

    def __str__(self) -> str:
        return f"joint session {self.public_id}"
