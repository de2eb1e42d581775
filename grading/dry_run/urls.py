"""Addresses of a dry run: at a study, and at a file before there is a study."""

from django.urls import path

from grading.dry_run import views

urlpatterns = [
    path("studies/<slug:slug>/dry-run/", views.dry_run, name="dry_run"),
    path("studies/<slug:slug>/dry-run/end/", views.end_dry_run, name="end_dry_run"),
    path("studies/<slug:slug>/dry-run/<slug:seat>/", views.seat_home, name="dry_run_home"),
    path("studies/<slug:slug>/dry-run/<slug:seat>/<path:rest>", views.seat, name="dry_run_seat"),
    path("new-study/dry-run/", views.try_file, name="try_file"),
    path("new-study/dry-run/end/", views.end_trial, name="end_trial"),
    path("new-study/dry-run/<slug:seat>/", views.trial_home, name="trial_home"),
    path("new-study/dry-run/<slug:seat>/<path:rest>", views.trial_seat, name="trial_seat"),
]
