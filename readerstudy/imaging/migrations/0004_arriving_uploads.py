from django.db import migrations, models


def uploads_without_a_job_are_arriving(apps, editor):
    """Until now an upload that was sent file by file waited as an import whose turn comes waits."""
    jobs = apps.get_model("core", "Job").objects
    for batch in apps.get_model("imaging", "ImportBatch").objects.filter(state="waiting"):
        if not jobs.filter(payload__batch=str(batch.public_id)).exists():
            batch.state = "arriving"
            batch.save(update_fields=["state"])


def arriving_uploads_wait(apps, editor):
    batches = apps.get_model("imaging", "ImportBatch").objects
    batches.filter(state="arriving").update(state="waiting")
    batches.filter(state="given_up").update(state="failed")


class Migration(migrations.Migration):
    dependencies = [
        ("core", "0001_initial"),
        ("imaging", "0003_images_of_several_patient_numbers"),
    ]

    operations = [
        migrations.AlterField(
            model_name="importbatch",
            name="state",
            field=models.CharField(
                choices=[
                    ("arriving", "arriving"),
                    ("waiting", "waiting"),
                    ("running", "running"),
                    ("done", "done"),
                    ("failed", "failed"),
                    ("given_up", "given up"),
                ],
                default="waiting",
                max_length=8,
            ),
        ),
        migrations.RunPython(uploads_without_a_job_are_arriving, arriving_uploads_wait),
    ]
