"""Reads submitted although required images had not been shown at full quality: a table that the database keeps."""

from importlib import import_module

import django.db.models.deletion
from django.db import migrations, models

earlier = import_module("grading.migrations.0006_marks_are_append_only")
TABLE = "grading_unseenimages"
COLUMNS = ["id", "read_id", "series", "reason", "words", "submitted_at"]


def forwards(apps, schema_editor):
    vendor = schema_editor.connection.vendor
    earlier._run(
        schema_editor, earlier._create(vendor, TABLE, "UPDATE", earlier._changed(vendor, COLUMNS, []))
    )
    earlier._run(schema_editor, earlier._create(vendor, TABLE, "DELETE", "1 = 1"))


def backwards(apps, schema_editor):
    for act in ("UPDATE", "DELETE"):
        earlier._run(schema_editor, earlier._drop(schema_editor.connection.vendor, TABLE, act))


class Migration(migrations.Migration):
    dependencies = [("grading", "0007_aid_on_record")]

    operations = [
        migrations.CreateModel(
            name="UnseenImages",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("series", models.JSONField(help_text="Neutral labels of the series.")),
                ("reason", models.CharField(max_length=20)),
                ("words", models.CharField(blank=True, max_length=300)),
                ("submitted_at", models.DateTimeField()),
                (
                    "read",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="unseen_images",
                        to="grading.read",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("reason", ""), _negated=True), name="unseen_images_have_a_reason"
                    )
                ],
            },
        ),
        migrations.RunPython(forwards, backwards),
    ]
