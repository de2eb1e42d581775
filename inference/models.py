"""
Model versions, their runs and what they predicted.

Predictions are stored and shown to nobody before unblinding: `analysis` alone reads them. Every relation
down to a study or a case has ``related_name="+"``, so that no case leads to a prediction.
"""

import uuid

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_noop as N_

from readerstudy.studies.models import Case, ReaderStudy


class ModelVersion(models.Model):
    """
    One immutable version of a model, identified by the SHA-256 of its manifest.

    Its files lie in the data root under ``models/<digest>``.
    """

    class State(models.TextChoices):
        DRAFT = "draft", N_("draft")
        VALIDATED = "validated", N_("validated")
        APPROVED = "approved", N_("approved")
        RETIRED = "retired", N_("retired")

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    digest = models.CharField(max_length=64, unique=True)
    name = models.CharField(max_length=80)
    version = models.CharField(max_length=40)
    manifest = models.JSONField()
    is_synthetic = models.BooleanField(help_text="Trained on synthetic images; every page says so.")
    state = models.CharField(max_length=12, choices=State.choices, default=State.DRAFT)
    golden_difference = models.FloatField(
        null=True, help_text="Largest difference of a probability in the self-test."
    )
    registered_at = models.DateTimeField()
    validated_at = models.DateTimeField(null=True)
    approved_at = models.DateTimeField(null=True)
    retired_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["name", "version"], name="one_model_per_name_and_version"),
            models.CheckConstraint(
                condition=Q(state__in=["draft", "validated", "approved", "retired"]),
                name="model_state_is_known",
            ),
            models.CheckConstraint(
                condition=~Q(state="approved") | Q(approved_at__isnull=False),
                name="approved_model_says_when",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} {self.version}"

    @property
    def short_digest(self) -> str:
        """First eight digits in two groups, as pages show it."""
        return f"{self.digest[:4]} {self.digest[4:8]}"

    @property
    def may_run(self) -> bool:
        return self.state in {self.State.VALIDATED, self.State.APPROVED}


class StudyModel(models.Model):
    """A model version attached to a study, with the report of how it fitted the protocol then."""

    study = models.ForeignKey(ReaderStudy, on_delete=models.PROTECT, related_name="+")
    model = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="attachments")
    protocol_digest = models.CharField(max_length=64)
    fit = models.JSONField()
    attached_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["study", "model"], name="one_attachment_per_study_and_model")
        ]

    def __str__(self) -> str:
        return f"{self.model} in {self.study}"


class StudyRun(models.Model):
    """One asking for a model to see the cases of a study: "Run 7"."""

    study = models.ForeignKey(ReaderStudy, on_delete=models.PROTECT, related_name="+")
    model = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="study_runs")
    number = models.PositiveIntegerField()
    started_at = models.DateTimeField()
    paused_at = models.DateTimeField(null=True)
    stopped_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["study", "number"], name="one_study_run_per_number")]

    def __str__(self) -> str:
        return f"run {self.number} of {self.study}"


class InferenceRun(models.Model):
    """
    One model version on one case.

    `input_key` is the digest of everything that the result depends on (model, preprocessing, protocol,
    pixels, given points, numerics): the same input is never run twice. Whether the work waits, runs, has
    failed or was cancelled is the job's state; here stands only how it ended when it ended by itself.
    """

    class State(models.TextChoices):
        WAITING = "waiting", "not finished"
        DONE = "done", "done"
        IN_PART = "in-part", "in part"
        REFUSED = "refused", "outside the input specification"

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    study_run = models.ForeignKey(StudyRun, on_delete=models.PROTECT, related_name="runs")
    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="+")
    model = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="runs")
    job_id = models.UUIDField(null=True, help_text="Public id of the job.")
    state = models.CharField(max_length=10, choices=State.choices, default=State.WAITING)
    input_key = models.CharField(max_length=64, unique=True)
    input_points = models.CharField(max_length=12, blank=True, help_text="automatic or corrected")
    refusal_reason = models.TextField(blank=True)
    # {structure: reason} of what was not graded, {frame: {structure: [x, y, z, certainty, source]}}.
    left_out = models.JSONField(default=dict)
    points = models.JSONField(default=dict)
    # {radiograph: {structure: [row, column, certainty, source]}}: radiographs have no frame of reference.
    pixels = models.JSONField(default=dict)
    series_used = models.JSONField(default=dict)
    notes = models.JSONField(default=list)
    seconds = models.JSONField(default=dict)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["study_run", "case"], name="one_inference_run_per_case"),
            models.CheckConstraint(
                condition=~Q(state="refused") | ~Q(refusal_reason=""), name="refused_run_says_why"
            ),
            models.CheckConstraint(
                condition=Q(state="waiting") | Q(finished_at__isnull=False), name="finished_run_says_when"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.model} on {self.case}"


