"""Why the panel sent a decision back; the database keeps it as it keeps every other decision."""

from importlib import import_module

import django.db.models.deletion
from django.db import migrations, models

earlier = import_module("grading.migrations.0006_marks_are_append_only")
TABLE = "grading_sentback"
COLUMNS = [
    "id",
    "adjudication_id",
    "mark_decision_id",
    "assignment_id",
    "reason_code",
    "reason_text",
    "sent_at",
]


def with_triggers(apps, schema_editor):
    vendor = schema_editor.connection.vendor
    changed = earlier._changed(vendor, COLUMNS, [])
    earlier._run(schema_editor, earlier._create(vendor, TABLE, "UPDATE", changed))
    earlier._run(schema_editor, earlier._create(vendor, TABLE, "DELETE", "1 = 1"))


def without_triggers(apps, schema_editor):
    for act in ("UPDATE", "DELETE"):
        earlier._run(schema_editor, earlier._drop(schema_editor.connection.vendor, TABLE, act))


class Migration(migrations.Migration):
    dependencies = [
        ("grading", "0010_index_of_decided_references"),
        ("studies", "0007_case_included_although_it_lacks_images"),
    ]

    operations = [
        migrations.CreateModel(
            name="SentBack",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("reason_code", models.CharField(blank=True, max_length=40)),
                ("reason_text", models.CharField(blank=True, max_length=200)),
                ("sent_at", models.DateTimeField()),
                (
                    "adjudication",
                    models.OneToOneField(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="sent_back",
                        to="grading.adjudication",
                    ),
                ),
                (
                    "assignment",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="studies.assignment"
                    ),
                ),
                (
                    "mark_decision",
                    models.OneToOneField(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="sent_back",
                        to="grading.markdecision",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("adjudication__isnull", True), ("mark_decision__isnull", False)),
                            models.Q(("adjudication__isnull", False), ("mark_decision__isnull", True)),
                            _connector="OR",
                        ),
                        name="sent_back_is_of_one_decision",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("reason_code", ""), _negated=True),
                            models.Q(("reason_text", ""), _negated=True),
                            _connector="OR",
                        ),
                        name="sent_back_says_why",
                    ),
                ],
            },
        ),
        migrations.RunPython(with_triggers, without_triggers),
    ]
