"""A reader study, its people, its protocol, its cases and who reads which of them in what order."""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q

from readerstudy.studies.protocols.document import ProtocolDocument
from readerstudy.studies.protocols.loading import load_protocol


class ReaderStudy(models.Model):
    """One study: ``draft -> open -> locked -> unblinded``; ``locked -> open`` by a signed act."""

    class State(models.TextChoices):
        DRAFT = "draft", "draft"
        OPEN = "open", "open"
        LOCKED = "locked", "locked"
        UNBLINDED = "unblinded", "unblinded"

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    slug = models.SlugField(max_length=60, unique=True)
    title = models.CharField(max_length=200)
    state = models.CharField(max_length=12, choices=State.choices, default=State.DRAFT)
    is_demonstration = models.BooleanField(default=False)
    asks_before_reading = models.BooleanField(
        default=False, help_text="Charter and viewing conditions are acknowledged before a case opens."
    )
    created_at = models.DateTimeField()
    opened_at = models.DateTimeField(null=True)
    locked_at = models.DateTimeField(null=True)
    unblinded_at = models.DateTimeField(null=True)
    # Digests of what locking and unblinding froze; computed by `analysis`, stored here.
    data_hash = models.CharField(max_length=64, blank=True)
    predictions_hash = models.CharField(max_length=64, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=["draft", "open", "locked", "unblinded"]), name="study_state_is_known"
            ),
            models.CheckConstraint(
                condition=Q(state__in=["draft", "open"]) | Q(locked_at__isnull=False),
                name="locked_study_says_when",
            ),
            models.CheckConstraint(
                condition=~Q(state="unblinded") | Q(unblinded_at__isnull=False),
                name="unblinded_study_says_when",
            ),
        ]

    def __str__(self) -> str:
        return self.slug


class Protocol(models.Model):
    """One version of a study's protocol. Frozen when the study opens; an amendment is a new row."""

    study = models.ForeignKey(ReaderStudy, on_delete=models.PROTECT, related_name="protocols")
    version = models.PositiveIntegerField()
    source = models.TextField(help_text="The YAML file as it was handed in.")
    digest = models.CharField(max_length=64, help_text="SHA-256 of the content in canonical form.")
    created_at = models.DateTimeField()
    frozen_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["study", "version"], name="one_protocol_per_study_and_version")
        ]

    def __str__(self) -> str:
        return f"{self.study} protocol {self.version}"

    @property
    def document(self) -> ProtocolDocument:
        """The protocol as frozen values."""
        return load_protocol(self.source)

    @property
    def short_digest(self) -> str:
        """First eight digits in two groups, as pages show it."""
        return f"{self.digest[:4]} {self.digest[4:8]}"


BLINDED_ROLES = ("is_reader", "is_adjudicator", "is_panel")
UNBLINDED_ROLES = ("is_coordinator", "is_investigator", "is_auditor")
# Sees cases before they are read, no grade and no result.
SCREENING_ROLES = ("is_screener",)


class StudyRole(models.Model):
    """
    What one person may do in one study.

    One row for all roles of a person, so that the database itself can refuse a blinded duty beside an
    unblinded one.
    """

    study = models.ForeignKey(ReaderStudy, on_delete=models.PROTECT, related_name="roles")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="study_roles")
    code = models.CharField(max_length=12, help_text="Neutral name in exports and charts, such as R1.")
    is_reader = models.BooleanField(default=False)
    is_adjudicator = models.BooleanField(default=False)
    is_panel = models.BooleanField(default=False)
    is_coordinator = models.BooleanField(default=False)
    is_investigator = models.BooleanField(default=False)
    is_auditor = models.BooleanField(default=False)
    is_truther = models.BooleanField(
        default=True, help_text="Whether this reader's grades make the reference."
    )
    is_screener = models.BooleanField(
        default=False,
        help_text="A doctor who decides on cases before reading. Where a study has one, nobody else decides.",
    )
    granted_at = models.DateTimeField()
    # While paused no case opens for the person; who left keeps what was submitted, under a code of their own.
    paused_at = models.DateTimeField(null=True, blank=True)
    left_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["study", "user"], name="one_role_row_per_person_and_study"),
            models.UniqueConstraint(fields=["study", "code"], name="one_person_per_code_and_study"),
            models.CheckConstraint(
                condition=Q(is_reader=False, is_adjudicator=False, is_panel=False)
                | Q(is_coordinator=False, is_investigator=False, is_auditor=False),
                name="no_blinded_duty_beside_an_unblinded_role",
            ),
            models.CheckConstraint(
                condition=Q(is_reader=False, is_adjudicator=False, is_panel=False) | Q(is_screener=False),
                name="no_blinded_duty_beside_screening",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.code} in {self.study}"

    @property
    def is_blinded(self) -> bool:
        return self.is_reader or self.is_adjudicator or self.is_panel


