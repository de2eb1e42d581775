"""
Settings, from environment variables that begin with ``READERSTUDY_``.

Without any variable the product runs on one machine for one institution's trial: SQLite, Celery
over the filesystem, everything below one data root. ``READERSTUDY_PRODUCTION=1`` refuses to start
without the things that a hospital server must have said itself.
"""

import json
import os
import sys
from pathlib import Path
from urllib.parse import unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import gettext_lazy as _

from readerstudy.core.keys import derive_key_from, read_or_create_key_file

BASE_DIR = Path(__file__).resolve().parent.parent


def _flag(name: str, default: bool = False) -> bool:
    return os.environ.get(name, "1" if default else "0").strip().lower() in {"1", "true", "yes", "on"}


def _list(name: str, default: str = "") -> list[str]:
    return [part.strip() for part in os.environ.get(name, default).split(",") if part.strip()]


PRODUCTION = _flag("READERSTUDY_PRODUCTION")
DEBUG = _flag("READERSTUDY_DEBUG")

# One data root holds the database, the image stores, the queue and the one key file.
READERSTUDY_DATA_ROOT = Path(os.environ.get("READERSTUDY_DATA_ROOT", BASE_DIR / "var")).resolve()
READERSTUDY_KEY_FILE = Path(os.environ.get("READERSTUDY_KEY_FILE", READERSTUDY_DATA_ROOT / "key"))

if PRODUCTION:
    if DEBUG:
        raise ImproperlyConfigured("READERSTUDY_DEBUG must be off when READERSTUDY_PRODUCTION is on.")
    if not READERSTUDY_KEY_FILE.exists() and "make_key" not in sys.argv[1:2]:
        raise ImproperlyConfigured(
            f"No key file at {READERSTUDY_KEY_FILE}. Make one with `manage.py make_key` before the first start, "
            "keep a copy apart from the data, and never share it."
        )
    if not os.environ.get("READERSTUDY_ALLOWED_HOSTS") and "make_key" not in sys.argv[1:2]:
        raise ImproperlyConfigured(
            "Set READERSTUDY_ALLOWED_HOSTS to the names under which doctors reach this server."
        )

# Created with mode 0600 where it is missing; in production it was asked for above.
READERSTUDY_MASTER_KEY = read_or_create_key_file(READERSTUDY_KEY_FILE)
SECRET_KEY = derive_key_from(READERSTUDY_MASTER_KEY, "django.secret").hex()

ALLOWED_HOSTS = _list("READERSTUDY_ALLOWED_HOSTS", "127.0.0.1,localhost,[::1]")
CSRF_TRUSTED_ORIGINS = _list("READERSTUDY_TRUSTED_ORIGINS")
_HTTPS = _flag("READERSTUDY_HTTPS", default=PRODUCTION)

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "axes",
    "csp",
    "rest_framework",
    "drf_spectacular",
    "readerstudy.core",
    "readerstudy.accounts",
    "readerstudy.imaging",
    "readerstudy.studies",
    "grading",
    "inference",
    "readerstudy.analysis",
    "readerstudy.demo",
]

MIDDLEWARE = [
    # First, so that static files and error pages carry the policy too.
    "csp.middleware.CSPMiddleware",
    "readerstudy.core.middleware.ResponseHeadersMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    # A page is closed unless its view says otherwise.
    "django.contrib.auth.middleware.LoginRequiredMiddleware",
    "readerstudy.accounts.middleware.LanguageMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "axes.middleware.AxesMiddleware",
]

ROOT_URLCONF = "readerstudy.urls"
WSGI_APPLICATION = "readerstudy.wsgi.application"
ASGI_APPLICATION = "readerstudy.asgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": False,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.i18n",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "readerstudy.core.context.product",
            ],
            "loaders": [
                (
                    "django.template.loaders.cached.Loader",
                    ["django.template.loaders.filesystem.Loader"],
                )
            ]
            if not DEBUG
            else ["django.template.loaders.filesystem.Loader"],
        },
    }
]


def _database(url: str) -> dict[str, object]:
    """Read ``sqlite:///path`` or ``postgres://user:password@host:port/name`` (host may be a socket folder)."""
    parts = urlsplit(url)
    if parts.scheme == "sqlite":
        return {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": unquote(parts.path),
            # Measured with 20 writers: no error with these, 90 % failures with Django's defaults.
            "OPTIONS": {
                "transaction_mode": "IMMEDIATE",
                "timeout": 20,
                # 32 MiB of pages a connection: with SQLite's own 2 MiB the counts of a large study read them again
                # and again (a page of 250 ms took 190, one of 280 took 165).
                "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA cache_size=-32768;",
            },
            "CONN_MAX_AGE": None,
        }
    if parts.scheme in {"postgres", "postgresql"}:
        query = dict(part.split("=", 1) for part in parts.query.split("&") if "=" in part)
        return {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": parts.path.lstrip("/"),
            "USER": unquote(parts.username or ""),
            "PASSWORD": unquote(parts.password or ""),
            "HOST": unquote(query.get("host", parts.hostname or "")),
            "PORT": str(parts.port or ""),
            "CONN_MAX_AGE": None,
            "CONN_HEALTH_CHECKS": True,
        }
    raise ImproperlyConfigured(
        f"READERSTUDY_DATABASE_URL begins with {parts.scheme!r}; use sqlite:// or postgres://."
    )


