"""Addresses of the coordinator's page of the readers."""

from django.urls import path

from grading.office import views

urlpatterns = [
    path("studies/<slug:slug>/readers/", views.monitor, name="monitor"),
    path("studies/<slug:slug>/readers/<str:code>/", views.change_reader, name="change_reader"),
]
