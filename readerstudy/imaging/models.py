"""Blinded image sets. `imaging` knows no case and no assignment: `scope` is a reader study's public id."""

import uuid

from django.db import models


class ImageSet(models.Model):
    """
    All blinded imaging studies of one patient in one reader study.

    `subject_key` is a keyed hash of the issuer and the patient id, so that a later import finds the
    same patient without storing who it is.
    """

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    scope = models.UUIDField(db_index=True)
    subject_key = models.CharField(max_length=64)
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["scope", "subject_key"], name="one_image_set_per_subject_and_scope"
            )
        ]

    def __str__(self) -> str:
        return str(self.public_id)
