"""Addresses of a dry run."""

from django.urls import path

from grading.dry_run import views

urlpatterns = [
    path("studies/<slug:slug>/dry-run/", views.dry_run, name="dry_run"),
    path("studies/<slug:slug>/dry-run/end/", views.end_dry_run, name="end_dry_run"),
    path("studies/<slug:slug>/dry-run/<slug:seat>/<path:rest>", views.seat, name="dry_run_seat"),
]
