"""Blinded images: what was imported, how it is grouped, and who may see it just now."""

import uuid

from django.db import models
from django.db.models import Q
from django.db.models.functions import Coalesce


class Laterality(models.TextChoices):
    """What is known of left and right in one imaging study; stated by people, never guessed."""

    ESTABLISHED = "established", "established"
    BY_CONVENTION = "by-convention", "by convention"
    UNKNOWN = "unknown", "unknown"


class ImageSet(models.Model):
    """
    All blinded imaging studies of one patient within one reader study.

    `scope` is the public id of the reader study (imaging lies below studies and knows no more of it).
    `subject_key` is a keyed hash of issuer and patient id, so that a later import finds the same patient.

    A patient with several numbers has a set for each of them, of which one shows the images of all; the others
    are `joined_into` it. Files, originals and identity stay in the folders of the set under whose number they came.
    """

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    scope = models.UUIDField(db_index=True)
    subject_key = models.CharField(max_length=64)
    created_at = models.DateTimeField()
    withdrawn_at = models.DateTimeField(null=True)
    joined_into = models.ForeignKey("self", null=True, on_delete=models.PROTECT, related_name="joined")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["scope", "subject_key"], name="one_image_set_per_subject_and_scope"
            ),
            models.CheckConstraint(
                condition=Q(joined_into__isnull=True) | ~Q(joined_into=models.F("pk")),
                name="no_image_set_is_joined_into_itself",
            ),
        ]

    def __str__(self) -> str:
        return str(self.public_id)


class ImagingStudy(models.Model):
    """
    One DICOM study under its blinded UID.

    The blinded UID is the keyed hash of the original one with the key of the reader study, so the same
    study imported again is recognised without keeping the original UID here. `image_set` shows it; `drawer` is
    the set under whose number it came, where that is another one.
    """

    image_set = models.ForeignKey(ImageSet, on_delete=models.CASCADE, related_name="imaging_studies")
    drawer = models.ForeignKey(ImageSet, null=True, on_delete=models.PROTECT, related_name="lent_studies")
    blinded_uid = models.CharField(max_length=64, unique=True)
    modalities = models.CharField(max_length=64, blank=True)
    laterality = models.CharField(max_length=16, choices=Laterality, default=Laterality.UNKNOWN)
    laterality_source = models.CharField(max_length=80, blank=True)
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(laterality__in=["established", "by-convention", "unknown"]),
                name="laterality_is_known_word",
            )
        ]

    def __str__(self) -> str:
        return self.blinded_uid

    @property
    def home(self) -> ImageSet:
        """The set in whose folders its files, originals and identity lie."""
        return self.drawer or self.image_set


class Series(models.Model):
    """One blinded series with what was read from its geometry and codes."""

    imaging_study = models.ForeignKey(ImagingStudy, on_delete=models.CASCADE, related_name="series")
    blinded_uid = models.CharField(max_length=64, unique=True)
    number = models.PositiveIntegerField()
    modality = models.CharField(max_length=16)
    plane = models.CharField(max_length=12)
    weighting = models.CharField(max_length=8, blank=True)
    label = models.CharField(max_length=40)
    frame_of_reference_uid = models.CharField(max_length=64, blank=True)
    rows = models.PositiveIntegerField()
    columns = models.PositiveIntegerField()
    n_instances = models.PositiveIntegerField(default=0)
    n_frames = models.PositiveIntegerField(default=0)
    has_geometry = models.BooleanField(default=False)
    has_spacing = models.BooleanField(default=False)
    burned_in = models.CharField(
        max_length=12, blank=True, help_text="Why the pixels may hold text; a coordinator looks."
    )
    burned_in_checked_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["imaging_study", "number"], name="one_series_per_number"),
        ]

    def __str__(self) -> str:
        return f"{self.label} ({self.blinded_uid})"


