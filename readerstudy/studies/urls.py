"""The coordinator's pages."""

from django.urls import include, path

from readerstudy.studies import creation_views, joining_views, opening_views, views, withdrawing_views

app_name = "studies"
urlpatterns = [
    path("new-study/", creation_views.create, name="create"),
    path("new-study/check/", creation_views.check_new, name="check_new"),
    path("studies/<slug:slug>/cases/", views.cases, name="cases"),
    path("studies/<slug:slug>/cases/join/", joining_views.join, name="join_cases"),
    path("studies/<slug:slug>/cases/<uuid:case>/images/", joining_views.case_images, name="case_images"),
    path("studies/<slug:slug>/cases/<uuid:case>/screen/", views.screen_case, name="screen_case"),
    path("studies/<slug:slug>/cases/<uuid:case>/withdraw/", withdrawing_views.withdraw, name="withdraw_case"),
    path("studies/<slug:slug>/assignments/", views.assignments, name="assignments"),
    path("studies/<slug:slug>/partition/", views.draw_partitions, name="draw_partitions"),
    path("studies/<slug:slug>/protocol/", views.protocol, name="protocol"),
    path("studies/<slug:slug>/open/", opening_views.study_open, name="open"),
    path("studies/<slug:slug>/team/", views.team, name="team"),
    path("studies/<slug:slug>/", include("readerstudy.studies.images.urls")),
    path("studies/<slug:slug>/", include("readerstudy.studies.coordination.urls")),
]
