"""What an answer says, as it stands in every table that holds one."""

from django.db import models
from django.db.models import Q


class Kind(models.TextChoices):
    """What an answer says: a grade, a number, or one of the typed answers."""

    GRADE = "grade", "grade"
    VALUE = "value", "value"
    NOT_ASSESSABLE = "not_assessable", "not assessable"
    ABSENT = "absent", "absent"
    FUSED = "fused", "fused"


def answer_constraints(name: str) -> list[models.CheckConstraint]:
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
