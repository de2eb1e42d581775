"""The WSGI application: Django, with a short way for images in front of it."""

import os

import scipy.optimize  # noqa: F401  (matches marks; half a second that no reader should wait for)
from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "readerstudy.settings")

_django = get_wsgi_application()

from django.urls import get_resolver  # noqa: E402  (needs the settings)

from readerstudy.imaging.fastpath import ImageFastPath  # noqa: E402  (needs the apps to be loaded)

# Loads every page's module now: workers that are forked after this share them, and nobody's first page waits.
get_resolver().url_patterns  # noqa: B018

application = ImageFastPath(_django)
