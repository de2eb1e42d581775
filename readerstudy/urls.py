"""All addresses of the product."""

from django.urls import include, path

urlpatterns = [
    path("", include("readerstudy.accounts.urls")),
    path("", include("readerstudy.imaging.urls")),
]
