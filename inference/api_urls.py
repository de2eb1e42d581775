"""The models part of /api/v1/."""

from django.urls import path

from inference import api

urlpatterns = [
    path("studies/<slug:slug>/models/runs/", api.RunsView.as_view(), name="model-runs"),
    path("studies/<slug:slug>/models/runs/<int:number>/", api.RunView.as_view(), name="model-run"),
    path(
        "studies/<slug:slug>/models/runs/<int:number>/<str:act>/",
        api.RunActView.as_view(),
        name="model-run-act",
    ),
]
