"""Addresses of the coordinator's page of the readers."""

from django.urls import path

from grading.office import reads_views, views

urlpatterns = [
    path("studies/<slug:slug>/readers/", views.monitor, name="monitor"),
    path("studies/<slug:slug>/readers/<str:code>/", views.change_reader, name="change_reader"),
    path("studies/<slug:slug>/readers/<str:code>/reads/", reads_views.reads, name="reader_reads"),
    path("studies/<slug:slug>/reads/<uuid:assignment>/withdraw/", reads_views.withdraw, name="withdraw_read"),
]