class Centre(models.Model):
    """A hospital that gave cases."""

    study = models.ForeignKey(ReaderStudy, on_delete=models.PROTECT, related_name="centres")
    code = models.CharField(max_length=20)
    name = models.CharField(max_length=200, blank=True)
    is_external = models.BooleanField(default=False, help_text="Kept apart from the drawn partitions.")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["study", "code"], name="one_centre_per_study_and_code")
        ]

    def __str__(self) -> str:
        return self.code


class Draw(models.Model):
    """One random draw (partition or assignment): its seed, its rule, and the digest of what came out."""

    class Purpose(models.TextChoices):
        PARTITION = "partition", "partition"
        ASSIGNMENT = "assignment", "assignment"

    study = models.ForeignKey(ReaderStudy, on_delete=models.PROTECT, related_name="draws")
    purpose = models.CharField(max_length=12, choices=Purpose.choices)
    number = models.PositiveIntegerField()
    seed = models.BigIntegerField()
    rule = models.JSONField(default=dict)
    result_digest = models.CharField(max_length=64)
    reason = models.CharField(max_length=300, blank=True)
    drawn_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["study", "purpose", "number"], name="one_draw_per_number")
        ]

    def __str__(self) -> str:
        return f"{self.purpose} {self.number} of {self.study}"


class Patient(models.Model):
    """A patient by pseudonym, and the partition drawn for them once."""

    class Partition(models.TextChoices):
        NONE = "", "not drawn"
        TRAIN = "train", "training"
        VALIDATION = "validation", "validation"
        TEST = "test", "test"
        EXTERNAL = "external", "external"

    study = models.ForeignKey(ReaderStudy, on_delete=models.PROTECT, related_name="patients")
    pseudonym = models.CharField(max_length=40)
    centre = models.ForeignKey(Centre, on_delete=models.PROTECT, related_name="patients")
    partition = models.CharField(max_length=12, choices=Partition.choices, blank=True, default=Partition.NONE)
    partition_draw = models.ForeignKey(Draw, on_delete=models.PROTECT, null=True, related_name="+")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["study", "pseudonym"], name="one_patient_per_study_and_pseudonym")
        ]

    def __str__(self) -> str:
        return self.pseudonym


class Case(models.Model):
    """What is read as one: the images of one patient at one time, in one study."""

    class Status(models.TextChoices):
        IMPORTED = "imported", "imported"
        INCLUDED = "included", "included"
        EXCLUDED = "excluded", "excluded"
        WITHDRAWN = "withdrawn", "withdrawn"
        # For training and calibration of readers; never read for the study.
        PRACTICE = "practice", "practice"

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    study = models.ForeignKey(ReaderStudy, on_delete=models.PROTECT, related_name="cases")
    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="cases")
    pseudonym = models.CharField(max_length=40)
    image_set = models.OneToOneField(
        "imaging.ImageSet", on_delete=models.PROTECT, related_name="+", null=True
    )
    status = models.CharField(max_length=12, choices=Status.choices, default=Status.IMPORTED)
    exclusion_reason = models.CharField(max_length=80, blank=True)
    sides_accepted_by_convention = models.BooleanField(default=False)
    # {"variant": "5", "by": ..., "at": ...}: fixed by a doctor before reading where the protocol says so.
    numbering = models.JSONField(default=dict, blank=True)
    # {"at": .., "from": ..}: when its images were erased, and the status it had until then. What was locked before
    # counts it as it was; no analysis does.
    withdrawal = models.JSONField(null=True)
    # {"kinds": ["MR"], "reason": .., "by": .., "at": ..} of a case that was included although it lacks kinds of image
    # that the protocol requires.
    included_lacking = models.JSONField(null=True)
    # Name -> value, from the coordinator's table; for the office and the export. Who reads sees the columns that the
    # protocol names, where their values are as it says.
    clinical = models.JSONField(default=dict, blank=True)
    block = models.PositiveIntegerField(
        default=1, help_text="Cases added after an assignment form a new block."
    )
    imported_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["study", "pseudonym"], name="one_case_per_study_and_pseudonym"),
            models.CheckConstraint(
                condition=~Q(status="excluded") | ~Q(exclusion_reason=""), name="excluded_case_says_why"
            ),
        ]

    def __str__(self) -> str:
        return self.pseudonym


