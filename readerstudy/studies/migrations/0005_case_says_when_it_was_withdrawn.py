"""A case says when it was withdrawn and what it was until then: data locked before keep the hash that was signed."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("studies", "0004_training_and_calibration")]

    operations = [migrations.AddField("case", "withdrawal", models.JSONField(null=True))]
