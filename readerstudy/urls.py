"""All addresses of the product."""

from django.urls import include, path
from drf_spectacular.views import SpectacularAPIView

from readerstudy.studies.coordination.views import invitation
from readerstudy.studies.views import home

api = (
    [
        path("", include("grading.api_urls")),
        path("", include("inference.api_urls")),
        path("", include("readerstudy.analysis.api_urls")),
        path("schema/", SpectacularAPIView.as_view(), name="schema"),
    ],
    "api",
)

urlpatterns = [
    path("", home, name="home"),
    path("invitation/<str:token>/", invitation, name="invitation"),
    path("", include("readerstudy.accounts.urls")),
    path("", include("readerstudy.imaging.urls")),
    path("", include("readerstudy.studies.urls")),
    path("", include("grading.urls")),
    path("", include("inference.urls")),
    path("", include("readerstudy.analysis.urls")),
    path("api/v1/", include(api)),
]
