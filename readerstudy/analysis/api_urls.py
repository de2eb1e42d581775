"""The results part of /api/v1/."""

from django.urls import path

from readerstudy.analysis import api

urlpatterns = [
    path("studies/<slug:slug>/results/", api.SummaryView.as_view(), name="results"),
    path("studies/<slug:slug>/results/figures/", api.FiguresView.as_view(), name="results-figures"),
    path("studies/<slug:slug>/results/resampled/", api.ResampledView.as_view(), name="results-resampled"),
    path("studies/<slug:slug>/results/marks/", api.MarksView.as_view(), name="results-marks"),
    path("studies/<slug:slug>/results/readers/", api.ReadersView.as_view(), name="results-readers"),
    path("studies/<slug:slug>/results/items/", api.ItemsView.as_view(), name="results-items"),
]