class CaseDuty(models.Model):
    """The one duty that a person holds for a case. Assignments hang from it."""

    class Duty(models.TextChoices):
        READER = "reader", "reader"
        ADJUDICATOR = "adjudicator", "adjudicator"
        PANEL = "panel", "panel"
        JOINT = "joint", "joint settlement"

    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="duties")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="case_duties")
    duty = models.CharField(max_length=12, choices=Duty.choices)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["case", "user"], name="one_duty_per_case_and_person")]

    def __str__(self) -> str:
        return f"{self.duty} of {self.case}"


class Assignment(models.Model):
    """
    One showing of a case to one person.

    `position` is the stored random order, `running_number` the only number a reader ever sees, and
    `presentation` the address of the images for this showing alone.
    """

    class Condition(models.TextChoices):
        UNAIDED = "unaided", "unaided"
        AIDED = "aided", "aided"

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    duty = models.ForeignKey(CaseDuty, on_delete=models.PROTECT, related_name="assignments")
    # Repeated from the duty, so that the worklist and its constraints need no join.
    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="assignments")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="assignments")
    study = models.ForeignKey(ReaderStudy, on_delete=models.PROTECT, related_name="assignments")
    draw = models.ForeignKey(Draw, on_delete=models.PROTECT, null=True, related_name="assignments")
    presentation = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    condition = models.CharField(max_length=10, choices=Condition.choices, default=Condition.UNAIDED)
    session = models.PositiveIntegerField(default=1)
    occasion = models.PositiveIntegerField(default=1, help_text="2 and more: a repeat of the same case.")
    position = models.PositiveIntegerField()
    running_number = models.PositiveIntegerField()
    washout_days = models.PositiveSmallIntegerField(
        default=0, help_text="Days of 24 hours since the last read of what this session shows again."
    )
    due_date = models.DateField(null=True, blank=True)
    # A case put off goes to the end of its session; the drawn position stays.
    skipped_at = models.DateTimeField(null=True, blank=True)
    skip_reason = models.CharField(max_length=40, blank=True)
    withdrawn_at = models.DateTimeField(null=True)
    withdrawal_reason = models.CharField(max_length=300, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["duty", "condition", "session", "occasion"], name="one_assignment_per_showing"
            ),
            models.UniqueConstraint(
                fields=["study", "user", "session", "position"], name="one_assignment_per_place_in_order"
            ),
            models.UniqueConstraint(
                fields=["study", "user", "running_number"], name="one_assignment_per_running_number"
            ),
        ]

    def __str__(self) -> str:
        return f"assignment {self.running_number}"


class Landmark(models.Model):
    """A place fixed before reading: imported, or confirmed by a coordinator. It moves viewports."""

    class Source(models.TextChoices):
        IMPORTED = "imported", "imported"
        CONFIRMED = "confirmed", "confirmed by a coordinator"

    case = models.ForeignKey(Case, on_delete=models.CASCADE, related_name="landmarks")
    structure = models.CharField(max_length=40)
    frame_of_reference_uid = models.CharField(max_length=64)
    x_mm = models.FloatField()
    y_mm = models.FloatField()
    z_mm = models.FloatField()
    source = models.CharField(max_length=12, choices=Source.choices)
    set_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["case", "structure", "frame_of_reference_uid"],
                name="one_landmark_per_structure_and_frame",
            )
        ]

    def __str__(self) -> str:
        return f"{self.structure} of {self.case}"


class ReleasedAid(models.Model):
    """What an aided reader is shown, written by `analysis` when the design allows it. Nothing else is shown."""

    assignment = models.OneToOneField(Assignment, on_delete=models.PROTECT, related_name="released_aid")
    payload = models.JSONField()
    model_digest = models.CharField(max_length=64)
    released_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"aid of {self.assignment}"


class Signature(models.Model):
    """A signed act: who, what it means, the digest of what is signed, and why."""

    study = models.ForeignKey(ReaderStudy, on_delete=models.PROTECT, related_name="signatures")
    meaning = models.CharField(max_length=40)
    signed_digest = models.CharField(max_length=64)
    reason = models.CharField(max_length=500, blank=True)
    signer_id = models.UUIDField()
    signer_name = models.CharField(max_length=200)
    signed_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.meaning} of {self.study}"