DATABASES = {
    "default": _database(
        os.environ.get("READERSTUDY_DATABASE_URL", f"sqlite://{READERSTUDY_DATA_ROOT / 'database.sqlite3'}")
    )
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- accounts -------------------------------------------------------------------------------------

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["axes.backends.AxesStandaloneBackend", "django.contrib.auth.backends.ModelBackend"]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "accounts:sign_in"
LOGIN_REDIRECT_URL = "home"
LOGOUT_REDIRECT_URL = "accounts:sign_in"
AXES_FAILURE_LIMIT = 10
AXES_COOLOFF_TIME = 0.25  # hours
AXES_RESET_ON_SUCCESS = True
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_VERBOSE = False
AXES_LOCKOUT_TEMPLATE = "accounts/sign_in_locked.html"
EMAIL_BACKEND = os.environ.get("READERSTUDY_EMAIL_BACKEND", "django.core.mail.backends.console.EmailBackend")

SESSION_COOKIE_AGE = 12 * 3600
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = _HTTPS
CSRF_COOKIE_SECURE = _HTTPS
CSRF_COOKIE_SAMESITE = "Strict"
CSRF_FAILURE_VIEW = "readerstudy.accounts.failures.csrf_failure"
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_HSTS_SECONDS = 31_536_000 if _HTTPS else 0
SECURE_SSL_REDIRECT = _HTTPS and not _flag("READERSTUDY_BEHIND_TLS_PROXY")
if _flag("READERSTUDY_BEHIND_TLS_PROXY"):
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
X_FRAME_OPTIONS = "DENY"

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'none'"],
        "script-src": ["'self'", "'wasm-unsafe-eval'"],
        "worker-src": ["'self'"],
        "connect-src": ["'self'"],
        "img-src": ["'self'", "data:", "blob:"],
        "style-src-elem": ["'self'"],
        "style-src-attr": ["'unsafe-inline'"],
        "font-src": ["'self'"],
        "base-uri": ["'none'"],
        "form-action": ["'self'"],
        "frame-ancestors": ["'none'"],
    }
}

# --- language, time, files ------------------------------------------------------------------------

LANGUAGE_CODE = os.environ.get("READERSTUDY_LANGUAGE", "en")
LANGUAGES = [("en", _("English")), ("zh-hans", _("Simplified Chinese"))]
LOCALE_PATHS = [BASE_DIR / "locale"]
USE_I18N = True
USE_TZ = True
TIME_ZONE = os.environ.get("READERSTUDY_TIME_ZONE", "UTC")

STATIC_URL = "/static/"
STATIC_ROOT = READERSTUDY_DATA_ROOT / "static"
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "readerstudy.core.storage.StaticStorage"},
}
# The icon that browsers ask for by themselves, where a window shows an image and no page.
WHITENOISE_ROOT = BASE_DIR / "static" / "root"
WHITENOISE_IMMUTABLE_FILE_TEST = "readerstudy.core.storage.is_immutable"
FILE_UPLOAD_PERMISSIONS = 0o600
DATA_UPLOAD_MAX_MEMORY_SIZE = 20 * 1024 * 1024

# --- jobs -----------------------------------------------------------------------------------------

CELERY_BROKER_URL = os.environ.get("READERSTUDY_BROKER_URL", "filesystem://")
READERSTUDY_QUEUE_FOLDER = READERSTUDY_DATA_ROOT / "queue"
CELERY_BROKER_TRANSPORT_OPTIONS = (
    {
        "data_folder_in": str(READERSTUDY_QUEUE_FOLDER / "messages"),
        "data_folder_out": str(READERSTUDY_QUEUE_FOLDER / "messages"),
        "control_folder": str(READERSTUDY_QUEUE_FOLDER / "control"),
        "store_processed": False,
    }
    if CELERY_BROKER_URL.startswith("filesystem:")
    else {}
)
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_DEFAULT_QUEUE = "default"
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
# The job row is the truth; how long a silent worker keeps its claim, and how often lost work is looked for.
READERSTUDY_JOB_LEASE_SECONDS = float(os.environ.get("READERSTUDY_JOB_LEASE_SECONDS", "30"))
READERSTUDY_JOB_REAP_SECONDS = float(os.environ.get("READERSTUDY_JOB_REAP_SECONDS", "5"))
# How often a worker clears away what nobody comes back to.
READERSTUDY_TIDY_SECONDS = 600.0

