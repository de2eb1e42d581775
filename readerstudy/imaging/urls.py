"""DICOMweb: QIDO-RS and WADO-RS below one presentation."""

from django.urls import include, path, register_converter

from readerstudy.imaging import views


class UidConverter:
    """A UID in an address; whether it exists is the view's question."""

    regex = r"[0-9.]{1,64}"

    def to_python(self, value: str) -> str:
        return value

    def to_url(self, value: str) -> str:
        return value


register_converter(UidConverter, "uid")
app_name = "imaging"
_STUDY = "studies/<uid:study>"
_SERIES = f"{_STUDY}/series/<uid:series>"
_INSTANCE = f"{_SERIES}/instances/<uid:instance>"
_dicomweb = [
    path("verdict", views.verdict, name="verdict"),
    path("studies", views.search, {"level": "studies"}, name="search_studies"),
    path("series", views.search, {"level": "series"}, name="search_all_series"),
    path("instances", views.search, {"level": "instances"}, name="search_all_instances"),
    path(f"{_STUDY}/series", views.search, {"level": "series"}, name="search_series"),
    path(f"{_STUDY}/instances", views.search, {"level": "instances"}, name="search_study_instances"),
    path(f"{_SERIES}/instances", views.search, {"level": "instances"}, name="search_instances"),
    path(f"{_STUDY}/metadata", views.metadata, name="study_metadata"),
    path(f"{_SERIES}/metadata", views.metadata, name="series_metadata"),
    path(f"{_INSTANCE}/metadata", views.metadata, name="instance_metadata"),
    path(f"{_INSTANCE}/frames/<str:frames>", views.frames, name="frames"),
    path(f"{_INSTANCE}/frames/<int:frame>/rendered", views.rendered, name="rendered_frame"),
    path(f"{_INSTANCE}/rendered", views.rendered, name="rendered_instance"),
    path(f"{_INSTANCE}/thumbnail", views.rendered, {"thumbnail": True}, name="instance_thumbnail"),
    path(f"{_SERIES}/thumbnail", views.rendered, {"thumbnail": True}, name="series_thumbnail"),
]
urlpatterns = [
    path("dicomweb/<uuid:presentation>/", include(_dicomweb)),
    path("dicomweb/<path:rest>", views.absent, name="absent"),
]
