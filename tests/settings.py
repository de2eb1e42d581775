"""Settings of the test suite: a data root of its own, a fast password hash, plain static names."""

import os
import tempfile

os.environ.setdefault("READERSTUDY_DATA_ROOT", tempfile.mkdtemp(prefix="readerstudy-test-"))
os.environ.setdefault("READERSTUDY_LOG_LEVEL", "WARNING")

from readerstudy.settings import *  # noqa: F403

# Argon2 costs 50 ms a sign-in by design; the suite signs in hundreds of times.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
CELERY_BROKER_URL = os.environ.get("READERSTUDY_BROKER_URL", "memory://")
CELERY_BROKER_TRANSPORT_OPTIONS: dict[str, object] = {}
