"""People who sign in."""

import uuid

from django.contrib.auth.models import AbstractUser
from django.db import models


class User(AbstractUser):
    """
    An account. Duties are held per study (`studies.StudyRole`), never here.

    `public_id` names the person in audit events and exports; `display_name` is what colleagues see.
    """

    class Theme(models.TextChoices):
        BY_ROOM = "", "by room"
        READING = "reading", "dark"
        OFFICE = "office", "light"

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    display_name = models.CharField(max_length=200, blank=True)
    language = models.CharField(max_length=10, blank=True)
    theme = models.CharField(max_length=10, blank=True, choices=Theme.choices, default=Theme.BY_ROOM)
    key_map = models.JSONField(default=dict, blank=True)

    def __str__(self) -> str:
        return self.display_name or self.username
