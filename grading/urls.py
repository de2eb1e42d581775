"""Pages of blinded people."""

from django.urls import include, path

from grading import joint_views, practice_views, views

app_name = "grading"
urlpatterns = [
    path("", include("grading.desk.urls")),
    path("", include("grading.dry_run.urls")),
    path("", include("grading.office.urls")),
    path("studies/<slug:slug>/", views.overview, name="overview"),
    path("studies/<slug:slug>/worklist/", views.worklist, name="worklist"),
    path("studies/<slug:slug>/protocol/preview/", views.preview, name="preview"),
    path("studies/<slug:slug>/practice/", practice_views.practice, name="practice"),
    path("studies/<slug:slug>/calibration/", practice_views.practice_desk, name="practice_desk"),
    path("read/<uuid:assignment>/feedback/", practice_views.practice_feedback, name="practice_feedback"),
    path("read/<uuid:assignment>/", views.read_case, name="read_case"),
    path("studies/<slug:slug>/adjudication/", views.adjudication_list, name="adjudication_list"),
    path("adjudication/<uuid:assignment>/", views.adjudicate_case, name="adjudicate_case"),
    path("studies/<slug:slug>/joint/", joint_views.joint_list, name="joint_list"),
    path("studies/<slug:slug>/joint/end/", joint_views.end_joint, name="joint_end"),
    path("joint/<uuid:assignment>/", joint_views.joint_case, name="joint_case"),
    path("studies/<slug:slug>/panel/", views.panel_list, name="panel_list"),
    path("panel/<uuid:assignment>/", views.confirm_case, name="confirm_case"),
]
