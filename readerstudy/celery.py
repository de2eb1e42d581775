"""The Celery application. A message only wakes a worker up; the job row in the database is the truth."""

import os
from pathlib import Path

from celery import Celery
from django.conf import settings

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "readerstudy.settings")
# At its start Celery runs Django's checks and looks at no result. They load every page's module, which takes a worker
# a second and 40 MiB for nothing; `manage.py` makes the same checks and heeds them.
os.environ.setdefault("CELERY_SKIP_CHECKS", "1")

app = Celery("readerstudy")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()

# The filesystem transport looks into its folders before it ever writes there.
for _name in ("data_folder_in", "control_folder"):
    if _name in settings.CELERY_BROKER_TRANSPORT_OPTIONS:
        Path(settings.CELERY_BROKER_TRANSPORT_OPTIONS[_name]).mkdir(parents=True, exist_ok=True, mode=0o700)
