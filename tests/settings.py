"""Settings of the test suite: a data root of its own, a fast password hash, plain static names."""

import os

from tests.own_root import own_data_root

os.environ.update(own_data_root(os.environ))
os.environ.setdefault("READERSTUDY_LOG_LEVEL", "WARNING")
# Playwright's synchronous interface runs an event loop in the thread of the tests, and Django takes
# that for asynchronous code that must not touch the database. Nothing here is asynchronous.
os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "true")

from readerstudy.settings import *  # noqa: F403
from readerstudy.settings import DATABASES, READERSTUDY_DATA_ROOT

# Argon2 costs 50 ms a sign-in by design; the suite signs in hundreds of times.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
CELERY_BROKER_URL = os.environ.get("READERSTUDY_BROKER_URL", "memory://")
CELERY_BROKER_TRANSPORT_OPTIONS: dict[str, object] = {}

if DATABASES["default"]["ENGINE"].endswith("sqlite3"):
    # A file, as in the product: threads and other processes see what a test wrote. The disk is not
    # waited for, because nothing here outlives the run.
    DATABASES["default"]["TEST"] = {"NAME": str(READERSTUDY_DATA_ROOT / "test.sqlite3")}
    DATABASES["default"]["OPTIONS"]["init_command"] = "PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF;"

STATIC_ROOT.mkdir(parents=True, exist_ok=True)  # noqa: F405  (WhiteNoise looks for it)
