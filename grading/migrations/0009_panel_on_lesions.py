"""The panel decides on single lesions, and whoever settles a mark may draw its place: columns that the database keeps."""

from importlib import import_module

import django.db.models.deletion
from django.db import migrations, models

earlier = import_module("grading.migrations.0006_marks_are_append_only")
GROWN = {"grading_markdecision": ["place"], "grading_referencemark": ["is_redrawn", "no_majority"]}
CONFIRMATION = "grading_caseconfirmation"


def _drop(schema_editor):
    vendor = schema_editor.connection.vendor
    for table in GROWN:
        for act in ("UPDATE", "DELETE"):
            earlier._run(schema_editor, earlier._drop(vendor, table, act))


def _create(schema_editor, grown):
    vendor = schema_editor.connection.vendor
    for table, columns in grown.items():
        never, once = earlier.DECISIONS[table]
        changed = earlier._changed(vendor, [*never, *columns], once)
        earlier._run(schema_editor, earlier._create(vendor, table, "UPDATE", changed))
        earlier._run(schema_editor, earlier._create(vendor, table, "DELETE", "1 = 1"))


def without_triggers(apps, schema_editor):
    # SQLite makes a table anew to add a column, and its triggers would not come along.
    _drop(schema_editor)


def with_earlier_triggers(apps, schema_editor):
    _create(schema_editor, dict.fromkeys(GROWN, ()))


def with_triggers(apps, schema_editor):
    _create(schema_editor, GROWN)
    vendor = schema_editor.connection.vendor
    changed = earlier._changed(vendor, ["id", "case_id", "confirmed_at"], [])
    earlier._run(schema_editor, earlier._create(vendor, CONFIRMATION, "UPDATE", changed))
    earlier._run(schema_editor, earlier._create(vendor, CONFIRMATION, "DELETE", "1 = 1"))


def without_all_triggers(apps, schema_editor):
    _drop(schema_editor)
    for act in ("UPDATE", "DELETE"):
        earlier._run(schema_editor, earlier._drop(schema_editor.connection.vendor, CONFIRMATION, act))


class Migration(migrations.Migration):
    dependencies = [("grading", "0008_unseen_images")]

    operations = [
        migrations.RunPython(without_triggers, with_earlier_triggers),
        migrations.AddField("markdecision", "place", models.JSONField(null=True)),
        migrations.AddField(
            "referencemark",
            "is_redrawn",
            models.BooleanField(
                default=False, help_text="The place was drawn by whoever settled the mark, not by a reader."
            ),
        ),
        migrations.AddField(
            "referencemark",
            "no_majority",
            models.BooleanField(
                default=False, help_text="The panel did not agree; the lesion stands as it was settled."
            ),
        ),
        migrations.CreateModel(
            name="CaseConfirmation",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("confirmed_at", models.DateTimeField()),
                (
                    "case",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="studies.case"
                    ),
                ),
            ],
        ),
        migrations.RunPython(with_triggers, without_all_triggers),
    ]
