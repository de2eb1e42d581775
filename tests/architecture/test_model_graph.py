"""
Relations between models point down only, and those that cross from a blinded room leave no way back.

Import contracts cannot see a relation that is named by a string, nor the reverse accessor that Django
puts on the lower model: ``case.prediction_set`` leaks the model to code that imports nothing.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from django.apps import apps
from django.contrib.contenttypes.fields import GenericForeignKey
from django.db import models
from django.test.utils import isolate_apps

# Rooms from the ground up; two on one floor do not know each other.
FLOORS = {
    "core": 0,
    "accounts": 1,
    "imaging": 2,
    "studies": 3,
    "grading": 4,
    "inference": 4,
    "analysis": 5,
    "demo": 6,
}
BLINDED_ROOMS = {"grading", "inference", "analysis"}
BELOW_THE_BLIND = {"studies", "imaging"}


@dataclass(frozen=True)
class Relation:
    """One relation: from which model to which, and the name of the way back ("" where there is none)."""

    app: str
    model: str
    field: str
    target_app: str
    way_back: str


def relations(of: Iterable[type[models.Model]]) -> Iterator[Relation]:
    for model in of:
        for field in [*model._meta.local_fields, *model._meta.local_many_to_many]:
            if field.remote_field is None or not isinstance(field.remote_field.model, type):
                continue
            hidden = field.remote_field.hidden
            yield Relation(
                model._meta.app_label,
                model._meta.object_name or "",
                field.name,
                field.remote_field.model._meta.app_label,
                "" if hidden else field.remote_field.get_accessor_name() or field.related_query_name(),
            )


def faults(found: Iterable[Relation]) -> list[str]:
    problems = []
    for each in found:
        name = f"{each.app}.{each.model}.{each.field}"
        if each.app not in FLOORS or each.target_app not in FLOORS:
            continue
        floor, target = FLOORS[each.app], FLOORS[each.target_app]
        if target > floor or (target == floor and each.app != each.target_app):
            problems.append(f"{name} points up to {each.target_app}")
        if each.app in BLINDED_ROOMS and each.target_app in BELOW_THE_BLIND and each.way_back:
            problems.append(f'{name} leaves {each.target_app} the way back {each.way_back}: related_name="+"')
    return problems


def our_models() -> list[type[models.Model]]:
    return [model for model in apps.get_models(include_auto_created=True) if model._meta.app_label in FLOORS]


def test_relations_point_down_and_blinded_rooms_leave_no_way_back():
    found = list(relations(our_models()))
    assert len(found) > 20  # the walk sees the product's models
    assert faults(found) == []


def test_no_generic_relation():
    generic = [
        f"{model._meta.label}.{field.name}"
        for model in our_models()
        for field in model._meta.private_fields
        if isinstance(field, GenericForeignKey)
    ]
    assert generic == []


@isolate_apps("readerstudy.studies", "inference")
def test_planted_way_back_is_seen():
    class PlantedCase(models.Model):
        class Meta:
            app_label = "studies"

    class PlantedPrediction(models.Model):
        case = models.ForeignKey(PlantedCase, on_delete=models.CASCADE)

        class Meta:
            app_label = "inference"

    class PlantedRun(models.Model):
        cases = models.ManyToManyField("studies.PlantedCase", related_name="runs")
        quiet = models.OneToOneField("studies.PlantedCase", on_delete=models.CASCADE, related_name="+")

        class Meta:
            app_label = "inference"

    problems = faults(relations([PlantedCase, PlantedPrediction, PlantedRun]))

    assert problems == [
        'inference.PlantedPrediction.case leaves studies the way back plantedprediction_set: related_name="+"',
        'inference.PlantedRun.cases leaves studies the way back runs: related_name="+"',
    ]


@isolate_apps("readerstudy.studies", "grading", "inference")
def test_planted_relation_up_is_seen_even_by_string():
    class PlantedRead(models.Model):
        class Meta:
            app_label = "grading"

    class PlantedCase(models.Model):
        read = models.ForeignKey("grading.PlantedRead", on_delete=models.CASCADE, related_name="+")

        class Meta:
            app_label = "studies"

    class PlantedRun(models.Model):
        read = models.ForeignKey("grading.PlantedRead", on_delete=models.CASCADE, related_name="+")

        class Meta:
            app_label = "inference"

    problems = faults(relations([PlantedRead, PlantedCase, PlantedRun]))

    assert problems == [
        "studies.PlantedCase.read points up to grading",
        "inference.PlantedRun.read points up to grading",
    ]


def test_no_model_orders_itself():
    """A hidden order hides a missing one: every query says its own, ending in a unique column."""
    ours = [model for model in our_models() if not model._meta.auto_created]
    assert [model._meta.label for model in ours if model._meta.ordering] == []