class Prediction(models.Model):
    """Probability per grade of one item of one case. Never changed."""

    run = models.ForeignKey(InferenceRun, on_delete=models.PROTECT, related_name="predictions")
    structure = models.CharField(max_length=40)
    finding = models.CharField(max_length=40)
    probabilities = models.JSONField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["run", "structure", "finding"], name="one_prediction_per_run_and_item"
            )
        ]

    def __str__(self) -> str:
        return f"{self.finding} of {self.structure}"


class PredictedLesion(models.Model):
    """A lesion that a model marks in a case: class, score and box along the patient's axes. Never changed."""

    run = models.ForeignKey(InferenceRun, on_delete=models.PROTECT, related_name="lesions")
    number = models.PositiveIntegerField(help_text="The surest is 1.")
    lesion_class = models.CharField(max_length=40)
    score = models.FloatField()
    frame_of_reference = models.CharField(max_length=64, blank=True)
    # {"x_mm", "y_mm", "z_mm", "dx_mm", "dy_mm", "dz_mm"}: centre and full edges, LPS.
    box = models.JSONField()
    planes = models.JSONField(default=list, help_text="Kinds of series that showed it.")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["run", "number"], name="one_predicted_lesion_per_run_and_number"),
            models.CheckConstraint(
                condition=Q(score__gte=0) & Q(score__lte=1), name="predicted_lesion_score_is_a_share"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.lesion_class} {self.number}"


class HeatMap(models.Model):
    """
    Where a model looked in one series of a case: maps of all its items on the network's own cells. Never changed.

    `values` are bytes, 255 the strongest cell of an item, in the order of `items` with `shape` cells each,
    compressed by zlib. Shown after unblinding only, to those who may see figures.
    """

    run = models.ForeignKey(InferenceRun, on_delete=models.PROTECT, related_name="heat_maps")
    kind = models.CharField(max_length=40)
    method = models.CharField(max_length=20, help_text="grad-cam or attention")
    series_uid = models.CharField(max_length=64)
    frame_of_reference = models.CharField(max_length=64, blank=True)
    shape = models.JSONField(help_text="Cells along depth, height and width.")
    cell_mm = models.JSONField(help_text="Edges of a cell: the true resolution.")
    # [{"structure", "finding", "affine": 12 numbers, cell (depth, height, width) to LPS millimetres}]
    items = models.JSONField()
    values = models.BinaryField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["run", "kind"], name="one_heat_map_per_run_and_kind")]

    def __str__(self) -> str:
        return f"{self.method} on {self.kind}"


class TrainingSet(models.Model):
    """
    A training set frozen by `analysis` and handed over by value: cases, items, grades, partitions.

    Holds training and validation patients only; `test_patients` names those that no training may see.
    """

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    study = models.ForeignKey(ReaderStudy, on_delete=models.PROTECT, related_name="+")
    number = models.PositiveIntegerField()
    digest = models.CharField(max_length=64)
    protocol_digest = models.CharField(max_length=64)
    # [{case, patient, partition, structure, finding, grade}], cases and patients by public pseudonym.
    items = models.JSONField()
    test_patients = models.JSONField(default=list)
    frozen_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["study", "number"], name="one_training_set_per_study_and_number")
        ]

    def __str__(self) -> str:
        return f"training set {self.number} of {self.study}"


class TrainingRun(models.Model):
    """
    One training of a grader on a frozen training set.

    Whether it waits, runs, has failed or was cancelled is its job's state. The test partition's figures are
    written once, by a recorded act, and never again.
    """

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    study = models.ForeignKey(ReaderStudy, on_delete=models.PROTECT, related_name="+")
    training_set = models.ForeignKey(TrainingSet, on_delete=models.PROTECT, related_name="runs")
    started_from = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="+")
    number = models.PositiveIntegerField()
    plan = models.JSONField(help_text="As `inference.engine.training_plan.TrainingPlan` reads it.")
    # [{"finding", "n_grades", "cut"}]: the protocol's scales when the training was asked for.
    scales = models.JSONField()
    job_id = models.UUIDField(null=True, help_text="Public id of the job.")
    # [{"epoch", "train_loss", "validation_loss", "auc", "seconds"}]
    epochs = models.JSONField(default=list)
    left_out = models.JSONField(default=dict, help_text="Cases without usable images, with the reason.")
    result = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, null=True, related_name="made_by")
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)
    test_opened_at = models.DateTimeField(null=True)
    test_figures = models.JSONField(default=dict)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["study", "number"], name="one_training_run_per_study_and_number"),
            models.CheckConstraint(
                condition=Q(result__isnull=True) | Q(finished_at__isnull=False),
                name="training_run_with_a_result_says_when",
            ),
            models.CheckConstraint(
                condition=Q(test_opened_at__isnull=True) | Q(result__isnull=False),
                name="test_partition_is_opened_for_a_trained_model",
            ),
        ]

    def __str__(self) -> str:
        return f"training {self.number} of {self.study}"