# --- models ---------------------------------------------------------------------------------------

# Threads of one worker process; several workers of one thread each give more cases a minute than one of many.
READERSTUDY_TORCH_THREADS = int(os.environ.get("READERSTUDY_TORCH_THREADS", "1"))
# Where new runs of models wait: for workers on the processor, or for those on a machine with a graphics card.
READERSTUDY_INFERENCE_QUEUE = os.environ.get("READERSTUDY_INFERENCE_QUEUE", "inference.cpu")
if READERSTUDY_INFERENCE_QUEUE not in {"inference.cpu", "inference.gpu"}:
    raise ImproperlyConfigured(
        f"READERSTUDY_INFERENCE_QUEUE is inference.cpu or inference.gpu, not {READERSTUDY_INFERENCE_QUEUE!r}."
    )
# Decoded series that a worker process keeps, so that a second model on the same cases reads no file again.
READERSTUDY_VOLUME_CACHE_MB = int(os.environ.get("READERSTUDY_VOLUME_CACHE_MB", "256"))

# --- reading ---------------------------------------------------------------------------------------

# A page of the reading room covers itself after this time without a key or the mouse; the same person goes on.
READERSTUDY_IDLE_LOCK_MINUTES = float(os.environ.get("READERSTUDY_IDLE_LOCK_MINUTES", "15"))
# After this time without a pause of five minutes the status bar proposes one. 0: never.
READERSTUDY_BREAK_MINUTES = float(os.environ.get("READERSTUDY_BREAK_MINUTES", "50"))

# --- images ---------------------------------------------------------------------------------------

# The files as they came, encrypted in a store of their own; off keeps the blinded cache alone.
READERSTUDY_KEEP_ORIGINALS = _flag("READERSTUDY_KEEP_ORIGINALS", default=True)
# Also look at the pixels of every file for writing; takes some milliseconds a file.
READERSTUDY_LOOK_FOR_TEXT = _flag("READERSTUDY_LOOK_FOR_TEXT", default=False)
READERSTUDY_IMPORT_PROCESSES = int(
    os.environ.get("READERSTUDY_IMPORT_PROCESSES", min(2, os.cpu_count() or 1))
)
# Bounds of the processes that read files of unknown origin; see readerstudy.dicom.limits.
READERSTUDY_IMPORT_LIMITS: dict[str, int] = {}
# DICOMweb archives to search and fetch from, by name: {"pacs": {"title", "url", "user", "password" or "token"}},
# in a file that only the server reads. No request ever names an address.
READERSTUDY_ARCHIVES: dict[str, dict[str, str]] = (
    json.loads(Path(os.environ["READERSTUDY_ARCHIVES_FILE"]).read_text())
    if os.environ.get("READERSTUDY_ARCHIVES_FILE")
    else {}
)
READERSTUDY_ARCHIVE_TIMEOUT_SECONDS = float(os.environ.get("READERSTUDY_ARCHIVE_TIMEOUT_SECONDS", "3"))
# How frames are kept: htj2k (lossless, small), jpeg-ls (lossless) or explicit-le (uncompressed).
READERSTUDY_FRAME_SYNTAX = os.environ.get("READERSTUDY_FRAME_SYNTAX", "htj2k")
# A capability ends by itself after this time; sign-out, lock and withdrawal end it earlier.
READERSTUDY_IMAGES_OPEN_SECONDS = int(os.environ.get("READERSTUDY_IMAGES_OPEN_SECONDS", 12 * 3600))
# "immutable" lets the one browser keep images of an open presentation; "no-store" forbids it.
READERSTUDY_IMAGE_CACHING = os.environ.get("READERSTUDY_IMAGE_CACHING", "immutable")

# --- API ------------------------------------------------------------------------------------------

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["rest_framework.authentication.SessionAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "readerstudy.core.api.exception_handler",
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "ReaderStudy",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    # The description of the API is for people with an account, as every page is.
    "SERVE_PERMISSIONS": ["rest_framework.permissions.IsAuthenticated"],
}

READERSTUDY_INSTITUTION = os.environ.get("READERSTUDY_INSTITUTION", "")

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"plain": {"format": "{asctime} {levelname} {name}: {message}", "style": "{"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "plain"}},
    "root": {"handlers": ["console"], "level": os.environ.get("READERSTUDY_LOG_LEVEL", "INFO")},
    "loggers": {
        "axes": {"level": "ERROR"},
        "celery": {"level": "WARNING"},
        "kombu": {"level": "ERROR"},
        "django.request": {"level": "ERROR"},
        # These write addresses, and a search for a patient stands in its address.
        "retrying": {"level": "CRITICAL"},
        "dicomweb_client": {"level": "WARNING"},
        "urllib3": {"level": "ERROR"},
    },
}
SILENCED_SYSTEM_CHECKS: list[str] = []
