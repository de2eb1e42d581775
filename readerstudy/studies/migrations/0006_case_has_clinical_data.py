"""What the coordinator's table says of a case besides its names: age, sex, and what else the study needs."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("studies", "0005_case_says_when_it_was_withdrawn")]

    operations = [migrations.AddField("case", "clinical", models.JSONField(blank=True, default=dict))]
