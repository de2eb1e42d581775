"""Settings of the site that the viewer's tests look at: the product's, with the test pages on top."""

from readerstudy.settings import *  # noqa: F403

ROOT_URLCONF = "tests.browser.viewer.pages"
# The build is served from the working tree; `collectstatic` is the installation's business.
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = False
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
