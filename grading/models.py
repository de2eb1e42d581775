"""
What doctors answer: reads and ratings, discordances and their settlement, panel votes, the reference.

Every table that holds a decision is append-only: a later decision supersedes an earlier row and the
earlier row stays.
"""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q


class Kind(models.TextChoices):
    """What an answer says: a grade, a number, or one of the typed answers."""

    GRADE = "grade", "grade"
    VALUE = "value", "value"
    NOT_ASSESSABLE = "not_assessable", "not assessable"
    ABSENT = "absent", "absent"
    FUSED = "fused", "fused"


def _answer_constraints(name: str) -> list[models.CheckConstraint]:
    """A grade has a grade, a value has a value, a typed answer has neither."""
    return [
        models.CheckConstraint(
            condition=Q(kind="grade", grade__isnull=False, value__isnull=True)
            | Q(kind="value", grade__isnull=True, value__isnull=False)
            | Q(kind__in=["not_assessable", "absent", "fused"], grade__isnull=True, value__isnull=True),
            name=f"{name}_holds_what_its_kind_says",
        )
    ]


class Answer(models.Model):
    """The answer to one item, as it stands in every table below."""

    structure = models.CharField(max_length=40)
    finding = models.CharField(max_length=40)
    kind = models.CharField(max_length=16, choices=Kind.choices)
    grade = models.PositiveSmallIntegerField(null=True)
    value = models.FloatField(null=True)
    reason = models.CharField(max_length=40, blank=True)

    class Meta:
        abstract = True


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
            *_answer_constraints("rating"),
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
            *_answer_constraints("covered_grade"),
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
            *_answer_constraints("adjudication"),
        ]

    def __str__(self) -> str:
        return f"{self.structure} {self.finding}"


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
            *_answer_constraints("panel_vote"),
        ]

    def __str__(self) -> str:
        return f"{self.structure} {self.finding}"


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
            *_answer_constraints("reference_grade"),
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