class Instance(models.Model):
    """One blinded image object; its frames and attributes lie in the cache."""

    series = models.ForeignKey(Series, on_delete=models.CASCADE, related_name="instances")
    blinded_uid = models.CharField(max_length=64, unique=True)
    index = models.PositiveIntegerField(default=0, help_text="Place in the reading order, from 0.")
    n_frames = models.PositiveIntegerField()
    pixel_digest = models.CharField(max_length=64)
    dtype = models.CharField(max_length=8)
    transfer_syntax = models.CharField(max_length=40)
    instance_number = models.FloatField(default=0)

    class Meta:
        indexes = [models.Index(fields=["series", "index"], name="instance_order")]

    def __str__(self) -> str:
        return self.blinded_uid


class ImportBatch(models.Model):
    """One import: a folder, an archive file, an upload, studies taken from an archive."""

    class State(models.TextChoices):
        ARRIVING = "arriving", "arriving"
        WAITING = "waiting", "waiting"
        RUNNING = "running", "running"
        DONE = "done", "done"
        FAILED = "failed", "failed"
        GIVEN_UP = "given_up", "given up"

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    scope = models.UUIDField(db_index=True)
    source_sealed = models.BinaryField(default=bytes)
    state = models.CharField(max_length=8, choices=State, default=State.WAITING)
    laterality = models.CharField(max_length=16, choices=Laterality, default=Laterality.UNKNOWN)
    laterality_source = models.CharField(max_length=80, blank=True)
    keep_originals = models.BooleanField()
    problem = models.CharField(max_length=200, blank=True)
    n_stored = models.PositiveIntegerField(default=0)
    n_duplicate = models.PositiveIntegerField(default=0)
    n_conflict = models.PositiveIntegerField(default=0)
    n_refused = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"{self.public_id} ({self.state})"

    @property
    def image_sets(self) -> models.QuerySet[ImageSet]:
        """The image sets that show what this import stored or found again."""
        touched = self.outcomes.filter(outcome__in=["stored", "duplicate"]).values("image_set")
        shown = ImageSet.objects.filter(pk__in=touched).values(shown=Coalesce("joined_into", "pk"))
        return ImageSet.objects.filter(pk__in=shown).order_by("pk")


class ImportOutcome(models.Model):
    """
    What became of one file.

    File and folder names often hold a patient's name: they are kept encrypted, and read back for
    coordinators only (`stores.open_name`). `name_key` recognises a file when an import is resumed.
    """

    class Outcome(models.TextChoices):
        STORED = "stored", "stored"
        DUPLICATE = "duplicate", "duplicate"
        CONFLICT = "conflict", "conflict"
        REFUSED = "refused", "refused"

    batch = models.ForeignKey(ImportBatch, on_delete=models.CASCADE, related_name="outcomes")
    number = models.PositiveIntegerField()
    name_key = models.CharField(max_length=32)
    name_sealed = models.BinaryField(default=bytes)
    outcome = models.CharField(max_length=10, choices=Outcome)
    reason = models.CharField(max_length=200, blank=True)
    image_set = models.ForeignKey(ImageSet, null=True, on_delete=models.SET_NULL, related_name="+")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["batch", "name_key"], name="one_outcome_per_file"),
            models.CheckConstraint(
                condition=Q(outcome="stored") | ~Q(reason=""), name="what_was_not_stored_says_why"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.number} {self.outcome}"


class OpenedPresentation(models.Model):
    """
    A capability: one person, in one session, may see one image set under one presentation.

    Only the hash of the token is kept. `root` is the folder below the cache that the holder may read.
    """

    token_hash = models.CharField(max_length=64, unique=True)
    presentation = models.UUIDField(db_index=True)
    image_set = models.ForeignKey(ImageSet, on_delete=models.CASCADE, related_name="+")
    scope = models.UUIDField(db_index=True)
    user_id = models.BigIntegerField()
    session_hash = models.CharField(max_length=64, blank=True, db_index=True)
    alias = models.CharField(max_length=64, blank=True)
    root = models.CharField(max_length=200)
    opened_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"{self.presentation} ({'closed' if self.closed_at else 'open'})"
