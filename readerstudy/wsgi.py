"""The WSGI application: Django, with a short way for images in front of it."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "readerstudy.settings")

_django = get_wsgi_application()

from readerstudy.imaging.fastpath import ImageFastPath  # noqa: E402  (needs the apps to be loaded)

application = ImageFastPath(_django)
